//! When the keys of the registry were written.

use std::io;

use vminspect_artefact::registry::Hive;
use vminspect_filesystem::{FileId, NameEncoding};
use vminspect_guest::{Coverage, Guest, HiveFile};

use super::event::{Event, Reason, Source};
use super::row::Signs;
use super::run::EventSource;
use crate::registry::{KeyRow, KeySink, Listing, ListingOptions, ValueRow};
use crate::{Progress, Stage};

/// The keys of all hives of a Windows, deleted ones too.
#[derive(Clone, Copy, Debug)]
pub struct RegistrySource;

impl EventSource for RegistrySource {
    fn events(
        &self,
        guest: &Guest,
        progress: &dyn Progress,
        take: &mut dyn FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<Coverage> {
        let (hives, mut coverage) = guest.hives();
        progress.stage(Stage::Registry, hives.len() as u64);
        for file in &hives {
            match file.open(guest, true) {
                Ok(hive) => coverage.extend(keys(guest, file, &hive, take)?),
                Err(error) => coverage.add_error(guest.image(), &file.path, error.family(), &error),
            }
            progress.advance(1);
        }
        Ok(coverage)
    }
}

/// The keys of one hive.
fn keys(
    guest: &Guest,
    file: &HiveFile,
    hive: &Hive,
    take: &mut dyn FnMut(&Event<'_>) -> io::Result<()>,
) -> io::Result<Coverage> {
    let listing = Listing::new(hive, &file.mount, guest.image(), &file.path);
    let options = ListingOptions { deleted: true, ..ListingOptions::default() };
    let volume = guest.volumes().get(file.located.volume).map(|volume| volume.position);
    let volume = volume.and_then(|position| u16::try_from(position).ok()).unwrap_or(u16::MAX);
    listing.run(options, &mut Keys { volume, take })
}

/// Makes events of keys.
struct Keys<'a> {
    volume: u16,
    take: &'a mut dyn FnMut(&Event<'_>) -> io::Result<()>,
}

impl KeySink for Keys<'_> {
    fn begin_key(&mut self, row: &KeyRow<'_>) -> io::Result<()> {
        let Some(key) = row.key.filter(|key| key.last_written_ticks() > 0) else { return Ok(()) };
        let time = key.last_written();
        (self.take)(&Event {
            time,
            local: false,
            source: Source::Registry,
            reason: Reason::KeyWritten,
            volume: self.volume,
            file: FileId(key.offset().in_file()),
            size: 0,
            allocated: row.deleted.is_none(),
            kind: None,
            signs: Signs::of_time(time, None),
            encoding: NameEncoding::Wtf8,
            path: row.path,
            detail: row.deleted.map_or("", |deleted| deleted.place.as_str()),
        })
    }

    fn value(&mut self, _: &ValueRow<'_>) -> io::Result<()> {
        Ok(())
    }

    fn end_key(&mut self) -> io::Result<()> {
        Ok(())
    }
}
