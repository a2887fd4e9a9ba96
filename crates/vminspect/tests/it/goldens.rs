use std::fs;
use std::path::PathBuf;

use crate::tool::{
    AFTER, BEFORE, WINDOWS_AFTER, WINDOWS_BEFORE, WINDOWS_REGISTRY, WINDOWS_REGISTRY_2, hives, root, run,
};

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
    (
        "windows_registry_services.table",
        &["registry", "-d", WINDOWS_REGISTRY, r"hklm\system\currentcontrolset", "--format", "table"],
    ),
    ("timeline.json", &["timeline", "--match", "/etc/pas*", AFTER]),
    ("timeline.table", &["timeline", "--match", "/etc/**", "--reverse", "--format", "table", AFTER]),
    ("timeline_timesketch.csv", &["timeline", "--match", "/root/**", "--format", "timesketch", AFTER]),
    (
        "windows_timeline.jsonl",
        &[
            "timeline",
            "--filename-times",
            "--match",
            r"C:\Users\anna\Doc*",
            "--format",
            "jsonl",
            WINDOWS_AFTER,
        ],
    ),
    ("windows_timeline.csv", &["timeline", "--match", r"vol1:\**", "--format", "csv", WINDOWS_AFTER]),
    ("windows_timeline.body", &["timeline", "--match", r"\Users\**", "--format", "bodyfile", WINDOWS_AFTER]),
    ("windows_mftecmd.csv", &["timeline", "--match", r"\Users\**", "--format", "mftecmd", WINDOWS_AFTER]),
    (
        "windows_l2t.csv",
        &["timeline", "--filename-times", "--match", "report.txt", "--format", "l2tcsv", WINDOWS_AFTER],
    ),
    ("windows_plaso.csv", &["timeline", "--match", "report.txt", "--format", "plaso", WINDOWS_AFTER]),
    ("windows_histogram.txt", &["timeline", "--histogram", "--from", "2026-11-25", WINDOWS_AFTER]),
    ("windows_stat.txt", &["stat", WINDOWS_AFTER, r"c:\users\anna\documents\report.txt"]),
    ("windows_stat.json", &["stat", "--format", "json", WINDOWS_AFTER, r"C:\Windows\Logs\setup.log"]),
];

/// The same, of hives: `HIVES` is the directory in which they are.
const HIVE_CASES: &[(&str, &[&str])] = &[
    ("registry.json", &["registry", "HIVES/types.hive", "--key", "known"]),
    ("registry_strings.json", &["registry", "HIVES/types.hive", "--key", "STRINGS"]),
    (
        "registry_layers.jsonl",
        &["registry", "HIVES/version-1.6.hive", "--key", "layered", "--format", "jsonl"],
    ),
    ("registry_strings.jsonl", &["registry", "HIVES/types.hive", "--key", "Strings", "--format", "jsonl"]),
    ("registry_strings.csv", &["registry", "HIVES/types.hive", "--key", "Strings", "--format", "csv"]),
    ("registry_flags.csv", &["registry", "HIVES/types.hive", "--key", "Flags", "--format", "csv"]),
    ("registry_sorted.table", &["registry", "HIVES/types.hive", "-s", "--key", "Flags", "--format", "table"]),
    ("registry_deleted.table", &["registry", "HIVES/deleted.hive", "--deleted", "--format", "table"]),
    ("registry_timeline.json", &["registry", "HIVES/types.hive", "--timeline", "--key", "Flags"]),
    (
        "registry_timeline.jsonl",
        &["registry", "HIVES/deleted.hive", "--timeline", "--deleted", "--format", "jsonl"],
    ),
    (
        "registry_timeline.csv",
        &["registry", "HIVES/deleted.hive", "--timeline", "--deleted", "--format", "csv"],
    ),
    (
        "registry_timeline.body",
        &["registry", "HIVES/deleted.hive", "--timeline", "--deleted", "--format", "bodyfile"],
    ),
    (
        "registry_diff.table",
        &["registry-diff", "HIVES/before.hive", "HIVES/after.hive", "--times", "--format", "table"],
    ),
];

#[test]
fn reports_are_what_they_were() {
    let hives = hives().to_str().unwrap();
    let mut wrong = Vec::new();
    for (name, arguments) in CASES {
        wrong.extend(differs(name, &portable(run(*arguments).code(0).out)));
    }
    for (name, arguments) in HIVE_CASES {
        let arguments = arguments.iter().map(|argument| argument.replace("HIVES", hives));
        let text = run(arguments).code(0).text().replace(hives, "HIVES");
        wrong.extend(differs(name, text.as_bytes()));
    }
    assert!(wrong.is_empty(), "{wrong:?} differ; run again with UPDATE_GOLDEN=1 and read the difference");
}

/// Hives of two guests, some on one side alone, one of them empty.
#[test]
fn registries_of_guests_are_compared_as_they_were() {
    let arguments =
        ["compare", "-r", WINDOWS_REGISTRY_2, WINDOWS_REGISTRY, "--match", "/none", "--format", "jsonl"];
    let compared = run(arguments).code(3);
    assert_eq!(
        differs("windows_registry_compare.jsonl", &compared.out),
        None,
        "run again with UPDATE_GOLDEN=1"
    );
}

/// The registry editor's files are UTF-16; here they are kept as UTF-8.
#[test]
fn files_of_the_registry_editor_are_what_they_were() {
    let hive = hives().join("types.hive");
    let mut all = String::new();
    for key in ["Known", "Strings", "Unknown", "Numbers"] {
        let bytes = run(["registry", hive.to_str().unwrap(), "--key", key, "--format", "reg"]).code(0).out;
        let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let text = String::from_utf16(&units).unwrap();
        assert!(text.starts_with("\u{feff}Windows Registry Editor Version 5.00\r\n\r\n["));
        assert!(text.lines().all(|line| line.len() <= 80 || line.ends_with('"')), "{text}");
        all.push_str(&text.replace("\r\n", "\n"));
    }
    assert_eq!(differs("registry.reg", all.as_bytes()), None, "run again with UPDATE_GOLDEN=1");
}

/// The name of a case whose output is not what it was.
fn differs(name: &'static str, got: &[u8]) -> Option<&'static str> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, got).unwrap();
        return None;
    }
    (fs::read(&path).ok().as_deref() != Some(got)).then_some(name)
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
