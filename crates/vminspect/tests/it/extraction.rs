use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::tool::{AFTER, BEFORE, WINDOWS_AFTER, run};

fn manifest(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_directory_is_extracted_with_a_manifest() {
    let scratch = tempfile::tempdir().unwrap();
    let into = scratch.path().join("into");
    run(["-q", "extract", AFTER, "/etc", "/root/.ssh/authorized_keys", "-o", into.to_str().unwrap()]).code(0);
    let passwd = run(["cat", AFTER, "/etc/passwd"]).code(0).out;
    assert_eq!(fs::read(into.join("etc/passwd")).unwrap(), passwd);
    assert!(into.join("root/.ssh/authorized_keys").is_file());
    let manifest = manifest(&into.join("extracted.jsonl"));
    let entry = manifest.iter().find(|entry| entry["path"] == "/etc/passwd").unwrap();
    assert_eq!(entry["file"], "etc/passwd");
    assert_eq!(entry["size"], passwd.len());
    assert!(
        entry["sha1"].is_string() && entry["mode"].is_string() && entry["modified"].is_string(),
        "{entry}"
    );
    assert!(walk(&into).iter().all(|path| !path.is_symlink()));
    for entry in manifest.iter().filter(|entry| entry["kind"] == "symlink") {
        assert!(entry["target"].is_string() && entry["file"].is_null(), "{entry}");
    }
}

#[test]
fn streams_and_deleted_files_of_windows_are_extracted() {
    let scratch = tempfile::tempdir().unwrap();
    let into = scratch.path().join("into");
    let target = into.to_str().unwrap();
    let arguments = ["-q", "extract", WINDOWS_AFTER, r"c:\Users\anna\Documents", "--recover", "-o", target];
    run(arguments).code(0);
    let manifest = manifest(&into.join("extracted.jsonl"));
    let file = |end: &str| {
        let found = manifest.iter().find(|entry| entry["path"].as_str().unwrap().ends_with(end));
        let file = found.unwrap_or_else(|| panic!("{end}: {manifest:?}"))["file"].as_str().unwrap();
        fs::read(into.join(file)).unwrap()
    };
    assert_eq!(file(r"\report.txt:summary"), b"another stream");
    assert_eq!(file(r"\NOTES.TXT"), b"call back on Monday\r\n");
    assert_eq!(file(r"\secret.docx").len(), 6000);
    assert_eq!(file(r"\plan.docx").len(), 5000);
    let deleted: Vec<_> = manifest.iter().filter(|entry| entry["deleted_file"].is_string()).collect();
    assert_eq!(deleted.len(), 2);
    assert!(deleted.iter().all(|entry| entry["sha1"].is_string()));
    let raw = run(["cat", "--raw", WINDOWS_AFTER, r"C:\Windows\Logs\setup.log"]).code(0).out;
    let plain = run(["cat", WINDOWS_AFTER, r"C:\Windows\Logs\setup.log"]).code(0).out;
    assert!(plain.starts_with(b"step 0 done\r\n") && raw != plain);
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn what_changed_is_extracted_by_hash() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().to_str().unwrap();
    for _ in 0..2 {
        let report = run(["compare", "-e", "-p", directory, BEFORE, AFTER]).code(0).json();
        assert_eq!(report["extraction_errors"], Value::Array(Vec::new()));
        let names: Vec<&str> =
            report["extracted_files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert!(!names.is_empty());
        for file in report["created_files"].as_array().unwrap() {
            assert!(names.contains(&file["sha1"].as_str().unwrap()));
        }
        let on_disk = fs::read_dir(scratch.path().join("extracted_files")).unwrap().count();
        assert_eq!(on_disk, names.len());
    }
    let entries = manifest(&scratch.path().join("extracted.jsonl"));
    let entry = entries.iter().find(|entry| entry["path"] == "/root/.ssh/authorized_keys").unwrap();
    let content = run(["cat", AFTER, "/root/.ssh/authorized_keys"]).code(0).out;
    assert_eq!(fs::read(scratch.path().join(entry["file"].as_str().unwrap())).unwrap(), content);
}

#[test]
fn nothing_is_made_when_a_path_is_missing() {
    let scratch = tempfile::tempdir().unwrap();
    let into = scratch.path().join("into");
    let missing = run(["extract", AFTER, "/no/such/file", "-o", into.to_str().unwrap()]).code(2);
    assert!(missing.err.contains("/no/such/file"), "{}", missing.err);
    assert!(!into.exists());
    let state = run(["extract", AFTER, "--vm-state", "-o", into.to_str().unwrap()]).code(2);
    assert!(state.err.contains("no saved memory"), "{}", state.err);
    run(["extract", AFTER, "-o", into.to_str().unwrap()]).code(2);
}
