//! A histogram for a terminal: a line for each stretch of time.

use std::io::{self, Write};

use vminspect_analysis::timeline::Histogram;

use super::scale::Scale;

/// Lines at most.
const MOST_LINES: i64 = 40;
/// Parts of a column, from nothing to seven eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Prints how many events there were over time, on lines of `columns` characters.
///
/// # Errors
/// Those of the output.
pub fn write(mut out: impl Write, histogram: &Histogram, columns: usize) -> io::Result<()> {
    let Some(scale) = Scale::of(histogram, MOST_LINES) else {
        writeln!(out, "no events")?;
        return out.flush();
    };
    writeln!(out, "{} events; each line: {}, UTC", histogram.total(), scale.step.words())?;
    let sum = |index: i64| scale.bins.get(&index).map_or(0, |bin| bin.iter().sum::<u64>());
    let most = (scale.first..=scale.last).map(sum).max().unwrap_or(0).max(1);
    let label = scale.step.label(scale.step.start(scale.first)).len();
    let number = most.to_string().len();
    let width = columns.saturating_sub(label + number + 4).max(10);
    let mut empty = 0;
    for index in scale.first..=scale.last {
        let count = sum(index);
        if count == 0 {
            empty += 1;
            continue;
        }
        if std::mem::take(&mut empty) > 0 {
            writeln!(out, "{:>label$}", "…")?;
        }
        let start = scale.step.label(scale.step.start(index));
        writeln!(out, "{start}  {count:>number$}  {}", bar(count, most, width))?;
    }
    if let Some(left_out) = scale.left_out() {
        writeln!(out, "{left_out}")?;
    }
    out.flush()
}

/// A bar that is as long as its share of `width` columns; what is there at all has a part of a column.
fn bar(count: u64, most: u64, width: usize) -> String {
    let eighths = u128::from(count) * width as u128 * 8 / u128::from(most);
    let eighths = usize::try_from(eighths).unwrap_or(usize::MAX).max(1);
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(100, 100, 4), "████");
        assert_eq!(bar(50, 100, 4), "██");
        assert_eq!(bar(1, 1_000_000, 4), "▏");
        assert_eq!(bar(u64::MAX, u64::MAX, 2), "██");
    }
}
