//! Dirty hives and their logs.

use serde_json::Value as Json;
use vminspect_artefact::registry::{Hive, Outcome};
use vminspect_bytes::Memory;

use crate::{evidence, tree};

/// A log, the first and last number of what was replayed, and the pages.
type Replayed = (String, Option<(u32, u32)>, u32);

/// What was replayed of each log.
fn replayed(hive: &Hive) -> Vec<Replayed> {
    let outcomes = hive.replay().logs.iter().map(|(name, outcome)| match outcome {
        // An old log has no entries with numbers of their own.
        Outcome::Applied { pages, .. } if name.ends_with(".LOG") || name.contains("dirty-old") => {
            (name.clone(), None, *pages)
        }
        Outcome::Applied { sequences, pages, .. } => (name.clone(), Some(*sequences), *pages),
        Outcome::Unused(_) | Outcome::Empty => (name.clone(), None, 0),
    });
    let mut outcomes: Vec<_> = outcomes.collect();
    outcomes.sort();
    outcomes
}

fn numbers(log: &Json) -> Option<(u32, u32)> {
    let numbers = log["applied"].as_array().expect("applied");
    let number = |json: &Json| u32::try_from(json.as_u64().expect("number")).expect("number");
    Some((number(numbers.first()?), number(numbers.last()?)))
}

/// Each case gives the state, and the entries of each log, that its maker's own replay gives.
#[test]
fn logs_are_replayed_as_far_as_they_go_on() {
    let cases = evidence::json("logs.json");
    let cases = cases.as_object().expect("cases");
    assert!(cases.len() >= 29);
    for (name, case) in cases {
        let hive = evidence::open(name).expect(name);
        let file = |log: &Json| tree::string(&log["file"]).trim_end_matches(".gz").to_owned();
        let pages = |log: &Json| u32::try_from(log["pages"].as_u64().expect("pages")).expect("pages");
        let mut expected: Vec<_> = case["logs"]
            .as_array()
            .expect("logs")
            .iter()
            .map(|log| (file(log), numbers(log), pages(log)))
            .collect();
        expected.sort();
        let found = tree::of_hive(&hive);
        if name == "dirty-new-foreign" {
            // Its numbers fit, so that Windows would replay it into a wreck; its name and root tell that it is
            // another hive's.
            assert!(!hive.replay().is_applied());
            assert!(
                found.problems.iter().any(|problem| problem.contains("another hive")),
                "{:?}",
                found.problems
            );
            continue;
        }
        assert_eq!(replayed(&hive), expected, "{name}: {}", case["why"]);
        let expected = tree::expected(tree::string(&case["tree"]).trim_end_matches(".gz"));
        assert_eq!(found.keys, expected, "{name}: {}", case["why"]);
    }
}

/// Without logs a dirty hive is shown as it is stored, and that is told.
#[test]
fn a_dirty_hive_without_logs_is_told() {
    let hive = Hive::open(&Memory::new(evidence::bytes("dirty-new.hive")), &[]).expect("hive");
    let found = tree::of_hive(&hive);
    assert_eq!(found.keys, tree::expected("state-0.jsonl"));
    assert!(found.problems.iter().any(|problem| problem.contains("no log to replay")));
}
