//! One line of a timeline, and its bytes while it is sorted: in the order of bytes, events are in that of time.

use vminspect_bytes::{Resolution, Timestamp};
use vminspect_filesystem::{FileId, FileKind, NameEncoding};

use super::row::Signs;

/// Where an event was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// A file's record: on NTFS, `$STANDARD_INFORMATION`.
    File,
    /// A name in a file's record: `$FILE_NAME` of NTFS.
    FileName,
    /// A key of the registry.
    Registry,
    /// The change journal of NTFS.
    Usn,
    /// An event log of Windows.
    EventLog,
}

impl Source {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::File, Self::FileName, Self::Registry, Self::Usn, Self::EventLog];

    /// As reports spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::FileName => "file_name",
            Self::Registry => "registry",
            Self::Usn => "usn",
            Self::EventLog => "events",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// The content was read.
    Access,
    /// The content changed.
    Change,
    /// The file's record changed.
    AttributeChange,
    /// It was created.
    Creation,
    /// It was deleted (ext's dtime).
    Deletion,
    /// A registry key was written.
    KeyWritten,
    /// The change journal has a record; the detail says of what.
    Journal,
    /// An event was logged; the detail says which.
    Logged,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Access,
        Self::Change,
        Self::AttributeChange,
        Self::Creation,
        Self::Deletion,
        Self::KeyWritten,
        Self::Journal,
        Self::Logged,
    ];

    /// As reports spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Change => "change",
            Self::AttributeChange => "attribute_change",
            Self::Creation => "creation",
            Self::Deletion => "deletion",
            Self::KeyWritten => "key_written",
            Self::Journal => "journal",
            Self::Logged => "logged",
        }
    }
}

/// One line of a timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// When.
    pub time: Timestamp,
    /// Whether the time is local time of a place that is not known, read as if it were UTC.
    pub local: bool,
    /// Where it was found.
    pub source: Source,
    /// What happened.
    pub reason: Reason,
    /// Position of the volume on its disk; the greatest number where it is of none, or not known.
    pub volume: u16,
    /// The file it happened to; of other sources, a number of their own: an offset, a record's number.
    pub file: FileId,
    /// Bytes of the file's content.
    pub size: u64,
    /// Whether the file, or what else it is, is in use.
    pub allocated: bool,
    /// What kind of file it is, where it is one.
    pub kind: Option<FileKind>,
    /// What speaks for a time that was set.
    pub signs: Signs,
    /// What `path` is.
    pub encoding: NameEncoding,
    /// The file, key or log, as the guest names it.
    pub path: &'a [u8],
    /// What else there is to tell, in words: flags of a journal's record, an event's summary.
    pub detail: &'a str,
}

const HEADER: usize = 48;
const KINDS: [FileKind; 8] = [
    FileKind::Regular,
    FileKind::Directory,
    FileKind::Symlink,
    FileKind::CharacterDevice,
    FileKind::BlockDevice,
    FileKind::Fifo,
    FileKind::Socket,
    FileKind::Unknown,
];
const RESOLUTIONS: [Resolution; 6] = [
    Resolution::Nanosecond,
    Resolution::HundredNanoseconds,
    Resolution::TenMilliseconds,
    Resolution::Second,
    Resolution::TwoSeconds,
    Resolution::Day,
];
/// Seconds around 1970 that the short key tells apart: 272 years to each side.
const SHORT_RANGE: i64 = 1 << 33;

/// The time in eight bytes whose order is that of time; all times before or after its range are one.
fn short_key(time: Timestamp) -> u64 {
    match time.seconds() {
        seconds if seconds < -SHORT_RANGE => 0,
        seconds if seconds >= SHORT_RANGE => u64::MAX,
        seconds => u64::try_from(seconds + SHORT_RANGE).unwrap_or(0) << 30 | u64::from(time.nanoseconds()),
    }
}

impl<'a> Event<'a> {
    /// Appends the event as bytes, whose order is that of time. Equal events are equal bytes.
    pub fn push_to(&self, out: &mut Vec<u8>) {
        let mut header = [0_u8; HEADER];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(place) = header.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        put(&short_key(self.time).to_be_bytes());
        put(&(self.time.seconds() ^ i64::MIN).to_be_bytes());
        put(&self.time.nanoseconds().to_be_bytes());
        put(&[self.source as u8]);
        put(&self.volume.to_be_bytes());
        put(&self.file.0.to_be_bytes());
        put(&[self.reason as u8, self.flags()]);
        put(&[place(&RESOLUTIONS, &self.time.resolution())]);
        put(&[self.kind.map_or(u8::MAX, |kind| place(&KINDS, &kind))]);
        put(&self.size.to_be_bytes());
        let detail = self.detail.floor_char_boundary(usize::from(u16::MAX));
        put(&u16::try_from(detail).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(self.detail.as_bytes().get(..detail).unwrap_or_default());
        out.extend_from_slice(self.path);
    }

    fn flags(&self) -> u8 {
        let bits = [
            self.local,
            self.allocated,
            self.encoding == NameEncoding::Wtf8,
            self.signs.si_before_fn,
            self.signs.zero_subseconds,
            self.signs.after_last_use,
        ];
        bits.iter().rev().fold(0, |flags, bit| flags << 1 | u8::from(*bit))
    }

    /// The event that was written by [`Event::push_to`]. `None` when the bytes are none.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let number = |at: usize, length: usize| {
            header[at..at + length].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let seconds = number(8, 8).cast_signed() ^ i64::MIN;
        let nanoseconds = u32::try_from(number(16, 4)).ok()?;
        let flags = header[32];
        let bit = |position: u8| flags & 1 << position != 0;
        let resolution = *RESOLUTIONS.get(usize::from(header[33]))?;
        let (detail, path) = rest.split_at_checked(usize::try_from(number(43, 2)).ok()?)?;
        Some(Self {
            time: Timestamp::from_unix(seconds, nanoseconds, resolution),
            local: bit(0),
            source: *Source::ALL.get(usize::from(header[20]))?,
            reason: *Reason::ALL.get(usize::from(header[31]))?,
            volume: u16::try_from(number(21, 2)).ok()?,
            file: FileId(number(23, 8)),
            size: number(35, 8),
            allocated: bit(1),
            kind: KINDS.get(usize::from(header[34])).copied(),
            signs: Signs { si_before_fn: bit(3), zero_subseconds: bit(4), after_last_use: bit(5) },
            encoding: if bit(2) { NameEncoding::Wtf8 } else { NameEncoding::Bytes },
            path,
            detail: std::str::from_utf8(detail).ok()?,
        })
    }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|each| each == one).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seconds: i64, nanoseconds: u32) -> Event<'static> {
        Event {
            time: Timestamp::from_unix(seconds, nanoseconds, Resolution::HundredNanoseconds),
            local: true,
            source: Source::FileName,
            reason: Reason::Creation,
            volume: 3,
            file: FileId(0x0001_0002_0000_0056),
            size: u64::MAX - 1,
            allocated: false,
            kind: Some(FileKind::Symlink),
            signs: Signs { si_before_fn: true, zero_subseconds: false, after_last_use: true },
            encoding: NameEncoding::Wtf8,
            path: br"C:\a|b",
            detail: "detail é",
        }
    }

    #[test]
    fn events_come_back_from_their_bytes_which_sort_by_time() {
        let times = [
            (i64::MIN, 0),
            (i64::MIN, 1),
            (-SHORT_RANGE - 1, 5),
            (-SHORT_RANGE, 0),
            (-1, 999_999_999),
            (0, 0),
            (0, 100),
            (1, 0),
            (SHORT_RANGE - 1, 999_999_999),
            (SHORT_RANGE, 0),
            (SHORT_RANGE, 7),
            (910_692_730_085, 477_580_700),
            (i64::MAX, 999_999_999),
        ];
        let mut before = Vec::new();
        for (seconds, nanoseconds) in times {
            let mut bytes = Vec::new();
            event(seconds, nanoseconds).push_to(&mut bytes);
            assert_eq!(Event::parse(&bytes), Some(event(seconds, nanoseconds)));
            assert!(before < bytes, "{seconds}");
            before = bytes;
        }
        for (reason, source) in Reason::ALL.into_iter().zip(Source::ALL.into_iter().cycle()) {
            let mut bytes = Vec::new();
            let event =
                Event { reason, source, kind: None, local: false, path: b"", detail: "", ..event(5, 5) };
            event.push_to(&mut bytes);
            assert_eq!(Event::parse(&bytes), Some(event));
        }
    }

    #[test]
    fn a_detail_is_cut_between_characters() {
        let long = "é".repeat(40_000);
        let mut bytes = Vec::new();
        Event { detail: &long, ..event(1, 1) }.push_to(&mut bytes);
        let read = Event::parse(&bytes).unwrap();
        assert_eq!(read.detail, &long[..65_534]);
        assert_eq!(read.path, event(1, 1).path);
    }

    #[test]
    fn bytes_that_are_no_event_are_none() {
        let mut bytes = Vec::new();
        event(1, 1).push_to(&mut bytes);
        assert_eq!(Event::parse(&bytes[..HEADER - 1]), None);
        assert_eq!(Event::parse(&bytes[..HEADER + 2]), None);
    }
}
