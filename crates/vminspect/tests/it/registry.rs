use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::tool::{Run, WINDOWS_REGISTRY, hives, run, unpack};

const SOFTWARE: &str = r"c:\windows\system32\CONFIG\software";

fn hive(name: &str) -> String {
    hives().join(name).into_os_string().into_string().unwrap()
}

/// Runs `registry` on a sample hive.
fn registry(name: &str, arguments: &[&str]) -> Run {
    run(["registry", &hive(name)].iter().chain(arguments))
}

fn keys(report: &Value) -> Vec<&str> {
    report.as_object().unwrap().keys().map(String::as_str).collect()
}

fn lines(run: &Run) -> Vec<Value> {
    run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A sample hive under the name that Windows gives to such a hive.
fn named(directory: &tempfile::TempDir, sample: &str, name: &str) -> PathBuf {
    let path = directory.path().join(name);
    unpack(sample, &path);
    path
}

#[test]
fn a_dump_holds_what_json_lines_hold() {
    let dump = registry("types.hive", &["-q"]).code(0).json();
    let rows = registry("types.hive", &["-q", "--format", "jsonl"]).code(0);
    let rows = lines(&rows);
    let (keys, values): (Vec<&Value>, Vec<&Value>) =
        rows.iter().filter(|row| row["finding"] != "coverage").partition(|row| row["finding"] == "key");
    assert_eq!(keys.len(), dump.as_object().unwrap().len());
    for key in &keys {
        let path = key["path"].as_str().unwrap();
        let time = key["time"].as_str().unwrap();
        let printed = dump[path][0].as_str().unwrap();
        assert!(time.starts_with('@') || time.starts_with(&printed[..19].replace(' ', "T")), "{path}");
    }
    let count: usize = dump.as_object().unwrap().values().map(|key| key[1].as_array().unwrap().len()).sum();
    assert_eq!(values.len(), count);
    for value in values {
        let exact = value.get("data_hex").is_none();
        assert!(
            exact || value["data_hex"].as_str().unwrap().len() as u64 == 2 * value["size"].as_u64().unwrap()
        );
        assert!(!exact || !value["data"].is_null(), "{value}");
    }
    assert_eq!(rows.last().unwrap()["complete"], true);
}

#[test]
fn sorting_changes_the_order_alone() {
    let stored = registry("types.hive", &[]).code(0);
    let sorted = registry("types.hive", &["--sort"]).code(0);
    assert_eq!(stored.json(), sorted.json());
    let times = registry("types.hive", &["-s", "--timeline", "--format", "csv"]).code(0);
    let times: Vec<&str> = times.text().lines().skip(1).map(|line| &line[..28]).collect();
    let (ordinary, beyond): (Vec<&str>, Vec<&str>) = times.iter().partition(|time| !time.starts_with("'@"));
    assert!(ordinary.is_sorted());
    assert_eq!((beyond.len(), times.last()), (1, beyond.first()));
}

#[test]
fn roots_are_those_of_the_python_program_or_of_windows() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, legacy, windows) in [
        ("SOFTWARE", "HKLM", r"HKLM\SOFTWARE"),
        ("SYSTEM", "HKLM", r"HKLM\SYSTEM"),
        ("DEFAULT", "HKU", r"HKU\.DEFAULT"),
        ("NTUSER.DAT", "HKCU", "HKCU"),
        ("ntuser.dat", "", "HKCU"),
        ("UsrClass.dat", "HKCU", r"HKCU\Software\Classes"),
        ("BCD", "", r"HKLM\BCD00000000"),
        ("Amcache.hve", "", "Amcache.hve"),
    ] {
        let path = named(&scratch, "version-1.5.hive.gz", name);
        let path = path.to_str().unwrap();
        let report = run(["registry", path]).code(0).json();
        assert!(report.get(legacy).is_some(), "{name}: {:?}", keys(&report));
        let below = |root: &str| if root.is_empty() { "Many".to_owned() } else { format!(r"{root}\Many") };
        assert!(report.get(below(legacy)).is_some(), "{name}");
        let report = run(["registry", path, "--windows-paths"]).code(0).json();
        assert!(report.get(windows).is_some(), "{name}: {:?}", keys(&report));
        for key in ["many", r"\Many\", &below(legacy), &below(windows)] {
            let part = run(["registry", path, "--windows-paths", "--key", key]).code(0).json();
            assert!(keys(&part).iter().all(|key| key.starts_with(&below(windows))), "{name}: {key}");
        }
        let part = run(["registry", path, "--key", r"hkey_local_machine\software\MANY\sub00"]);
        assert_eq!(part.code, if name == "SOFTWARE" { 0 } else { 2 }, "{}", part.err);
    }
}

#[test]
fn a_missing_key_names_the_nearest() {
    let missing = registry("types.hive", &["--key", r"lists\No such\Key"]).code(2);
    assert!(missing.err.contains("the key Lists has no subkey No such"), "{}", missing.err);
    let missing = registry("types.hive", &["--key", "No such\u{1b}[2J"]).code(2);
    assert!(
        missing.err.contains("the root has no subkey") && !missing.err.contains('\u{1b}'),
        "{}",
        missing.err
    );
    assert!(missing.out.is_empty());
}

#[test]
fn logs_beside_a_hive_are_replayed() {
    let scratch = tempfile::tempdir().unwrap();
    let path = named(&scratch, "dirty-new.hive.gz", "SYSTEM");
    named(&scratch, "dirty-new.hive.LOG1.gz", "system.log1");
    named(&scratch, "dirty-new.hive.LOG2.gz", "SYSTEM.LOG2");
    fs::create_dir(scratch.path().join("SYSTEM.LOG")).unwrap();
    let path = path.to_str().unwrap();
    let state = |arguments: &[&str]| {
        let run = run(["-v", "registry", path].iter().chain(arguments)).code(0);
        (run.json()["HKLM"][1].as_array().unwrap()[0][2].as_i64().unwrap(), run.err)
    };
    let (now, told) = state(&[]);
    assert_eq!(now, 4);
    assert!(told.contains("system.log1: replayed 2 entries (8 to 9)"), "{told}");
    assert!(told.contains("SYSTEM.LOG2: replayed 2 entries (6 to 7)"), "{told}");
    let (stored, told) = state(&["--no-logs"]);
    assert_ne!(stored, now);
    assert!(told.contains("there is no log to replay"), "{told}");
}

#[test]
fn what_is_damaged_is_told_and_the_rest_is_printed() {
    let scratch = tempfile::tempdir().unwrap();
    let coverage = scratch.path().join("coverage.json");
    let arguments = ["-q", "--coverage", coverage.to_str().unwrap()];
    let problems = || -> Value { serde_json::from_slice(&fs::read(&coverage).unwrap()).unwrap() };
    let value = registry("damaged-value-signature.hive", &arguments).code(3).json();
    assert!(value.get("Target").is_some());
    let problem = &problems()["coverage"][0];
    assert_eq!((&problem["place"], &problem["kind"]), (&"Target".into(), &"corrupt".into()));
    assert!(problem["message"].as_str().unwrap().contains("at byte"), "{problem}");
    let data = registry("damaged-value-offset-none.hive", &arguments).code(3).json();
    assert!(data["Target"][1].as_array().unwrap().iter().any(|value| value[2] == ""));
    assert!(problems()["coverage"][0]["message"].as_str().unwrap().contains("\"target\""));
    registry("damaged-security-length.hive", &arguments).code(3).json();
    registry("damaged-class-length.hive", &arguments).code(3).json();
    registry("damaged-dirty-no-log.hive", &arguments).code(0);
    registry("damaged-dirty-no-log.hive", &["-q", "--strict"]).code(3);
}

#[test]
fn what_is_no_hive_gives_an_empty_report_and_code_3() {
    let scratch = tempfile::tempdir().unwrap();
    assert_eq!(registry("damaged-empty.hive", &["-q"]).code(3).text(), "{}\n");
    let other = scratch.path().join("SAM");
    fs::write(&other, "no hive").unwrap();
    for (format, lines) in [("json", 1), ("jsonl", 1), ("csv", 1), ("reg", 3), ("table", 1)] {
        let report = run(["registry", other.to_str().unwrap(), "--format", format, "--key", "Any"]).code(3);
        assert_eq!(report.out.iter().filter(|byte| **byte == b'\n').count(), lines.min(2), "{format}");
        assert!(format == "jsonl" || report.err.contains("SAM: damaged base block"), "{}", report.err);
    }
    run(["registry", "/no/such/hive"]).code(2);
    run(["registry", scratch.path().to_str().unwrap()]).code(2);
    let diff = run(["registry-diff", &hive("types.hive"), other.to_str().unwrap()]).code(3).json();
    assert_eq!(diff["deleted_keys"], Value::Array(Vec::new()));
}

#[test]
fn what_a_format_cannot_hold_is_refused_or_told() {
    for arguments in
        [&["--format", "reg", "--deleted"][..], &["--format", "reg", "--timeline"], &["--format", "bodyfile"]]
    {
        registry("types.hive", arguments).code(2);
    }
    let odd = registry("before.hive", &["--format", "reg"]).code(0);
    assert!(odd.err.contains("stand in it as comments"), "{}", odd.err);
    registry("before.hive", &["-q", "--format", "reg", "--strict"]).code(3);
}

#[test]
fn deleted_keys_are_marked() {
    let plain = registry("deleted.hive", &[]).code(0).json();
    let report = registry("deleted.hive", &["--deleted"]).code(0).json();
    let more: Vec<&str> = keys(&report).into_iter().filter(|key| plain.get(key).is_none()).collect();
    assert!(more.contains(&r"Gone\\(deleted)") && more.contains(&r"Values\\(deleted values)"), "{more:?}");
    assert!(more.iter().all(|key| key.contains(r"\\(deleted")), "{more:?}");
    let rows = registry("deleted.hive", &["--deleted", "--format", "jsonl"]).code(0);
    let rows = lines(&rows);
    let gone = rows.iter().find(|row| row["finding"] == "key" && row["path"] == "Gone").unwrap();
    assert_eq!((&gone["deleted"], &gone["place"]), (&true.into(), &"free_cell".into()));
    assert!(gone["confidence"].is_string() && gone["offset"].as_u64().unwrap() > 4096, "{gone}");
    assert!(rows.iter().any(|row| row["overwritten"] == true && row["data"].is_null()));
    let below = registry("deleted.hive", &["--deleted", "--key", "Values"]).code(0).json();
    assert_eq!(keys(&below), ["Values", r"Values\\(deleted values)"]);
}

#[test]
fn a_hive_inside_a_disk() {
    let report = run(["registry", "-d", WINDOWS_REGISTRY, SOFTWARE, "--windows-paths"]).code(0).json();
    let version = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    assert!(report.get(version).is_some(), "{:?}", keys(&report));
    let part = run(["registry", SOFTWARE, "--disk", WINDOWS_REGISTRY, "--key", version, "--windows-paths"]);
    assert_eq!(keys(&part.code(0).json())[0], version);
    let copy = r"C:\Windows\System32\config\RegBack\SYSTEM";
    let shown = run(["registry", "-d", WINDOWS_REGISTRY, copy, "--windows-paths"]).code(0).json();
    assert!(shown.get(copy).is_some(), "{:?}", keys(&shown));
    let reg = run(["registry", "-d", WINDOWS_REGISTRY, copy, "--format", "reg"]).code(0).out;
    let reg: String = reg.chunks(2).map(|pair| char::from(pair[0])).collect();
    assert!(reg.contains("[HKEY_LOCAL_MACHINE\\SYSTEM]"), "{reg}");
    let missing = run(["registry", "-d", WINDOWS_REGISTRY, r"C:\no\such"]).code(2);
    assert!(missing.err.contains(r"C:\no\such"), "{}", missing.err);
    run(["registry", "-d", WINDOWS_REGISTRY, r"C:\Windows"]).code(2);
}

#[test]
fn a_hive_and_its_logs_are_never_written_to() {
    let scratch = tempfile::tempdir().unwrap();
    let path = named(&scratch, "dirty-new.hive.gz", "SYSTEM");
    let log = named(&scratch, "dirty-new.hive.LOG1.gz", "SYSTEM.LOG1");
    let other = named(&scratch, "state-0.hive.gz", "other");
    let before = (fs::read(&path).unwrap(), fs::read(&log).unwrap());
    let (hive, other) = (path.to_str().unwrap(), other.to_str().unwrap());
    for file in [hive, log.to_str().unwrap()] {
        for arguments in [
            &["registry", hive, "-o", file][..],
            &["registry", hive, "--coverage", file],
            &["registry-diff", other, hive, "-o", file],
        ] {
            let refused = run(arguments).code(2);
            assert!(refused.err.contains("is evidence"), "{}", refused.err);
        }
    }
    assert_eq!((fs::read(&path).unwrap(), fs::read(&log).unwrap()), before);
}

#[test]
fn two_hives_are_compared() {
    let (before, after) = (hive("before.hive"), hive("after.hive"));
    let report = run(["registry-diff", &before, &after]).code(0).json();
    let mut members = keys(&report);
    members.sort_unstable();
    assert_eq!(
        members,
        [
            "changed_keys",
            "coverage",
            "created_keys",
            "created_values",
            "deleted_keys",
            "deleted_values",
            "modified_values",
            "original_values",
        ]
    );
    assert_eq!(keys(&report["modified_values"]), keys(&report["original_values"]));
    let added = &report["created_keys"][r"Added\Child"];
    assert_eq!(added[1], serde_json::json!([["middle", "REG_DWORD", 2]]));
    assert_eq!(report["changed_keys"][r"Class\changed"]["class"]["after"], "NewClass");
    let rows = run(["registry-diff", &before, &after, "--format", "jsonl", "--security"]).code(0);
    let rows = lines(&rows);
    for finding in
        ["created_key", "deleted_key", "created_value", "deleted_value", "modified_value", "changed_key"]
    {
        let count = rows.iter().filter(|row| row["finding"] == format!("registry_{finding}")).count();
        assert!(count > 0, "{finding}");
    }
    assert!(rows.iter().any(|row| row["changes"]["security"].is_array()));
    run(["registry-diff", &before, &after, "--exit-code"]).code(1);
    let same = run(["registry-diff", &before, &before, "--exit-code", "--format", "table"]).code(0);
    assert_eq!(same.text(), "No differences\n");
}
