use std::io;
use std::sync::Arc;

use vminspect_bytes::host_bytes_read;
use vminspect_filesystem::{FileId, FileKind, FileSystem};
use vminspect_guest::{Guest, GuestVolume};

use crate::compare_volume::{add_problems, add_table_failure};
use crate::facts::{Knowing, Known, facts, know_files};
use crate::finding::{FileFacts, GuestPath, ListSummary};
use crate::part::TableMemory;
use crate::second::Found;
use crate::tree::{Node, Tree};
use crate::walk::{Namespace, Problems, walk_one};
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
    for volume in guest.volumes() {
        if let Some(filesystem) = &volume.filesystem {
            let listing = Listing { guest, volume, filesystem: &**filesystem, options, progress };
            listing.run(&mut summary, sink)?;
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
        let (root, namespace) = (self.filesystem.root(), Namespace::of(self.volume));
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
            result = sink(facts(self.filesystem, found, path.to_vec(), known));
        });
        add_problems(self.guest.image(), problems, &mut summary.coverage);
        add_table_failure(self.guest.image(), &memory, &mut summary.coverage);
        result
    }

    /// Positions in the tree of the files to hash: all that are regular, unless their paths decide. The
    /// problems are those of looking at the paths.
    fn chosen(&self, tree: &Tree, root: FileId, namespace: &Namespace) -> (Vec<u32>, Problems) {
        let mut files = Vec::new();
        if self.options.filter.takes_all() {
            let listed =
                |node: &Node| node.kind == FileKind::Regular && !node.is_internal() && !node.is_stream();
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
        found.node.kind == FileKind::Regular
            && !found.node.is_stream()
            && (self.options.filter.takes_all()
                || self.options.filter.takes(&GuestPath::new(path.to_vec(), self.filesystem.name_encoding())))
    }
}
