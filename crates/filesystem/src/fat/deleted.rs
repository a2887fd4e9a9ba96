//! What may be left of a deleted file's content.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError};

use super::content::push_lost;
use super::content::runs;
use super::fat_table::{FatTable, Link};
use super::geometry::ClusterRun;
use crate::{FileId, Run};

/// Clusters in use that a guess may step over before it gives up.
const MOST_SKIPPED: u64 = 1 << 16;

/// Where a deleted file was, as far as that can be guessed.
#[derive(Default)]
pub(super) struct Guess {
    pub(super) runs: SmallVec<[Run; 2]>,
    pub(super) depends: SmallVec<[ByteRange; 1]>,
    pub(super) problem: Option<ReadError>,
}

/// The clusters from the first on that are free now, as many as the size takes: deletion frees the chain but
/// keeps its start. Of a file whose first cluster is in use again, nothing is taken.
pub(super) fn guess(table: &mut FatTable<'_>, first: u32, size: u64, owner: FileId) -> Guess {
    let geometry = table.geometry;
    let wanted = geometry.clusters_of(size);
    let mut found = Guess::default();
    if wanted == 0 {
        return found;
    }
    let damaged = || ReadError::corrupt(format!("content of deleted file {}", owner.0));
    let Some(start) = geometry.cluster(first) else {
        push_lost(&mut found.runs, 0, size);
        found.problem = Some(damaged().expected("a first cluster").found(first.to_string()));
        return found;
    };
    let mut clusters: SmallVec<[ClusterRun; 2]> = SmallVec::new();
    let (mut free, mut used, mut number) = (0_u64, 0_u64, first);
    while free < wanted && used < MOST_SKIPPED {
        let Some(cluster) = geometry.cluster(number) else { break };
        if matches!(table.link(geometry.active_fat, cluster), Ok(Link::Free)) {
            free = free.saturating_add(1);
            match clusters.last_mut() {
                Some(run) if run.end() == number => run.count = run.count.saturating_add(1),
                _ => clusters.push(ClusterRun { first: cluster, count: 1 }),
            }
        } else {
            used = used.saturating_add(1);
            if free == 0 {
                break;
            }
        }
        number = number.saturating_add(1);
    }
    let whole = if free == 0 { u32::try_from(wanted.min(MOST_SKIPPED)).unwrap_or(1) } else { 1 };
    let count = number.saturating_sub(first).max(whole).min(geometry.end().saturating_sub(first));
    let span = ClusterRun { first: start, count };
    found.depends.push(geometry.entries(geometry.active_fat, span));
    found.runs = runs(geometry, &clusters, size);
    found.problem = if free == 0 {
        let overwritten = in_use(table, first, wanted);
        let text = format!(
            "its first cluster {first} in use, with {overwritten} of {wanted} clusters from there on"
        );
        Some(damaged().found(text))
    } else if used > 0 {
        let text = format!("{used} clusters in use among the {wanted} from cluster {first} on, stepped over");
        Some(damaged().expected("free clusters").found(text))
    } else if free < wanted {
        Some(damaged().expected(format!("{wanted} clusters")).found(format!("{free} up to the end")))
    } else {
        None
    };
    found
}

/// How many of so many clusters from `first` on are in use.
fn in_use(table: &mut FatTable<'_>, first: u32, wanted: u64) -> u64 {
    let geometry = table.geometry;
    let numbers = (first..geometry.end()).take(usize::try_from(wanted.min(MOST_SKIPPED)).unwrap_or(0));
    let clusters: SmallVec<[_; 8]> = numbers.filter_map(|number| geometry.cluster(number)).collect();
    let used = clusters
        .into_iter()
        .filter(|cluster| !matches!(table.link(geometry.active_fat, *cluster), Ok(Link::Free)));
    super::widen(used.count())
}
