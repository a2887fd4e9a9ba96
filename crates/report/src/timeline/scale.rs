//! Stretches of time that people count in, and how a histogram falls into them.

use std::collections::BTreeMap;

use vminspect_analysis::timeline::Histogram;
use vminspect_bytes::{Resolution, Timestamp};

use super::series::SERIES;
use super::words;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Events of a thousand that may stand apart on each side, when leaving them out makes the rest readable.
const APART: u64 = 2;
/// How many times longer all must be than what most events span, for the rest to be left out.
const MUCH_LONGER: i64 = 20;

/// The length of a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Seconds(i64),
    Months(i64),
}

const STEPS: [Step; 24] = [
    Step::Seconds(1),
    Step::Seconds(5),
    Step::Seconds(15),
    Step::Seconds(30),
    Step::Seconds(MINUTE),
    Step::Seconds(5 * MINUTE),
    Step::Seconds(15 * MINUTE),
    Step::Seconds(30 * MINUTE),
    Step::Seconds(HOUR),
    Step::Seconds(3 * HOUR),
    Step::Seconds(6 * HOUR),
    Step::Seconds(12 * HOUR),
    Step::Seconds(DAY),
    Step::Seconds(2 * DAY),
    Step::Seconds(7 * DAY),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
    Step::Months(1200),
    Step::Months(120_000),
];

impl Step {
    /// Seconds, roughly for months.
    fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Months(months) => months * 2_629_746,
        }
    }

    /// The number of the stretch that a second is in.
    pub(super) fn index(self, second: i64) -> i64 {
        match self {
            // Weeks begin on Monday; 1970 began on a Thursday.
            Self::Seconds(seconds) if seconds == 7 * DAY => (second + 3 * DAY).div_euclid(seconds),
            Self::Seconds(seconds) => second.div_euclid(seconds),
            Self::Months(months) => month_of(second).div_euclid(months),
        }
    }

    /// The first second of a stretch.
    pub(super) fn start(self, index: i64) -> i64 {
        match self {
            Self::Seconds(seconds) if seconds == 7 * DAY => index * seconds - 3 * DAY,
            Self::Seconds(seconds) => index * seconds,
            Self::Months(months) => second_of(index * months),
        }
    }

    /// The length in words.
    pub(super) fn words(self) -> String {
        let (count, unit) = match self {
            Self::Seconds(seconds) if seconds < MINUTE => (seconds, "second"),
            Self::Seconds(seconds) if seconds < HOUR => (seconds / MINUTE, "minute"),
            Self::Seconds(seconds) if seconds < DAY => (seconds / HOUR, "hour"),
            Self::Seconds(seconds) => (seconds / DAY, "day"),
            Self::Months(months) if months < 12 => (months, "month"),
            Self::Months(months) => (months / 12, "year"),
        };
        if count == 1 { unit.to_owned() } else { format!("{count} {unit}s") }
    }

    /// A time as precisely as the stretch is.
    pub(super) fn label(self, second: i64) -> String {
        let Some((year, month, day, hour, minute, second)) = words::civil(at(second)) else {
            return format!("@{second}");
        };
        match self {
            Self::Seconds(step) if step < MINUTE => {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
            Self::Seconds(step) if step < DAY => {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
            }
            Self::Seconds(_) => format!("{year:04}-{month:02}-{day:02}"),
            Self::Months(months) if months < 12 => format!("{year:04}-{month:02}"),
            Self::Months(_) => format!("{year:04}"),
        }
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(second, 0, Resolution::Second)
}

/// Months from January of the year 0 to the one that a second is in.
fn month_of(second: i64) -> i64 {
    let (year, month, _) = crate::time::civil_from_days(second.div_euclid(DAY));
    year * 12 + month - 1
}

/// The first second of a month.
fn second_of(month: i64) -> i64 {
    let (mut year, of_year) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    // Years begin in March here, so that a leap day is the last of its year.
    if of_year <= 2 {
        year -= 1;
    }
    let day_of_year = (153 * ((of_year + 9) % 12) + 2) / 5;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    days * DAY
}

/// A histogram in stretches that people count in.
pub(super) struct Scale {
    pub(super) step: Step,
    /// Counts of each series by stretch; those in which nothing happened are left out.
    pub(super) bins: BTreeMap<i64, [u64; SERIES.len()]>,
    /// The first and the last stretch.
    pub(super) first: i64,
    pub(super) last: i64,
    /// Events before and after what is shown.
    pub(super) before: u64,
    pub(super) after: u64,
}

impl Scale {
    /// At most `most` stretches. `None` without events.
    pub(super) fn of(histogram: &Histogram, most: i64) -> Option<Self> {
        let (from, to) = shown(histogram)?;
        let fits =
            |step: &&Step| step.seconds() >= histogram.width() && step.index(to) - step.index(from) < most;
        let step = *STEPS.iter().find(fits).unwrap_or(&Step::Months(120_000));
        let mut scale = Self {
            step,
            bins: BTreeMap::new(),
            first: step.index(from),
            last: step.index(to),
            before: 0,
            after: 0,
        };
        for (second, counts) in histogram.slots() {
            if second < from {
                scale.before += counts.sum();
            } else if second > to {
                scale.after += counts.sum();
            } else {
                let bin = scale.bins.entry(step.index(second)).or_insert([0; SERIES.len()]);
                bin.iter_mut().zip(&SERIES).for_each(|(sum, series)| *sum += series.count(&counts));
            }
        }
        Some(scale)
    }

    /// What is not shown, in words.
    pub(super) fn left_out(&self) -> Option<String> {
        let side = |count: u64, word: &str| (count > 0).then(|| format!("{count} earlier{word}"));
        let before = side(self.before, "");
        let after = (self.after > 0).then(|| format!("{} later", self.after));
        let sides: Vec<String> = before.into_iter().chain(after).collect();
        (!sides.is_empty())
            .then(|| format!("not shown, since they lie far apart: {} events", sides.join(" and ")))
    }
}

/// The first and last second that are shown: all, unless a few events lie so far apart that the rest would shrink to
/// nothing.
fn shown(histogram: &Histogram) -> Option<(i64, i64)> {
    // Years that no calendar here has are left out in any case.
    let in_reach = |second: &i64| (-60_000_000_000..=250_000_000_000).contains(second);
    let seconds =
        || histogram.slots().map(|(second, counts)| (second, counts.sum())).filter(|(s, _)| in_reach(s));
    let (first, last) = (seconds().next()?.0, seconds().next_back()?.0);
    let apart = histogram.total().saturating_mul(APART) / 1000;
    let quantile = |mut all: Box<dyn Iterator<Item = (i64, u64)> + '_>| {
        let mut passed = 0;
        all.find(|(_, count)| {
            passed += count;
            passed > apart
        })
        .map(|(second, _)| second)
    };
    let low = quantile(Box::new(seconds())).unwrap_or(first);
    let high = quantile(Box::new(seconds().rev())).unwrap_or(last).max(low);
    let most = (high - low).max(HOUR);
    let low = if low - first > most * MUCH_LONGER { low } else { first };
    let high = if last - high > most * MUCH_LONGER { high } else { last };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_where_the_calendar_says() {
        let january_2000 = 2000 * 12;
        assert_eq!(second_of(january_2000), 946_684_800);
        assert_eq!(second_of(january_2000 + 2), 951_868_800);
        for month in (january_2000 - 5000)..(january_2000 + 5000) {
            let start = second_of(month);
            assert_eq!(month_of(start), month);
            assert_eq!(month_of(start - 1), month - 1);
        }
    }

    #[test]
    fn stretches_hold_their_seconds() {
        for step in STEPS {
            for second in [-62_000_000_000, -1, 0, 1, 951_868_799, 1_764_000_000, 4_000_000_000] {
                let index = step.index(second);
                assert!(step.start(index) <= second && second < step.start(index + 1), "{step:?} {second}");
            }
        }
        assert_eq!(Step::Seconds(7 * DAY).label(Step::Seconds(7 * DAY).start(2900)), "2025-07-28");
        assert_eq!(Step::Seconds(5 * MINUTE).words(), "5 minutes");
        assert_eq!(Step::Months(12).words(), "year");
    }
}
