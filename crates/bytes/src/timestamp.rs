use std::cmp::Ordering;

/// How finely a clock ticks. Two times are only as equal as the coarser of them can tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Resolution {
    /// ext4 with large inodes, XFS, Btrfs.
    Nanosecond,
    /// FILETIME: NTFS, registry, event logs.
    HundredNanoseconds,
    /// 10 ms: the extra byte of FAT and exFAT creation times.
    TenMilliseconds,
    /// ext2, ext3, HFS+.
    Second,
    /// FAT and exFAT modification times.
    TwoSeconds,
    /// FAT access dates.
    Day,
}

/// A point in time as evidence records it: seconds and nanoseconds since 1970-01-01T00:00:00Z, with the
/// resolution of the clock that wrote it. Clocks without a zone (FAT) are read as if they were UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
    resolution: Resolution,
}

/// Seconds from 1601-01-01 to 1970-01-01.
const FILETIME_EPOCH: i64 = 11_644_473_600;
/// Seconds from 1904-01-01 to 1970-01-01.
const HFS_EPOCH: i64 = 2_082_844_800;

impl Timestamp {
    /// From Unix seconds and nanoseconds; nanoseconds of a second and more are carried.
    #[must_use]
    pub fn from_unix(seconds: i64, nanoseconds: u32, resolution: Resolution) -> Self {
        let carry = i64::from(nanoseconds / 1_000_000_000);
        Self { seconds: seconds.saturating_add(carry), nanoseconds: nanoseconds % 1_000_000_000, resolution }
    }

    /// From 100 ns ticks since 1601-01-01 UTC.
    #[must_use]
    pub fn from_filetime(ticks: u64) -> Self {
        let seconds = i64::try_from(ticks / 10_000_000).unwrap_or(i64::MAX).saturating_sub(FILETIME_EPOCH);
        let nanoseconds = u32::try_from(ticks % 10_000_000).unwrap_or(0).saturating_mul(100);
        Self { seconds, nanoseconds, resolution: Resolution::HundredNanoseconds }
    }

    /// From 100 ns ticks since 1601-01-01 UTC, before which they are negative.
    #[must_use]
    pub fn from_signed_filetime(ticks: i64) -> Self {
        let seconds = ticks.div_euclid(10_000_000).saturating_sub(FILETIME_EPOCH);
        let nanoseconds = u32::try_from(ticks.rem_euclid(10_000_000)).unwrap_or(0).saturating_mul(100);
        Self { seconds, nanoseconds, resolution: Resolution::HundredNanoseconds }
    }

    /// From seconds since 1904-01-01 UTC, as HFS+ counts.
    #[must_use]
    pub fn from_hfs(seconds: u32) -> Self {
        let seconds = i64::from(seconds).saturating_sub(HFS_EPOCH);
        Self { seconds, nanoseconds: 0, resolution: Resolution::Second }
    }

    /// From a DOS date and time and the count of 10 ms that creation times add, read as UTC. `None` when the
    /// fields name no day or time, such as month 0.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "sixteen-bit fields in 64-bit sums")]
    pub fn from_dos(date: u16, time: u16, ten_milliseconds: Option<u8>) -> Option<Self> {
        let (day, month, year) = (date & 0x1f, (date >> 5) & 0x0f, (date >> 9).saturating_add(1980));
        let (second, minute, hour) = ((time & 0x1f).saturating_mul(2), (time >> 5) & 0x3f, time >> 11);
        if day == 0 || month == 0 || month > 12 || second > 59 || minute > 59 || hour > 23 {
            return None;
        }
        if day > days_in_month(year, month) {
            return None;
        }
        let fine = ten_milliseconds.unwrap_or(0);
        if fine > 199 {
            return None;
        }
        let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
        let of_day =
            i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second) + i64::from(fine / 100);
        Some(Self {
            seconds: days * 86_400 + of_day,
            nanoseconds: u32::from(fine % 100) * 10_000_000,
            resolution: if ten_milliseconds.is_some() {
                Resolution::TenMilliseconds
            } else {
                Resolution::TwoSeconds
            },
        })
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Timestamp::seconds`].
    #[must_use]
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// How finely its clock ticks.
    #[must_use]
    pub const fn resolution(self) -> Resolution {
        self.resolution
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.seconds, self.nanoseconds, self.resolution).cmp(&(
            other.seconds,
            other.nanoseconds,
            other.resolution,
        ))
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u16, month: u16) -> u16 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
#[expect(clippy::arithmetic_side_effects, reason = "years of sixteen bits in 64-bit sums")]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
