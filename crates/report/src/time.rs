//! Times as reports print them.

use jiff::fmt::temporal::DateTimePrinter;
use vminspect_bytes::{Resolution, Timestamp};

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
}
