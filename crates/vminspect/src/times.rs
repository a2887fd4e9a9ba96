//! Times that a user names.

use clap::Args;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use vminspect::{Period, Resolution, Timestamp};

use crate::failure::Failure;

/// Which times are looked at.
#[derive(Args, Debug, Clone, Copy)]
#[command(next_help_heading = "Times")]
pub(crate) struct Times {
    /// Leave out what happened before this time: 2024-05-01, 2024-05-01T13:30, with an offset like +02:00 where it is
    /// not in UTC, or @ and Unix seconds.
    #[arg(long, value_name = "TIME", value_parser = first_moment)]
    pub(crate) from: Option<Timestamp>,
    /// Leave out what happened after this time. A day alone is meant as a whole.
    #[arg(long, value_name = "TIME", value_parser = last_moment)]
    pub(crate) to: Option<Timestamp>,
}

impl Times {
    /// The range.
    pub(crate) fn range(self) -> Result<Period, Failure> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from > to => {
                Err(Failure::new("--from is after --to, so that nothing lies between them"))
            }
            (from, to) => Ok(Period { from, to }),
        }
    }
}

fn first_moment(text: &str) -> Result<Timestamp, String> {
    time(text, Time::midnight())
}

fn last_moment(text: &str) -> Result<Timestamp, String> {
    time(text, Time::MAX)
}

/// A time from text; `of_day` is that of a day alone.
fn time(text: &str, of_day: Time) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return unix(seconds).ok_or_else(|| "expected Unix seconds after @, such as @1714521600".to_owned());
    }
    let is_day = !text.contains(':') && text.parse::<Date>().is_ok();
    let civil = || match is_day {
        true => Ok(text.parse::<Date>()?.to_datetime(of_day)),
        false => text.parse::<DateTime>(),
    };
    // The last days of the year 9999 are beyond what is handled, and meant as the end of all times.
    let in_utc = |moment: DateTime| match moment.year() {
        9999 => Ok(TimeZone::UTC.to_timestamp(moment).unwrap_or(jiff::Timestamp::MAX)),
        _ => TimeZone::UTC.to_timestamp(moment),
    };
    let instant = text.parse::<jiff::Timestamp>().or_else(|_| in_utc(civil()?));
    let instant = instant
        .map_err(|_| "expected a time such as 2024-05-01, 2024-05-01T13:30 or 2024-05-01T13:30:00Z")?;
    // Rounds down before 1970, too.
    let nanoseconds = instant.as_nanosecond();
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0);
    Ok(Timestamp::from_unix(seconds, rest, Resolution::Nanosecond))
}

fn unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    if seconds.starts_with('-') && !fraction.is_empty() {
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
        assert_eq!(first_moment("2024-05-01"), at(1_714_521_600, 0));
        assert_eq!(first_moment("2024-05-01T13:30"), at(1_714_570_200, 0));
        assert_eq!(first_moment("2024-05-01 13:30:00.25"), at(1_714_570_200, 250_000_000));
        assert_eq!(first_moment("2024-05-01T13:30:00+02:00"), at(1_714_563_000, 0));
        assert_eq!(first_moment("2024-05-01T13:30:00Z"), at(1_714_570_200, 0));
        assert_eq!(first_moment("1969-12-31T23:59:59.5Z"), at(-1, 500_000_000));
        assert_eq!(first_moment("@1714521600.5"), at(1_714_521_600, 500_000_000));
        assert_eq!(last_moment("2024-05-01"), at(1_714_607_999, 999_999_999));
        assert_eq!(last_moment("2024-05-01T13:30"), at(1_714_570_200, 0));
        for wrong in ["", "yesterday", "2024-13-01", "@", "@x", "@1.0000000001", "@1.-5", "@-1.5"] {
            assert!(first_moment(wrong).is_err(), "{wrong}");
        }
    }
}
