use std::io;
use std::sync::Arc;

use vminspect_artefact::zone_identifier::{self, ZoneIdentifier};
use vminspect_bytes::{ReadAtExt, host_bytes_read};
use vminspect_filesystem::{Error, FileId, FileKind, FileSystem, Record, Stream};
use vminspect_guest::{Coverage, Guest, GuestVolume};

use crate::compare_volume::{add_problems, add_table_failure};
use crate::deleted::{DeletedFile, DeletedFiles, deleted_files};
use crate::facts::{Knowing, Known, facts, know_files};
use crate::finding::{FileFacts, GuestPath, ListSummary};
use crate::hashing::{Visitor, too_sparse};
use crate::part::TableMemory;
use crate::second::Found;
use crate::tree::{Node, Tree};
use crate::walk::{Namespace, Problems, stream_name, walk_one};
use crate::{Options, Progress, Stage};

/// Takes the rows of a listing, in order.
pub type RowSink<'a> = &'a mut dyn FnMut(FileFacts) -> io::Result<()>;

/// Lists the regular files of a guest with their hashes, sorted by path within each volume, into `sink`; then, when
/// they are asked for, what is left of the volume's deleted files.
///
/// Work runs on the threads of the current rayon pool.
///
/// # Errors
/// Those of `sink`. What cannot be read of the guest is no error here but stands in the coverage.
pub fn list(
    guest: &Guest,
    options: &Options,
    progress: &dyn Progress,
    sink: RowSink<'_>,
) -> io::Result<ListSummary> {
    let mut summary = ListSummary { coverage: guest.coverage().clone(), ..ListSummary::default() };
    for volume in guest.volumes() {
        if let Some(filesystem) = &volume.filesystem {
            let listing = Listing { guest, volume, filesystem: &**filesystem, options, progress };
            listing.run(&mut summary, sink)?;
            if options.deleted {
                listing.deleted(&mut summary, sink)?;
            }
        }
    }
    summary.coverage.extend(guest.check_unchanged());
    summary.statistics.host_bytes_read = host_bytes_read();
    Ok(summary)
}

struct Listing<'a> {
    guest: &'a Guest,
    volume: &'a GuestVolume,
    filesystem: &'a dyn FileSystem,
    options: &'a Options,
    progress: &'a dyn Progress,
}

impl Listing<'_> {
    fn run(&self, summary: &mut ListSummary, sink: RowSink<'_>) -> io::Result<()> {
        self.progress.stage(Stage::Walking, self.filesystem.identity().files.unwrap_or(0));
        let memory = Arc::new(TableMemory::within(self.options.memory));
        let tree = Tree::read(self.filesystem, &memory, self.progress);
        let (root, namespace) = (self.filesystem.root(), Namespace::of(self.volume, self.options));
        summary.statistics.entries_before += tree.len() as u64;
        let (chosen, problems) = self.chosen(&tree, root, &namespace);
        add_problems(self.guest.image(), problems, &mut summary.coverage);
        if chosen.is_empty() {
            return Ok(());
        }
        let chosen = chosen.into_iter().filter_map(|position| tree.at(position as usize));
        let chosen = chosen.map(|node| Found { node, tree: &tree, same_record: false });
        let knowing = Knowing::new(self.options);
        let known = know_files(self.filesystem, chosen, &knowing, self.progress);
        summary.statistics.bytes_hashed += known.hashed;
        // Paths are made as they are handed out: all of them would take more memory than the tree.
        let mut result = Ok(());
        let problems = walk_one(&tree, root, &namespace, &mut |path, found| {
            if result.is_err() || !self.takes(path, found) {
                return;
            }
            let known = known.get(found.node.id).unwrap_or_else(|error| {
                summary.coverage.add_error(self.guest.image(), path, error.family(), error);
                Known::default()
            });
            let mut facts = facts(self.filesystem, found, path.to_vec(), known);
            if self.options.streams && found.node.has_streams() {
                facts.zone = self.zone(found, path, &mut summary.coverage);
            }
            result = sink(facts);
        });
        add_problems(self.guest.image(), problems, &mut summary.coverage);
        add_table_failure(self.guest.image(), &memory, &mut summary.coverage);
        result
    }

    /// What the stream of a file says of where it came from.
    fn zone(&self, found: Found<'_>, path: &[u8], coverage: &mut Coverage) -> Option<ZoneIdentifier> {
        let streams = found.tree.streams(found.node);
        let (name, id) = streams.iter().find(|(name, _)| name.eq_ignore_ascii_case(zone_identifier::NAME))?;
        let read = || -> Result<ZoneIdentifier, Error> {
            let content = self.filesystem.open(id, Stream::Data)?;
            Ok(ZoneIdentifier::parse(&content.read_all(zone_identifier::LARGEST)?)?)
        };
        read()
            .map_err(|error| {
                let path = stream_name(path, name);
                coverage.add_error(self.guest.image(), &path, error.family(), &error);
            })
            .ok()
    }

    /// Hands out what is left of deleted files.
    fn deleted(&self, summary: &mut ListSummary, sink: RowSink<'_>) -> io::Result<()> {
        let namespace = Namespace::of(self.volume, self.options);
        let (deleted, problems) = deleted_files(self.filesystem, &namespace, self.options, self.progress);
        add_problems(self.guest.image(), problems, &mut summary.coverage);
        for file in &deleted.files {
            let record = match self.filesystem.restored(file.file) {
                Ok(record) => record,
                Err(error) => {
                    let (image, family) = (self.guest.image(), error.family());
                    summary.coverage.add_error(image, &file.path, family, &error);
                    continue;
                }
            };
            self.deleted_row((&record, Stream::Data), file, &deleted, summary, sink)?;
            if self.options.streams {
                for stream in &record.streams {
                    let path = stream_name(&file.path, &stream.name);
                    let of_file = DeletedFile { path, ..file.clone() };
                    self.deleted_row(
                        (&record, Stream::Named(&stream.name)),
                        &of_file,
                        &deleted,
                        summary,
                        sink,
                    )?;
                }
            }
        }
        Ok(())
    }

    fn deleted_row(
        &self,
        (record, stream): (&Record, Stream<'_>),
        file: &DeletedFile,
        deleted: &DeletedFiles,
        summary: &mut ListSummary,
        sink: RowSink<'_>,
    ) -> io::Result<()> {
        let path = GuestPath::new(file.path.clone(), self.filesystem.name_encoding());
        if !self.options.filter.takes(&path) {
            return Ok(());
        }
        let knowing = Knowing::new(self.options);
        let read = || -> Result<(Known, u64), Error> {
            let content = self.filesystem.open_record(record, stream)?;
            let too_sparse = too_sparse(self.filesystem, content.len());
            too_sparse.map_or(Ok(()), |error| Err(Error::from(error)))?;
            Ok((knowing.stream(&*content)?, content.len()))
        };
        let mut problem = record.problems.first().map(ToString::to_string);
        let (known, size) = read().unwrap_or_else(|error| {
            problem = Some(error.to_string());
            (Known::default(), record.metadata.size)
        });
        summary.statistics.bytes_hashed = summary.statistics.bytes_hashed.saturating_add(size);
        sink(FileFacts {
            path,
            kind: FileKind::Regular,
            size,
            digests: known.digests,
            file_type: known.file_type,
            target: None,
            orphan: false,
            stream: stream != Stream::Data,
            deleted: Some(file.deletion),
            remains: Some(deleted.remains(self.filesystem, record, stream)),
            problem,
            zone: None,
        })
    }

    /// Positions in the tree of the files to hash: all that are regular, unless their paths decide. The
    /// problems are those of looking at the paths.
    fn chosen(&self, tree: &Tree, root: FileId, namespace: &Namespace) -> (Vec<u32>, Problems) {
        let mut files = Vec::new();
        if self.options.filter.takes_all() {
            let listed = |node: &Node| self.is_listed(node);
            let all = (0_u32..).zip(tree.nodes());
            files.extend(all.filter(|(_, node)| listed(node)).map(|(position, _)| position));
            if !files.is_empty() {
                // The walk that hands out the rows tells the problems.
                return (files, Problems::new());
            }
        }
        let problems = walk_one(tree, root, namespace, &mut |path, found| {
            if self.takes(path, found) {
                files.extend(tree.find(found.node.id).and_then(|position| u32::try_from(position).ok()));
            }
        });
        (files, problems)
    }

    fn takes(&self, path: &[u8], found: Found<'_>) -> bool {
        self.is_listed(found.node)
            && (self.options.filter.takes_all()
                || self.options.filter.takes(&GuestPath::new(path.to_vec(), self.filesystem.name_encoding())))
    }

    fn is_listed(&self, node: &Node) -> bool {
        node.kind == FileKind::Regular
            && (self.options.streams || !node.is_stream())
            && (self.options.metadata_files || !node.is_internal())
    }
}
