//! Times that a user names.

use clap::Args;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use vminspect::{Resolution, TimeRange, Timestamp};

use crate::failure::Failure;

/// Which times are looked at.
#[derive(Args, Debug, Clone, Copy)]
#[command(next_help_heading = "Times")]
pub(crate) struct Times {
    /// Leave out what happened before this time: 2024-05-01, 2024-05-01T13:30, with a zone like Z or +02:00
    /// [default: UTC], or @ and Unix seconds.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<Timestamp>,
    /// Leave out what happened at this time or later.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<Timestamp>,
}

impl Times {
    /// The range.
    pub(crate) fn range(self) -> Result<TimeRange, Failure> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from >= to => {
                Err(Failure::new("--from is not before --to; nothing lies between them"))
            }
            (from, to) => Ok(TimeRange { from, to }),
        }
    }
}

/// A time from text. A date alone is its beginning.
fn time(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return unix(seconds).ok_or_else(|| "expected Unix seconds after @, such as @1714521600".to_owned());
    }
    let instant = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| in_utc(text.parse::<DateTime>()))
        .or_else(|_| in_utc(text.parse::<Date>().map(|date| date.at(0, 0, 0, 0))));
    let instant = instant
        .map_err(|_| "expected a time such as 2024-05-01, 2024-05-01T13:30 or 2024-05-01T13:30:00Z")?;
    // Rounds down before 1970, too.
    let nanoseconds = instant.as_nanosecond();
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0);
    Ok(Timestamp::from_unix(seconds, rest, Resolution::Nanosecond))
}

fn in_utc(time: Result<DateTime, jiff::Error>) -> Result<jiff::Timestamp, jiff::Error> {
    time?.to_zoned_datetime(TimeZone::UTC).map(|zoned| zoned.timestamp())
}

fn unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Some(Timestamp::from_unix(seconds.parse().ok()?, nanoseconds, Resolution::Nanosecond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let at =
            |seconds, nanoseconds| Ok(Timestamp::from_unix(seconds, nanoseconds, Resolution::Nanosecond));
        assert_eq!(time("2024-05-01"), at(1_714_521_600, 0));
        assert_eq!(time("2024-05-01T13:30"), at(1_714_570_200, 0));
        assert_eq!(time("2024-05-01 13:30:00.25"), at(1_714_570_200, 250_000_000));
        assert_eq!(time("2024-05-01T13:30:00+02:00"), at(1_714_563_000, 0));
        assert_eq!(time("2024-05-01T13:30:00Z"), at(1_714_570_200, 0));
        assert_eq!(time("1969-12-31T23:59:59.5Z"), at(-1, 500_000_000));
        assert_eq!(time("@1714521600.5"), at(1_714_521_600, 500_000_000));
        for wrong in ["", "yesterday", "2024-13-01", "@", "@x", "@1.0000000001", "@1.-5"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
