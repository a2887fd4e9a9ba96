//! Times as reports print them.

use jiff::fmt::temporal::DateTimePrinter;
use vminspect_bytes::{Resolution, Timestamp};

use crate::decimal;

/// ISO 8601 in UTC, with as many digits as the clock that wrote the time has: nine for nanoseconds, seven for
/// FILETIME, none for seconds, and the day alone for a clock of days. A time outside the years -9999 to 9999
/// is `@` and its Unix seconds.
#[must_use]
pub fn iso(time: Timestamp) -> String {
    let nanoseconds = i32::try_from(time.nanoseconds()).unwrap_or(0);
    let Ok(instant) = jiff::Timestamp::new(time.seconds(), nanoseconds) else {
        return format!("@{}.{:09}", time.seconds(), time.nanoseconds());
    };
    let digits = match time.resolution() {
        Resolution::Nanosecond => 9,
        Resolution::HundredNanoseconds => 7,
        Resolution::TenMilliseconds => 2,
        Resolution::Second | Resolution::TwoSeconds => 0,
        Resolution::Day => return instant.strftime("%Y-%m-%d").to_string(),
    };
    DateTimePrinter::new().precision(Some(digits)).timestamp_to_string(&instant)
}

/// Appends what [`iso`] says of a time.
pub fn push_iso(out: &mut Vec<u8>, time: Timestamp) {
    // Other clocks, and years that have not four digits, are rare.
    let Some(mut text) = text(time, b'T').filter(|_| time.resolution() == Resolution::HundredNanoseconds)
    else {
        return out.extend_from_slice(iso(time).as_bytes());
    };
    text[26] = b'0' + u8::try_from(time.nanoseconds() / 100 % 10).unwrap_or(0);
    out.extend_from_slice(&text);
    out.push(b'Z');
}

/// Appends the date and the time of day with a blank between them, in UTC, with six digits of the second's fraction
/// where that is not zero: what the Python program printed. Further digits are cut off. A time that no year of four
/// digits has is `@` and its Unix seconds.
pub fn push_spaced(out: &mut Vec<u8>, time: Timestamp) {
    match text(time, b' ') {
        Some(text) if time.nanoseconds() < 1000 => out.extend_from_slice(&text[..19]),
        Some(text) => out.extend_from_slice(&text[..26]),
        None => {
            out.extend_from_slice(format!("@{}.{:09}", time.seconds(), time.nanoseconds()).as_bytes());
        }
    }
}

/// A date and a time of day of a year of four digits, with six digits of the second's fraction and room for one more.
fn text(time: Timestamp, between: u8) -> Option<[u8; 27]> {
    let (year, month, day) = civil(time.seconds().div_euclid(86_400))?;
    let second = time.seconds().rem_euclid(86_400);
    let microseconds = i64::from(time.nanoseconds() / 1000);
    let mut text = *b"0000-00-00 00:00:00.0000000";
    text[10] = between;
    let pairs = [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3600),
        (14, second / 60 % 60),
        (17, second % 60),
        (20, microseconds / 10_000),
        (22, microseconds / 100 % 100),
        (24, microseconds % 100),
    ];
    for (at, number) in pairs {
        text[at..at + 2].copy_from_slice(&decimal::pair(u64::try_from(number).unwrap_or(0)));
    }
    Some(text)
}

/// Year, month and day of a day counted from 1970-01-01, where the year has four digits.
pub(crate) fn civil(days: i64) -> Option<(i64, i64, i64)> {
    (-719_162..=2_932_896).contains(&days).then(|| civil_from_days(days))
}

/// The date of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Years begin in March, so that a leap day is the last of its year; 400 of them repeat.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_digits_as_the_clock_has() {
        let at = |resolution| iso(Timestamp::from_unix(1_700_000_000, 123_456_789, resolution));
        assert_eq!(at(Resolution::Nanosecond), "2023-11-14T22:13:20.123456789Z");
        assert_eq!(at(Resolution::HundredNanoseconds), "2023-11-14T22:13:20.1234567Z");
        assert_eq!(at(Resolution::TenMilliseconds), "2023-11-14T22:13:20.12Z");
        assert_eq!(at(Resolution::Second), "2023-11-14T22:13:20Z");
        assert_eq!(at(Resolution::Day), "2023-11-14");
        assert_eq!(iso(Timestamp::from_unix(0, 0, Resolution::Nanosecond)), "1970-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn times_before_1970_and_far_away() {
        assert_eq!(
            iso(Timestamp::from_unix(-1, 500_000_000, Resolution::Nanosecond)),
            "1969-12-31T23:59:59.500000000Z"
        );
        assert_eq!(iso(Timestamp::from_unix(-2_147_483_648, 0, Resolution::Second)), "1901-12-13T20:45:52Z");
        assert_eq!(iso(Timestamp::from_unix(15_032_385_535, 0, Resolution::Second)), "2446-05-10T22:38:55Z");
        assert_eq!(
            iso(Timestamp::from_unix(i64::MAX, 5, Resolution::Nanosecond)),
            "@9223372036854775807.000000005"
        );
        assert_eq!(
            iso(Timestamp::from_unix(i64::MIN, 0, Resolution::Day)),
            "@-9223372036854775808.000000000"
        );
        assert!(!iso(Timestamp::from_filetime(u64::MAX)).is_empty());
    }

    #[test]
    fn spaced_times_are_those_of_the_calendar() {
        let spaced = |time| {
            let mut out = Vec::new();
            push_spaced(&mut out, time);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(spaced(Timestamp::from_filetime(0)), "1601-01-01 00:00:00");
        assert_eq!(spaced(Timestamp::from_filetime(131_000_000_000_000_009)), "2016-02-15 08:53:20");
        assert_eq!(spaced(Timestamp::from_filetime(131_000_000_000_000_019)), "2016-02-15 08:53:20.000001");
        assert_eq!(spaced(Timestamp::from_filetime(131_000_000_001_234_567)), "2016-02-15 08:53:20.123456");
        // Every day of 800 years, and of others now and then.
        let days = (-140_000..153_000).chain((-719_162..2_932_896).step_by(97));
        for day in days {
            let time = Timestamp::from_unix(day * 86_400 + 3_723, 0, Resolution::Second);
            let iso = iso(time);
            let exact = Timestamp::from_unix(time.seconds(), 123_456_700, Resolution::HundredNanoseconds);
            let mut pushed = Vec::new();
            push_iso(&mut pushed, exact);
            assert_eq!(String::from_utf8(pushed).unwrap(), super::iso(exact));
            assert_eq!(spaced(time), iso.replace('T', " ").trim_end_matches('Z'));
        }
        assert_eq!(spaced(Timestamp::from_filetime(u64::MAX)), iso(Timestamp::from_filetime(u64::MAX)));
    }
}
