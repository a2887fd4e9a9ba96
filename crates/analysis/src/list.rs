use std::io;

use vminspect_bytes::host_bytes_read;
use vminspect_filesystem::{FileKind, FileSystem};
use vminspect_guest::{Guest, GuestVolume};

use crate::compare_volume::add_problems;
use crate::facts::{Identifier, Knowing, Known, facts, know_files};
use crate::finding::{FileFacts, GuestPath, ListSummary};
use crate::second::Found;
use crate::tree::Tree;
use crate::walk::{Namespace, Path, Side, walk_one};
use crate::{Options, Progress, Stage};

/// Takes the rows of a listing, in order.
pub type RowSink<'a> = &'a mut dyn FnMut(FileFacts) -> io::Result<()>;

/// Lists the regular files of a guest with their hashes, sorted by path within each volume, into `sink`.
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
    let identifier = crate::facts::identifier(options);
    for volume in guest.volumes() {
        if let Some(filesystem) = &volume.filesystem {
            let listing = Listing { guest, volume, filesystem: &**filesystem, options, progress };
            listing.run(identifier.as_deref(), &mut summary, sink)?;
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
    fn run(
        &self,
        identifier: Option<&Identifier>,
        summary: &mut ListSummary,
        sink: RowSink<'_>,
    ) -> io::Result<()> {
        self.progress.stage(Stage::Walking, self.filesystem.identity().files.unwrap_or(0));
        let tree = Tree::read(self.filesystem, self.progress);
        let mut paths = Vec::new();
        let root = self.filesystem.root();
        let problems = walk_one(&tree, root, &Namespace::of(self.volume), &mut |bytes, found| {
            if found.node.kind == FileKind::Regular && self.takes(&bytes) {
                paths.push(Path { bytes, file: found.node.id });
            }
        });
        add_problems(self.guest.image(), problems, &mut summary.coverage);
        summary.statistics.entries_before += tree.nodes().len() as u64;
        paths.sort_unstable_by(|x, y| x.bytes.cmp(&y.bytes));
        let files: Vec<Found<'_>> = paths.iter().filter_map(|path| tree.lookup(path.file)).collect();
        let knowing = Knowing::new(self.options, identifier);
        let known = know_files(self.filesystem, &files, &knowing, self.progress);
        drop(files);
        for path in paths {
            let Some(found) = tree.lookup(path.file) else { continue };
            let known = match known.get(&path.file) {
                Some(Ok(known)) => known.clone(),
                Some(Err(error)) => {
                    summary.coverage.add_error(self.guest.image(), &path.bytes, error.family(), error);
                    Known::default()
                }
                None => Known::default(),
            };
            sink(facts(self.filesystem, found, path.bytes, known))?;
        }
        Ok(())
    }

    fn takes(&self, path: &[u8]) -> bool {
        self.options.filter.takes_all()
            || self.options.filter.takes(&GuestPath::new(path.to_vec(), self.filesystem.name_encoding()))
    }
}
