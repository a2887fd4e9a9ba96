use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::tool::{AFTER, BEFORE, root, run};

fn truth() -> Value {
    serde_json::from_slice(&fs::read(root().join("fixtures/samples/truth.json")).unwrap()).unwrap()
}

fn paths(items: &Value, key: &str, regular: Option<bool>) -> BTreeSet<String> {
    let wanted = |item: &&Value| regular.is_none_or(|regular| (item["kind"] == "regular") == regular);
    let items = items.as_array().unwrap().iter();
    items.filter(wanted).map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_comparison_equals_the_kernel_s() {
    let truth = truth();
    let report = run(["compare", "--algorithm", "sha1,sha256", BEFORE, AFTER]).code(0).json();
    assert_eq!(paths(&report["created_files"], "path", None), paths(&truth["created"], "path", Some(true)));
    assert_eq!(paths(&report["deleted_files"], "path", None), paths(&truth["deleted"], "path", Some(true)));
    assert_eq!(paths(&report["created_other"], "path", None), paths(&truth["created"], "path", Some(false)));
    assert_eq!(paths(&report["deleted_other"], "path", None), paths(&truth["deleted"], "path", Some(false)));
    assert_eq!(paths(&report["renamed_files"], "from", None), paths(&truth["renamed"], "from", None));
    let hash = |path: &str| {
        let created = truth["created"].as_array().unwrap().iter();
        created.clone().find(|each| each["path"] == path).map(|each| each["sha256"].clone())
    };
    for file in report["created_files"].as_array().unwrap() {
        assert_eq!(Some(file["sha256"].clone()), hash(file["path"].as_str().unwrap()));
        assert_eq!(file["sha1"].as_str().unwrap().len(), 40);
    }
    assert_eq!(report["coverage"], Value::Array(Vec::new()));
}

#[test]
fn old_keys_come_first_and_in_order() {
    let report = run(["compare", BEFORE, AFTER]).code(0);
    let keys: Vec<&str> = report
        .text()
        .lines()
        .filter(|line| line.starts_with("  \""))
        .map(|line| line.trim().split('"').nth(1).unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "created_files",
            "deleted_files",
            "modified_files",
            "created_other",
            "deleted_other",
            "renamed_files",
            "metadata_changed",
            "type_changed",
            "areas_changed",
            "coverage"
        ]
    );
}

#[test]
fn a_listing_is_a_plain_array_of_paths_and_hashes() {
    let listing = run(["list", BEFORE]).code(0).json();
    let items = listing.as_array().unwrap();
    assert_eq!(items.len() as u64, truth()["before"]["entries"]["regular"].as_u64().unwrap());
    for item in items {
        let keys: Vec<&String> = item.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["path", "sha1"]);
    }
    let sorted: Vec<&str> = items.iter().map(|item| item["path"].as_str().unwrap()).collect();
    assert!(sorted.is_sorted());
}

#[test]
fn exit_codes_tell_differences_only_when_asked() {
    run(["compare", BEFORE, AFTER]).code(0);
    run(["compare", "--exit-code", BEFORE, AFTER]).code(1);
    run(["compare", "--exit-code", BEFORE, BEFORE]).code(0);
    assert_eq!(run(["compare", "--format", "table", AFTER, AFTER]).code(0).text(), "No differences\n");
}

#[test]
fn statistics_and_progress_go_to_standard_error() {
    let run = run(["compare", "--stats", "--progress", "json", "--memory", "128M", BEFORE, AFTER]).code(0);
    for name in ["host bytes read", "bytes proven equal", "bytes compared", "bytes hashed", "elapsed"] {
        assert!(run.err.contains(name), "{}", run.err);
    }
    let progress: Vec<Value> = run
        .err
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("progress is JSON"))
        .collect();
    assert!(progress.iter().any(|line| line["stage"] == "walking"), "{}", run.err);
    run.json();
}

#[test]
fn quiet_is_silent_and_prefixes_of_options_work() {
    let run = run(["-q", "list", "--ident", "--si", "--alg", "md5", AFTER]).code(0);
    assert_eq!(run.err, "");
    let item = &run.json()[0];
    assert!(item["md5"].is_string() && item["type"].is_string() && item["size"].is_u64(), "{item}");
}

#[test]
fn cat_follows_links_inside_the_guest() {
    let content = run(["cat", AFTER, "/etc/passwd"]).code(0);
    assert!(content.text().contains("root:"));
    let refused = run(["cat", AFTER, "/etc"]).code(2);
    assert!(refused.err.contains("is a directory"), "{}", refused.err);
    let missing = run(["cat", AFTER, "/no/such\u{1b}[2J"]).code(2);
    assert!(missing.err.contains("does not exist") && !missing.err.contains('\u{1b}'), "{}", missing.err);
}

#[test]
fn colour_only_where_it_is_wanted() {
    let plain = run(["compare", "--format", "table", BEFORE, AFTER]).code(0);
    assert!(!plain.text().contains('\u{1b}'));
    let coloured = run(["compare", "--format", "table", "--color", "always", BEFORE, AFTER]).code(0);
    assert!(coloured.text().contains("\u{1b}[32m+\u{1b}[0m"));
}

#[test]
fn csv_has_one_width() {
    let csv = run(["compare", "--format", "csv", BEFORE, AFTER]).code(0);
    let widths: BTreeSet<usize> =
        csv.text().split("\r\n").filter(|line| !line.is_empty()).map(fields).collect();
    assert_eq!(widths.len(), 1, "{widths:?}");
    assert!(csv.text().ends_with("\r\n"));
}

/// Fields of a line of CSV that holds no line end within quotes.
fn fields(line: &str) -> usize {
    let mut quoted = false;
    let mut count = 1;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}
