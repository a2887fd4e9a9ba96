//! A picture of what happened when, as SVG: a panel for each kind of event, one below the other over one axis of time.
//! Counts are drawn by their logarithm, so that a few events can be seen beside an installation's thousands.

use std::fmt::Write as _;
use std::io::{self, Write};

use vminspect_analysis::timeline::Histogram;

use super::scale::{Scale, Step};
use super::series::SERIES;

/// Stretches of time at most: bars are then some four pixels wide.
const MOST_BARS: i64 = 250;
const WIDTH: f64 = 1200.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 84.0;
const PANEL: f64 = 92.0;
/// Between two panels, for the name of the second.
const GAP: f64 = 30.0;
const BOTTOM: f64 = 92.0;
const TEXT: &str = "#1a1a1a";
const GRID: &str = "#dddddd";

/// Writes the picture of a disk's events.
///
/// # Errors
/// Those of the output.
pub fn write(mut out: impl Write, histogram: &Histogram, image: &str) -> io::Result<()> {
    let scale = Scale::of(histogram, MOST_BARS);
    let mut svg = String::new();
    match &scale {
        Some(scale) => Chart::new(scale).draw(&mut svg, histogram, image),
        None => frame(&mut svg, 160.0, image, "no events"),
    }
    svg.push_str("</svg>\n");
    out.write_all(svg.as_bytes())?;
    out.flush()
}

/// The beginning of the file, with its title.
fn frame(svg: &mut String, height: f64, image: &str, subtitle: &str) {
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"DejaVu Sans, Verdana, sans-serif\" fill=\"{TEXT}\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let title = format!("Activity over time: {image}");
    let _ = writeln!(svg, "<title>{}</title>", escape(&title));
    text(svg, (LEFT, 30.0), 18, "start", &shortened(&title, 100));
    text(svg, (LEFT, 52.0), 13, "start", subtitle);
}

struct Chart<'a> {
    scale: &'a Scale,
    /// Positions among [`SERIES`] of those that have events.
    series: Vec<usize>,
    bar: f64,
}

impl<'a> Chart<'a> {
    fn new(scale: &'a Scale) -> Self {
        let any = |at: &usize| scale.bins.values().any(|bin| bin[*at] > 0);
        let bars = scale.last - scale.first + 1;
        let bar = (WIDTH - LEFT - RIGHT) / whole(bars);
        Self { scale, series: (0..SERIES.len()).filter(any).collect(), bar }
    }

    fn draw(&self, svg: &mut String, histogram: &Histogram, image: &str) {
        let panels = whole(i64::try_from(self.series.len()).unwrap_or(0));
        let bottom = TOP + panels * (PANEL + GAP);
        let step = self.scale.step;
        let subtitle = format!(
            "{} events; a bar stands for {} and its height for the logarithm of their number; UTC",
            grouped(histogram.total()),
            if step.words().starts_with(|c: char| c.is_ascii_digit()) {
                step.words()
            } else {
                format!("one {}", step.words())
            }
        );
        frame(svg, bottom + BOTTOM, image, &subtitle);
        self.time_axis(svg, bottom);
        for (panel, series) in self.series.iter().enumerate() {
            let base = TOP + (whole(i64::try_from(panel).unwrap_or(0)) + 1.0) * (PANEL + GAP);
            self.panel(svg, *series, base);
        }
        text(svg, ((LEFT + WIDTH - RIGHT) / 2.0, bottom + 44.0), 13, "middle", "time (UTC)");
        if let Some(left_out) = self.scale.left_out() {
            text(svg, (LEFT, bottom + 70.0), 12, "start", &left_out);
        }
    }

    fn x(&self, index: i64) -> f64 {
        LEFT + self.bar * whole(index - self.scale.first)
    }

    /// One kind of event, above the line at `base`.
    fn panel(&self, svg: &mut String, series: usize, base: f64) {
        let counts = || self.scale.bins.iter().map(|(index, bin)| (*index, bin[series]));
        let most = counts().map(|(_, count)| count).max().unwrap_or(0);
        let sum: u64 = counts().map(|(_, count)| count).sum();
        let decades = (1_u32..20).find(|power| 10_u64.saturating_pow(*power) >= most).unwrap_or(20);
        let height = |count: u64| {
            PANEL * (real(count) + 1.0).log10() / (10_f64.powi(decades.cast_signed()) + 1.0).log10()
        };
        let named = &SERIES[series];
        for power in 0..=decades {
            // Powers that lie too close for their numbers are left out.
            if decades > 4 && (power % 2 != decades % 2 || power == 0) {
                continue;
            }
            let count = 10_u64.saturating_pow(power);
            let y = base - height(count);
            line(svg, (LEFT, y), (WIDTH - RIGHT, y), GRID);
            text(svg, (LEFT - 8.0, y + 4.0), 11, "end", &grouped(count));
        }
        text(svg, (LEFT - 8.0, base + 4.0), 11, "end", "0");
        line(svg, (LEFT, base), (WIDTH - RIGHT, base), TEXT);
        let label = format!("{} ({})", named.name, grouped(sum));
        text(svg, (LEFT, base - PANEL - 9.0), 13, "start", &label);
        let _ = writeln!(svg, "<g fill=\"{}\">", named.colour);
        for (index, count) in counts().filter(|(_, count)| *count > 0) {
            let tall = height(count).max(1.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{tall:.2}\"><title>{}: {}</title></rect>",
                self.x(index),
                base - tall,
                (self.bar - 0.6).max(0.8),
                self.scale.step.label(self.scale.step.start(index)),
                grouped(count)
            );
        }
        svg.push_str("</g>\n");
    }

    /// Lines through all panels where a time stands below.
    fn time_axis(&self, svg: &mut String, bottom: f64) {
        let bars = self.scale.last - self.scale.first + 1;
        let every = (1..).find(|every| bars / every <= 9 && nice(self.scale.step, *every)).unwrap_or(bars);
        for index in
            (self.scale.first..=self.scale.last).filter(|index| index.rem_euclid(every) == 0 || bars <= 9)
        {
            let x = self.x(index);
            line(svg, (x, TOP + GAP), (x, bottom + 6.0), GRID);
            let label = self.scale.step.label(self.scale.step.start(index));
            text(svg, (x, bottom + 21.0), 11, "middle", &label);
        }
    }
}

/// Whether people count these stretches by so many.
fn nice(step: Step, every: i64) -> bool {
    let seconds = match step {
        Step::Seconds(seconds) => seconds * every,
        Step::Months(months) => return matches!(months * every, 1 | 2 | 3 | 6) || (months * every) % 12 == 0,
    };
    match seconds {
        ..60 => 60 % seconds == 0,
        60..3600 => 3600 % seconds == 0,
        3600..86_400 => 86_400 % seconds == 0,
        _ => seconds % 86_400 == 0,
    }
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.2}\" y1=\"{:.2}\" x2=\"{:.2}\" y2=\"{:.2}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), size: u32, anchor: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{:.2}\" y=\"{:.2}\" font-size=\"{size}\" text-anchor=\"{anchor}\">{}</text>",
        at.0,
        at.1,
        escape(text)
    );
}

/// Text between tags. Names of guests and hosts are hostile: what XML does not allow is replaced.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in crate::escape::terminal(text).chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// The end of a text that is too long for its line.
fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(21).collect();
    let end: String = text.chars().skip(length - (most - 22)).collect();
    format!("{start}…{end}")
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn whole(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a height in a picture")]
fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_between_its_tags() {
        assert_eq!(escape("<b>&\"'\u{1b}"), "&lt;b&gt;&amp;&quot;&#39;\\u{1b}");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(shortened(&"x".repeat(200), 100).chars().count(), 100);
    }
}
