use vminspect_bytes::{Resolution, Timestamp};

#[test]
fn clocks_agree_on_known_moments() {
    let unix = |seconds, nanoseconds, resolution| Timestamp::from_unix(seconds, nanoseconds, resolution);
    assert_eq!(
        Timestamp::from_filetime(132_223_104_000_000_001),
        unix(1_577_836_800, 100, Resolution::HundredNanoseconds)
    );
    assert_eq!(Timestamp::from_filetime(0).seconds(), -11_644_473_600);
    assert_eq!(Timestamp::from_hfs(2_082_844_800), unix(0, 0, Resolution::Second));
    // 2020-02-29 23:59:58
    let date = (40 << 9) | (2 << 5) | 29;
    let time = (23 << 11) | (59 << 5) | 29;
    assert_eq!(Timestamp::from_dos(date, time, None), Some(unix(1_583_020_798, 0, Resolution::TwoSeconds)));
    assert_eq!(
        Timestamp::from_dos(date, time, Some(199)),
        Some(unix(1_583_020_799, 990_000_000, Resolution::TenMilliseconds))
    );
    assert_eq!(unix(-1, 1_500_000_000, Resolution::Nanosecond), unix(0, 500_000_000, Resolution::Nanosecond));
}

#[test]
fn fields_that_name_no_day_are_no_time() {
    let day = |year: u16, month: u16, day: u16| ((year - 1980) << 9) | (month << 5) | day;
    for date in [day(2021, 2, 29), day(2021, 0, 1), day(2021, 13, 1), day(2021, 4, 31), day(2021, 4, 0), 0] {
        assert_eq!(Timestamp::from_dos(date, 0, None), None, "{date:#x}");
    }
    assert!(Timestamp::from_dos(day(2100, 2, 28), 0, None).is_some());
    assert!(Timestamp::from_dos(day(2100, 2, 29), 0, None).is_none());
    assert!(Timestamp::from_dos(day(2021, 4, 30), 24 << 11, None).is_none());
    assert!(Timestamp::from_dos(day(2021, 4, 30), 0, Some(200)).is_none());
}
