//! The chain of clusters of a file, followed through the table.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use vminspect_bytes::{ByteRange, ReadError};

use super::fat_table::{FatTable, Link};
use super::geometry::{Cluster, ClusterRun};
use super::layout::MOST_DIRECTORY;
use crate::FileId;

/// How long a chain has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Length {
    /// So many clusters: those of a file's size.
    Exactly(u64),
    /// Up to its end, as that of a directory.
    Open,
}

/// A chain as far as it could be followed.
#[derive(Default)]
pub(super) struct Chain {
    pub(super) runs: SmallVec<[ClusterRun; 2]>,
    /// The entries of the tables that say so.
    pub(super) depends: SmallVec<[ByteRange; 1]>,
    pub(super) problems: Vec<ReadError>,
    /// How many clusters there are.
    pub(super) clusters: u64,
}

/// Follows the chain that begins with cluster number `first`, the file `owner`'s. It ends where a cluster would
/// come a second time.
pub(super) fn follow(table: &mut FatTable<'_>, first: u32, length: Length, owner: FileId) -> Chain {
    let mut walk = Walk {
        table,
        owner,
        chain: Chain::default(),
        starts: BTreeMap::new(),
        barrier: u32::MAX,
        asked_others: false,
    };
    walk.run(first, length);
    walk.finish()
}

struct Walk<'t, 'a> {
    table: &'t mut FatTable<'a>,
    owner: FileId,
    chain: Chain,
    /// Runs before the last one, by their first clusters.
    starts: BTreeMap<u32, u32>,
    /// The first of these behind the start of the last run.
    barrier: u32,
    /// Whether the other tables had their say, so that all depends on them, too.
    asked_others: bool,
}

impl Walk<'_, '_> {
    fn run(&mut self, first: u32, length: Length) {
        if length == Length::Exactly(0) && first == 0 {
            return;
        }
        let Some(first) = self.table.geometry.cluster(first) else {
            let expected = format!("a cluster from 2 to {}", self.table.geometry.end().saturating_sub(1));
            let error = self.damaged(None).expected(expected);
            self.chain.problems.push(error.found(format!("{first} as the first one")));
            return;
        };
        let most = match length {
            Length::Exactly(0) => {
                let found = format!("cluster {}", first.get());
                let error = self.damaged(None).expected("no cluster, as the file is empty").found(found);
                self.chain.problems.push(error);
                return;
            }
            Length::Exactly(count) => count,
            Length::Open => self.table.geometry.clusters_of(MOST_DIRECTORY),
        };
        self.push(first);
        let mut last = first;
        while self.chain.clusters < most {
            let Some(next) = self.next(last, length) else { return };
            self.push(next);
            last = next;
        }
        self.check_end(last, length);
    }

    /// The cluster behind `last`, by the first table that tells one.
    fn next(&mut self, last: Cluster, length: Length) -> Option<Cluster> {
        let mut fault = None;
        for copy in self.table.geometry.copies() {
            self.asked_others |= fault.is_some();
            let found = match self.table.link(copy, last) {
                Ok(Link::Next(next)) if self.is_visited(last, next) => {
                    Err(format!("cluster {}, which is in it already", next.get()))
                }
                Ok(Link::Next(next)) => Ok(Some(next)),
                Ok(Link::End) if length == Length::Open => Ok(None),
                Ok(link) => Err(link.describe()),
                Err(error) => Err(format!("an entry that cannot be read ({error})")),
            };
            match (found, fault.take()) {
                (Ok(next), None) => return next,
                (Ok(next), Some(found)) => {
                    let error = self.damaged(Some(last)).found(found);
                    let advice = format!("table {} is used for it", u32::from(copy).saturating_add(1));
                    self.chain.problems.push(error.advice(advice));
                    return next;
                }
                (Err(found), first) => fault = first.or(Some(found)),
            }
        }
        let expected = match length {
            Length::Exactly(count) => format!("{count} clusters"),
            Length::Open => "a cluster or the end".to_owned(),
        };
        let found = format!("{} behind {} of them", fault.unwrap_or_default(), self.chain.clusters);
        let error = self.damaged(Some(last)).expected(expected).found(found);
        self.chain.problems.push(error);
        None
    }

    /// A chain that is as long as it may be has to end there.
    fn check_end(&mut self, last: Cluster, length: Length) {
        let found = match self.table.link(self.table.geometry.active_fat, last) {
            Ok(Link::End) => return,
            Ok(link) => link.describe(),
            Err(error) => format!("an entry that cannot be read ({error})"),
        };
        let expected = match length {
            Length::Exactly(count) => format!("the end behind {count} clusters, as the file has no more"),
            Length::Open => format!("a directory of at most {MOST_DIRECTORY} bytes"),
        };
        let error = self.damaged(Some(last)).expected(expected).found(found);
        self.chain.problems.push(error);
    }

    fn is_visited(&self, last: Cluster, next: Cluster) -> bool {
        let number = next.get();
        if number == last.get().saturating_add(1) {
            return number == self.barrier;
        }
        let inside = self.chain.runs.last().is_some_and(|run| run.first <= next && number < run.end());
        let before = self.starts.range(..=number).next_back();
        inside || before.is_some_and(|(first, count)| number < first.saturating_add(*count))
    }

    fn push(&mut self, cluster: Cluster) {
        self.chain.clusters = self.chain.clusters.saturating_add(1);
        if let Some(run) = self.chain.runs.last_mut() {
            if run.end() == cluster.get() {
                run.count = run.count.saturating_add(1);
                return;
            }
            self.starts.insert(run.first.get(), run.count);
        }
        self.barrier = self.starts.range(cluster.get()..).next().map_or(u32::MAX, |(first, _)| *first);
        self.chain.runs.push(ClusterRun { first: cluster, count: 1 });
    }

    fn finish(mut self) -> Chain {
        let geometry = self.table.geometry;
        let copies = if self.asked_others { usize::MAX } else { 1 };
        for copy in geometry.copies().take(copies) {
            self.chain.depends.extend(self.chain.runs.iter().map(|run| geometry.entries(copy, *run)));
        }
        self.chain
    }

    fn damaged(&self, cluster: Option<Cluster>) -> ReadError {
        let error = ReadError::corrupt(format!("cluster chain of file {}", self.owner.0));
        let Some(cluster) = cluster else { return error };
        let geometry = self.table.geometry;
        let run = ClusterRun { first: cluster, count: 1 };
        error.at(geometry.entries(geometry.active_fat, run).start())
    }
}
