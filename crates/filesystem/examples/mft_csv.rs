//! Dumps every record of a loose `$MFT`, or of a volume, deleted ones too, as CSV: `mft_csv MFT > records.csv`.
//!
//! Names with a quote or a line break are not treated specially: this shows, and measures, the reading.
#![allow(clippy::print_stderr, missing_docs)]

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use vminspect_bytes::{HostFile, ReadAt, Timestamp};
use vminspect_filesystem::ntfs::{MftEntry, MftName, MftTable};
use vminspect_filesystem::{ScanUnit, Times};

type Failure = Box<dyn std::error::Error>;

const HEADING: &str = "entry,sequence,base,base_sequence,links,lsn,size,directory,deleted,file_attributes,\
modified,accessed,changed,created,name_attributes,name_modified,name_accessed,name_changed,name_created,usn,\
security_id,object_id,streams,name,path\n";
const ROOT: u32 = 5;
const ISO_LENGTH: usize = "2010-11-10T17:38:01.0625000Z".len();

/// A name and its directory, by the number of the record.
#[derive(Clone, Default)]
struct Place {
    parent: u32,
    name: Box<[u8]>,
}

/// The lines of one unit but for their paths.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    /// Where each line ends so far, and the number of its record.
    ends: Vec<(usize, u32)>,
    places: Vec<(u32, Place)>,
    problems: u64,
}

fn main() -> Result<(), Failure> {
    let path = std::env::args().nth(1).ok_or("usage: mft_csv MFT")?;
    let bytes: Arc<dyn ReadAt> = Arc::new(HostFile::open(Path::new(&path))?);
    let table = MftTable::open(bytes)?;
    let mut lines: Vec<Lines> =
        table.units().par_iter().map_init(Vec::new, |buffer, unit| read(&table, unit, buffer)).collect();
    let mut places = vec![Place::default(); usize::try_from(table.records())?];
    for (number, place) in lines.iter_mut().flat_map(|lines| std::mem::take(&mut lines.places)) {
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| places.get_mut(number)) {
            *slot = place;
        }
    }
    let mut out = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    out.write_all(HEADING.as_bytes())?;
    // What is ready is written while the next lines are put together.
    let (mut ready, mut next): (Vec<Vec<u8>>, Vec<Vec<u8>>) = Default::default();
    for some in lines.chunks(32).chain([&[][..]]) {
        let (written, ()) = rayon::join(
            || ready.iter().try_for_each(|text| out.write_all(text)),
            || {
                next.resize_with(some.len(), Vec::new);
                next.par_iter_mut().zip(some).for_each(|(text, lines)| with_paths(lines, &places, text));
            },
        );
        written?;
        std::mem::swap(&mut ready, &mut next);
    }
    eprintln!("{} problems", lines.iter().map(|lines| lines.problems).sum::<u64>());
    Ok(())
}

fn read(table: &MftTable, unit: &ScanUnit, buffer: &mut Vec<u8>) -> Lines {
    let mut lines = Lines::default();
    lines.text.reserve(usize::try_from(unit.count).unwrap_or(0) * 280);
    table.visit(unit, buffer, &mut |entry| match entry {
        Ok(entry) => {
            let name = shown(&entry);
            line(&entry, name, &mut lines.text);
            lines.ends.push((lines.text.len(), entry.number()));
            if let Some((parent, _)) = name.and_then(MftName::parent) {
                let name = name.map(MftName::name).unwrap_or_default().into();
                lines.places.push((entry.number(), Place { parent, name }));
            }
        }
        Err(_) => lines.problems += 1,
    });
    lines
}

/// The lines with name and path at their ends.
fn with_paths(lines: &Lines, places: &[Place], text: &mut Vec<u8>) {
    text.clear();
    text.reserve(lines.text.len() + lines.ends.len() * 80);
    let mut start = 0;
    for (end, number) in &lines.ends {
        text.extend_from_slice(&lines.text[start..*end]);
        start = *end;
        if let Some(place) = usize::try_from(*number).ok().and_then(|number| places.get(number)) {
            text.extend_from_slice(&place.name);
            text.extend_from_slice(b"\",\"");
            path(place, places, text);
        }
        text.extend_from_slice(b"\"\n");
    }
}

/// The name that is shown: the first long one, or the first.
fn shown<'e, 'a>(entry: &'e MftEntry<'a>) -> Option<&'e MftName<'a>> {
    entry.names.iter().find(|name| !name.is_short()).or(entry.names.first())
}

fn line(entry: &MftEntry<'_>, name: Option<&MftName<'_>>, out: &mut Vec<u8>) {
    let base = entry.base();
    number(entry.number().into(), out);
    for field in [
        entry.sequence().into(),
        base.map_or(0, |(record, _)| record.into()),
        base.map_or(0, |(_, sequence)| sequence.into()),
        entry.links().into(),
        entry.lsn(),
        entry.size.unwrap_or(0),
        u64::from(entry.is_directory()),
        u64::from(!entry.is_in_use()),
        entry.file_attributes().unwrap_or(0).into(),
    ] {
        out.push(b',');
        number(field, out);
    }
    times(entry.times(), out);
    out.push(b',');
    number(name.map_or(0, |name| name.file_attributes().into()), out);
    times(name.map(MftName::times), out);
    for field in [entry.usn().unwrap_or(0), entry.security_id().unwrap_or(0).into()] {
        out.push(b',');
        number(field, out);
    }
    out.push(b',');
    if let Some(id) = entry.object_id {
        out.extend(id.iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]));
    }
    out.push(b',');
    for stream in &entry.streams {
        out.extend(stream.iter().step_by(2));
        out.push(b'|');
    }
    out.extend_from_slice(b",\"");
}

/// The path, as far as the records of its directories have names.
fn path(place: &Place, places: &[Place], out: &mut Vec<u8>) {
    let mut components: Vec<&[u8]> = Vec::with_capacity(16);
    let mut next = place;
    loop {
        components.push(&next.name);
        if next.parent == ROOT || components.len() > 255 {
            break;
        }
        match usize::try_from(next.parent).ok().and_then(|parent| places.get(parent)) {
            Some(parent) if !parent.name.is_empty() => next = parent,
            _ => {
                components.push(b"[unknown]");
                break;
            }
        }
    }
    for (index, component) in components.iter().rev().enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(component);
    }
}

fn times(times: Option<Times>, out: &mut Vec<u8>) {
    let times = times.unwrap_or_default();
    let mut last: Option<(Timestamp, usize)> = None;
    for time in [times.modified, times.accessed, times.changed, times.created] {
        out.push(b',');
        let start = out.len();
        match (time, last) {
            // Times of a file are often the same.
            (Some(time), Some((same, at))) if time == same => out.extend_from_within(at..at + ISO_LENGTH),
            (Some(time), _) => iso(time, out),
            (None, _) => continue,
        }
        last = time.map(|time| (time, start));
    }
}

/// `2010-11-10T17:38:01.0625000Z`.
fn iso(time: Timestamp, out: &mut Vec<u8>) {
    let (days, second) = (time.seconds().div_euclid(86_400), time.seconds().rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.0000000Z";
    let mut put = |at: usize, width: usize, value: i64| {
        let mut rest = value;
        for digit in text[at..at + width].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
    };
    put(0, 4, year);
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, second / 3600);
    put(14, 2, second / 60 % 60);
    put(17, 2, second % 60);
    put(20, 7, i64::from(time.nanoseconds() / 100));
    out.extend_from_slice(&text);
}

/// Year, month and day of a day since 1970 in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

fn number(value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), value);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}
