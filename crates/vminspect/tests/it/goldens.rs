use std::fs;
use std::path::PathBuf;

use crate::tool::{AFTER, BEFORE, WINDOWS_AFTER, WINDOWS_BEFORE, WINDOWS_REGISTRY, root, run};

/// Each case: the name of its file under `tests/golden`, and the arguments.
const CASES: &[(&str, &[&str])] = &[
    ("info.txt", &["info", AFTER]),
    ("info.json", &["info", "--format", "json", AFTER]),
    ("list.json", &["list", "--match", "/etc/**", BEFORE]),
    (
        "list_all.json",
        &["list", "-i", "-s", "--algorithm", "sha1,sha256,md5,blake3", "--match", "/etc/pas*", AFTER],
    ),
    ("list.jsonl", &["list", "-s", "--match", "/root/**", "--format", "jsonl", AFTER]),
    ("list.csv", &["list", "-s", "--match", "/root/**", "--format", "csv", AFTER]),
    ("list.table", &["list", "--match", "/etc/**", "--exclude", "*.conf", "--format", "table", AFTER]),
    ("compare.json", &["compare", BEFORE, AFTER]),
    ("compare_all.json", &["compare", "-c", "-i", "-s", "--atime", "--algorithm", "md5", BEFORE, AFTER]),
    ("compare.jsonl", &["compare", "-s", "--format", "jsonl", BEFORE, AFTER]),
    ("compare.csv", &["compare", "--format", "csv", BEFORE, AFTER]),
    ("compare.table", &["compare", "--format", "table", BEFORE, AFTER]),
    ("os-release", &["cat", AFTER, "/etc/os-release"]),
    ("stat.txt", &["stat", AFTER, "/etc/passwd"]),
    ("windows_info.txt", &["info", WINDOWS_AFTER]),
    ("windows_registry_info.txt", &["info", WINDOWS_REGISTRY]),
    ("windows_registry_info.json", &["info", "--format", "json", WINDOWS_REGISTRY]),
    ("windows_list.json", &["list", "-s", "--streams", "--deleted", WINDOWS_AFTER]),
    ("windows_list.csv", &["list", "--streams", "--match", r"\Users\**", "--format", "csv", WINDOWS_AFTER]),
    ("windows_list.table", &["list", "--streams", "--deleted", "--format", "table", WINDOWS_AFTER]),
    ("windows_compare.json", &["compare", "-s", WINDOWS_BEFORE, WINDOWS_AFTER]),
    ("windows_compare.table", &["compare", "--format", "table", WINDOWS_BEFORE, WINDOWS_AFTER]),
    ("windows_stat.txt", &["stat", WINDOWS_AFTER, r"c:\users\anna\documents\report.txt"]),
    ("windows_stat.json", &["stat", "--format", "json", WINDOWS_AFTER, r"C:\Windows\Logs\setup.log"]),
];

#[test]
fn reports_are_what_they_were() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    for (name, arguments) in CASES {
        let got = portable(run(*arguments).code(0).out);
        let path = directory.join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &got).unwrap();
        } else if fs::read(&path).ok().as_deref() != Some(&got[..]) {
            wrong.push(*name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} differ; run again with UPDATE_GOLDEN=1 and read the difference");
}

/// The output with the place of the repository, which a parent's full path has, left out.
fn portable(output: Vec<u8>) -> Vec<u8> {
    let root = root().canonicalize().unwrap();
    String::from_utf8(output).unwrap().replace(root.to_str().unwrap(), "ROOT").into_bytes()
}

#[test]
fn threads_do_not_change_a_byte() {
    for arguments in [&["list", "-i", "-s", AFTER][..], &["compare", "-s", BEFORE, AFTER]] {
        let one = run(arguments.iter().chain(&["--threads", "1"])).code(0);
        for threads in ["2", "8"] {
            assert_eq!(run(arguments.iter().chain(&["--threads", threads])).code(0).out, one.out);
        }
    }
}
