//! Event logs.

use std::sync::{Arc, LazyLock};

use vminspect_analysis::event_log::{EventFilter, EventLog, GapOptions, each_event, find_gaps, payload};
use vminspect_artefact::evtx::{exercise, xml};
use vminspect_bytes::{Memory, Slice};

use crate::seed::{Seeds, damaged, decompress};

static SEEDS: Seeds = LazyLock::new(|| {
    decompress(&[
        include_bytes!("../../fixtures/evtx/types.evtx.gz"),
        include_bytes!("../../fixtures/evtx/wrapped.evtx.gz"),
        include_bytes!("../../fixtures/evtx/dirty.evtx.gz"),
        include_bytes!("../../fixtures/evtx/damaged.evtx.gz"),
        include_bytes!("../../fixtures/evtx/hostile-deep.evtx.gz"),
        include_bytes!("../../fixtures/evtx/hostile-self.evtx.gz"),
        include_bytes!("../../fixtures/evtx/hostile-values.evtx.gz"),
        include_bytes!("../../fixtures/evtx/hostile-doubling.evtx.gz"),
    ])
});

/// A damaged log: all of it is read, in both forms, with what is left of other records, and so are its gaps. The
/// input is also taken for the XML of an event.
pub fn evtx(input: &[u8]) {
    let bytes = damaged(&SEEDS, input);
    if let Ok(met) = exercise(&Slice(&bytes)) {
        assert!(met.panics == 0, "the decoder panicked");
        assert!(met.records + met.recovered <= bytes.len() / 28, "{met:?}");
    }
    let text = String::from_utf8_lossy(input);
    let _ = (payload(&text), xml::Pieces::new(&text).count());
    let Ok(log) = EventLog::open("log", b"", Arc::new(Memory::new(bytes))) else { return };
    let logs = [log];
    let mut seen = 0;
    let summary = each_event(&logs, &EventFilter::default(), true, |_| {
        seen += 1;
        Ok(())
    });
    assert_eq!(summary.expect("threads").events, seen);
    find_gaps(&logs, GapOptions { silence: Some(1) }).expect("threads");
}
