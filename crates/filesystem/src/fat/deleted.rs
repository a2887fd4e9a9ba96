//! What may be left of a deleted file's content.

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError};

use super::content::push_lost;
use super::fat_table::{FatTable, Link};
use super::geometry::ClusterRun;
use crate::stored::{OVERWRITTEN, push_run};
use crate::{FileId, Place, Run};

/// Clusters in use that a guess may step over before it gives up.
const MOST_SKIPPED: u64 = 1 << 16;

/// Where a deleted file was, as far as that can be guessed.
#[derive(Default)]
pub(super) struct Guess {
    pub(super) runs: SmallVec<[Run; 2]>,
    pub(super) depends: SmallVec<[ByteRange; 1]>,
    pub(super) problem: Option<ReadError>,
    /// Whether more than the first cluster is taken, which alone is recorded.
    pub(super) is_guess: bool,
}

/// The clusters from the first on that are free now, as many as the size takes: deletion frees the chain but
/// keeps its start. Those in use are stepped over, as they were when the file was written. Where the first itself is in
/// use again, nothing tells which of the others were used before and which after: the file is taken to have been in one
/// piece, and what is in use of that is left out.
pub(super) fn guess(table: &mut FatTable<'_>, first: u32, size: u64, owner: FileId) -> Guess {
    let geometry = table.geometry;
    let wanted = geometry.clusters_of(size);
    let mut found = Guess { is_guess: wanted > 1, ..Guess::default() };
    if wanted == 0 {
        return found;
    }
    let damaged = || ReadError::corrupt(format!("content of deleted file {}", owner.0));
    let Some(start) = geometry.cluster(first) else {
        push_lost(&mut found.runs, 0, size);
        found.problem = Some(damaged().expected("a first cluster").found(first.to_string()));
        return found;
    };
    let skips = matches!(table.link(geometry.active_fat, start), Ok(Link::Free));
    let taken = take(table, first, wanted, skips);
    let span = ClusterRun { first: start, count: taken.span.max(1) };
    found.depends.push(geometry.entries(geometry.active_fat, span));
    let (free, used) = (taken.free, taken.used);
    found.problem = if !skips {
        let text =
            format!("its first cluster {first} in use, with {used} of {wanted} clusters from there on");
        Some(damaged().found(text))
    } else if used > 0 {
        let text = format!("{used} clusters in use among the {wanted} from cluster {first} on, stepped over");
        Some(damaged().expected("free clusters").found(text))
    } else if free < wanted {
        Some(damaged().expected(format!("{wanted} clusters")).found(format!("{free} up to the end")))
    } else {
        None
    };
    found.runs = taken.runs;
    push_lost(&mut found.runs, taken.end, size);
    found
}

/// Clusters of a guess.
#[derive(Default)]
struct Taken {
    runs: SmallVec<[Run; 2]>,
    /// Where the file goes on behind them.
    end: u64,
    free: u64,
    used: u64,
    /// Clusters that were looked at.
    span: u32,
}

/// Takes `wanted` clusters from `first` on. Those in use are skipped, or taken as overwritten.
fn take(table: &mut FatTable<'_>, first: u32, wanted: u64, skips: bool) -> Taken {
    let geometry = table.geometry;
    let length = geometry.bytes_of(1);
    let mut taken = Taken::default();
    let mut number = first;
    let is_done = |taken: &Taken| {
        if skips {
            taken.free >= wanted || taken.used >= MOST_SKIPPED
        } else {
            taken.free.saturating_add(taken.used) >= wanted
        }
    };
    while !is_done(&taken) {
        let Some(cluster) = geometry.cluster(number) else { break };
        let is_free = matches!(table.link(geometry.active_fat, cluster), Ok(Link::Free));
        let start = taken.end;
        if is_free || !skips {
            let place = if is_free { geometry.offset(cluster) } else { OVERWRITTEN.saturating_add(start) };
            push_run(&mut taken.runs, Run { start, length, place: Place::Volume(place) });
            taken.end = start.saturating_add(length);
        }
        let count = if is_free { &mut taken.free } else { &mut taken.used };
        *count = count.saturating_add(1);
        number = number.saturating_add(1);
    }
    taken.span = number.saturating_sub(first);
    taken
}
