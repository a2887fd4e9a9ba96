//! Sound hives give what their maker put into them.

use crate::{evidence, tree};

/// Every key, value, time, class name, flag and security descriptor of each fixture that is not damaged and needs
/// no log.
#[test]
fn hives_hold_what_was_put_into_them() {
    let mut count = 0;
    for name in evidence::names("", ".jsonl.gz") {
        let has_hive = evidence::names("", ".hive.gz").contains(&name);
        if name.starts_with("damaged") || name.starts_with("dirty") || !has_hive {
            continue;
        }
        let found = tree::of_hive(&evidence::open(&name).expect(&name));
        let expected = tree::expected(&format!("{name}.jsonl"));
        assert_eq!(found.keys.len(), expected.len(), "{name}");
        for (found, expected) in found.keys.iter().zip(&expected) {
            assert_eq!(found, expected, "{name}");
        }
        // 1.0 is told, since no specification has it.
        let told = usize::from(name == "version-1.0");
        assert_eq!(found.problems.len(), told, "{name}: {:?}", found.problems);
        count += 1;
    }
    assert!(count >= 17, "{count}");
}

/// Versions that no Windows writes are read as the nearest, and told.
#[test]
fn unknown_versions_are_told() {
    for name in ["version-1.7", "version-2.5"] {
        let found = tree::of_hive(&evidence::open(name).expect(name));
        assert_eq!(found.keys.len(), tree::expected("version-1.5.jsonl").len(), "{name}");
        assert!(found.problems.iter().any(|problem| problem.contains("unsupported version")), "{name}");
    }
}
