use std::fmt;
use std::ops::RangeInclusive;

use globset::{GlobBuilder, GlobMatcher};
use regex::bytes::{Regex, RegexBuilder};
use vminspect_artefact::evtx::{Record, System};

use crate::Period;

/// Which records are looked at. One that says nothing takes them all.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    ids: Vec<RangeInclusive<u32>>,
    providers: Vec<GlobMatcher>,
    channels: Vec<GlobMatcher>,
    levels: Vec<u8>,
    grep: Vec<Regex>,
    times: Period,
}

/// A filter that cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterError(String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FilterError {}

/// Names of levels, by which they can be given, and their numbers.
const LEVELS: &[(&str, u8)] =
    &[("critical", 1), ("error", 2), ("warning", 3), ("information", 4), ("info", 4), ("verbose", 5)];

impl EventFilter {
    /// Takes events with the ids of a list as well: numbers and ranges, such as `4624,4700-4800`.
    ///
    /// # Errors
    /// When that is no list of numbers.
    pub fn add_ids(&mut self, list: &str) -> Result<(), FilterError> {
        for part in list.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (first.trim().parse(), last.trim().parse()) {
                (Ok(first), Ok(last)) if first <= last => self.ids.push(first..=last),
                _ => {
                    let message =
                        format!("{part:?} is no event id; give numbers and ranges, such as 4624,4700-4800");
                    return Err(FilterError(message));
                }
            }
        }
        Ok(())
    }

    /// Takes events of a provider as well. `*` and `?` stand for any text and any character; case does not count.
    ///
    /// # Errors
    /// When that is no pattern.
    pub fn add_provider(&mut self, pattern: &str) -> Result<(), FilterError> {
        self.providers.push(glob(pattern)?);
        Ok(())
    }

    /// Takes events of a channel as well; as [`EventFilter::add_provider`].
    ///
    /// # Errors
    /// When that is no pattern.
    pub fn add_channel(&mut self, pattern: &str) -> Result<(), FilterError> {
        self.channels.push(glob(pattern)?);
        Ok(())
    }

    /// Takes events of the levels of a list as well: numbers, or critical, error, warning, information, verbose.
    ///
    /// # Errors
    /// When a level is not known.
    pub fn add_levels(&mut self, list: &str) -> Result<(), FilterError> {
        for part in list.split(',').map(str::trim) {
            let named = LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(part));
            match named.map(|(_, level)| *level).or_else(|| part.parse().ok()) {
                Some(level) => self.levels.push(level),
                None => {
                    let message = format!(
                        "{part:?} is no level; give 0 to 255, or critical, error, warning, information, verbose"
                    );
                    return Err(FilterError(message));
                }
            }
        }
        Ok(())
    }

    /// Takes events only whose XML matches.
    ///
    /// # Errors
    /// When that is no regular expression.
    pub fn add_grep(&mut self, pattern: &str) -> Result<(), FilterError> {
        let regex = RegexBuilder::new(pattern).size_limit(16 << 20).build();
        self.grep.push(
            regex.map_err(|error| FilterError(format!("{pattern:?} is no regular expression: {error}")))?,
        );
        Ok(())
    }

    /// Takes records only that were written in this time.
    pub fn set_times(&mut self, times: Period) {
        self.times = times;
    }

    /// Whether a record may be taken, by what its header says. One without a time may be: its content has one.
    pub(super) fn may_take(&self, record: &Record) -> bool {
        record.written == 0 || self.takes_record(record)
    }

    /// Whether a record is taken, by its time.
    pub(super) fn takes_record(&self, record: &Record) -> bool {
        self.times.contains(record.time())
    }

    /// Whether what a record holds decides.
    pub(super) fn needs_content(&self) -> bool {
        self.needs_system() || !self.grep.is_empty()
    }

    fn needs_system(&self) -> bool {
        !(self.ids.is_empty()
            && self.providers.is_empty()
            && self.channels.is_empty()
            && self.levels.is_empty())
    }

    /// Whether an event is taken, by its XML.
    pub(super) fn takes_event(&self, xml: &str) -> bool {
        if !self.grep.iter().all(|regex| regex.is_match(xml.as_bytes())) {
            return false;
        }
        !self.needs_system() || self.takes_system(&System::of_xml(xml))
    }

    fn takes_system(&self, system: &System<'_>) -> bool {
        let any = |globs: &[GlobMatcher], text: &str| {
            globs.is_empty() || globs.iter().any(|glob| glob.is_match(text))
        };
        (self.ids.is_empty()
            || system.event_id.is_some_and(|id| self.ids.iter().any(|range| range.contains(&id))))
            && (self.levels.is_empty() || system.level.is_some_and(|level| self.levels.contains(&level)))
            && any(&self.providers, &system.provider)
            && any(&self.channels, &system.channel)
    }
}

fn glob(pattern: &str) -> Result<GlobMatcher, FilterError> {
    let glob = GlobBuilder::new(pattern).case_insensitive(true).literal_separator(false).build();
    let glob = glob.map_err(|error| FilterError(format!("{pattern:?} is no pattern: {error}")))?;
    Ok(glob.compile_matcher())
}
