//! Change journals, and the paths that are made of them.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use vminspect_analysis::usn::{JournalSource, Paths, ResolvedPath};
use vminspect_artefact::usn::{FileReference, Journal, exercise};
use vminspect_bytes::{Memory, ReadAt, Slice};

use crate::seed::Seed;

/// A journal and the MFT of the volume that it tells of; and where the MFT begins.
static SEED: LazyLock<(Seed, Vec<usize>)> = LazyLock::new(|| {
    Seed::joined(&[
        include_bytes!("../seeds/usn-history.J.gz"),
        include_bytes!("../seeds/usn-history.mft.gz"),
    ])
});

/// The first byte of the input chooses: what follows is a journal, or it is damage to a journal and an MFT, whose paths
/// are then told.
pub fn usn(input: &[u8]) {
    let (choice, rest) = input.split_first().unwrap_or((&0, &[]));
    if choice.is_multiple_of(2) {
        let met = exercise(&Slice(rest));
        assert!(met.records * 60 <= rest.len(), "{met:?}");
        return;
    }
    let (seed, starts) = &*SEED;
    let bytes = seed.patched(rest);
    let (journal, mft) = bytes.split_at(starts[0]);
    let source = JournalSource {
        bytes: Arc::new(Memory::new(journal.to_vec())) as Arc<dyn ReadAt>,
        lowest_valid_usn: None,
        mft: Some(Arc::new(Memory::new(mft.to_vec())) as Arc<dyn ReadAt>),
        root: b"root".to_vec(),
        separator: b'/',
    };
    let asked = questions(journal);
    let (mut forwards, mut backwards) = (source.paths().0, source.paths().0);
    let told: Vec<ResolvedPath> = asked.iter().map(|question| answer(&mut forwards, question)).collect();
    // What was asked before makes no difference.
    for (question, told) in asked.iter().zip(&told).rev() {
        assert_eq!(answer(&mut backwards, question), *told, "{question:?}");
    }
}

/// A file, the directory it is in, its name, and when.
type Question = (FileReference, FileReference, Vec<u8>, u64);

fn questions(journal: &[u8]) -> Vec<Question> {
    let mut asked = Vec::new();
    Journal::new(&Slice(journal)).visit(|record| {
        if let Ok(record) = record
            && let Some(change) = record.change()
        {
            asked.push((record.file, record.parent, change.name(), record.offset));
        }
        ControlFlow::Continue(())
    });
    asked
}

fn answer(paths: &mut Paths, (file, parent, name, position): &Question) -> ResolvedPath {
    let told = paths.file(*file, *parent, name, *position);
    assert!(told.path.starts_with(b"root/"), "{told:?}");
    assert!(told.problem.is_none() || told.path.starts_with(b"root/?/"), "{told:?}");
    assert!(told.path.len() < 1 << 18 && told.problem.is_none_or(|problem| !problem.to_string().is_empty()));
    told
}
