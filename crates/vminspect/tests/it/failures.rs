use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::tool::{AFTER, BEFORE, hives, program, root, run};

#[test]
fn errors_name_the_file_and_leave_code_2() {
    let missing = run(["list", "/no/such/image"]).code(2);
    assert!(missing.err.starts_with("vminspect: error: "), "{}", missing.err);
    assert!(missing.err.contains("/no/such/image"), "{}", missing.err);
    assert!(missing.out.is_empty());
    let directory = run(["info", "/"]).code(2);
    assert!(directory.err.contains("a directory"), "{}", directory.err);
    let snapshot = run(["info", &format!("{AFTER}#no-such-snapshot")]).code(2);
    assert!(snapshot.err.contains("no-such-snapshot"), "{}", snapshot.err);
    let pattern = run(["list", "--match", "[", AFTER]).code(2);
    assert!(pattern.err.contains('['), "{}", pattern.err);
    run(["list", "--memory", "lots", AFTER]).code(2);
    run(["list", "--algorithm", "crc32", AFTER]).code(2);
}

#[test]
fn a_report_and_its_coverage_never_share_a_file() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("report.json");
    let file = file.to_str().unwrap();
    let refused = run(["list", "-o", file, "--coverage", file, AFTER]).code(2);
    assert!(refused.err.contains("two files"), "{}", refused.err);
    assert!(!std::path::Path::new(file).exists());
}

#[test]
fn that_there_is_no_registry_to_compare_is_told() {
    let compared = run(["compare", "-r", BEFORE, AFTER]).code(0);
    assert!(compared.text().contains("no Windows was found here"), "{}", compared.text());
    run(["compare", "-r", "--strict", BEFORE, AFTER]).code(3);
    run(["compare", "--registry-times", BEFORE, AFTER]).code(2);
}

/// A hive without a root, one that ends early, one of another kind: what is left of it is printed.
#[test]
fn what_is_left_of_damaged_hives_is_printed() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("NTUSER.DAT");
    let path = file.to_str().unwrap();
    fs::write(&file, "").unwrap();
    let empty = run(["registry", path]).code(3);
    assert!(empty.err.contains("an empty file"), "{}", empty.err);
    assert_eq!(empty.text(), "{}\n");
    for (hive, kept) in [("damaged-root-size-0", "(unreferenced)"), ("damaged-truncated", "Before")] {
        fs::copy(hives().join(format!("{hive}.hive")), &file).unwrap();
        let damaged = run(["registry", path]).code(3);
        assert!(damaged.err.contains(" at byte "), "{hive}: {}", damaged.err);
        assert!(damaged.text().contains(kept), "{hive}: {}", damaged.text());
    }
}

#[test]
fn a_file_without_a_filesystem_is_told_and_strict_makes_it_code_3() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("noise.raw");
    fs::write(&image, vec![0x5a; 1 << 20]).unwrap();
    let image = image.to_str().unwrap();
    let lenient = run(["list", image]).code(0);
    assert!(lenient.err.contains("warning"), "{}", lenient.err);
    assert_eq!(lenient.text(), "[]\n");
    run(["list", "--strict", image]).code(3);
    let coverage = scratch.path().join("coverage.json");
    run(["list", "-q", "--coverage", coverage.to_str().unwrap(), image]).code(0);
    let coverage: serde_json::Value = serde_json::from_slice(&fs::read(coverage).unwrap()).unwrap();
    assert_eq!(coverage["complete"], false);
    assert_eq!(coverage["coverage"][0]["kind"], "unsupported");
    let last = run(["list", "--format", "jsonl", image]).code(0);
    let last: serde_json::Value = serde_json::from_str(last.text().lines().last().unwrap()).unwrap();
    assert_eq!(last["finding"], "coverage");
}

#[test]
fn a_pipe_that_closes_ends_the_program_quietly() {
    let mut child = program()
        .args(["list", "-i", "-s", "--algorithm", "sha1,sha256,md5,blake3", AFTER])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn evidence_is_never_an_output() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, link, hard) =
        (scratch.path().join("before.qcow2"), scratch.path().join("link"), scratch.path().join("hard"));
    let child = scratch.path().join("after.qcow2");
    fs::copy(root().join(BEFORE), &image).unwrap();
    fs::copy(root().join(AFTER), &child).unwrap();
    symlink(&image, &link).unwrap();
    fs::hard_link(&image, &hard).unwrap();
    let before = fs::read(&image).unwrap();
    for output in [&image, &link, &hard] {
        let output = output.to_str().unwrap();
        for arguments in [["list", "-o"], ["info", "-o"], ["list", "--coverage"]] {
            for read in [&image, &child] {
                let refused = run(arguments.iter().copied().chain([output, read.to_str().unwrap()])).code(2);
                assert!(refused.err.contains("is evidence"), "{}", refused.err);
            }
        }
    }
    assert_eq!(fs::read(&image).unwrap(), before);
    assert!(link.is_symlink());
}

#[test]
fn an_output_file_appears_whole_or_not_at_all() {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("report.json");
    run(["list", "-o", output.to_str().unwrap(), AFTER]).code(0);
    assert_eq!(fs::read(&output).unwrap(), run(["list", AFTER]).out);
    fs::write(&output, "old").unwrap();
    run(["list", "-o", output.to_str().unwrap(), "/no/such/image"]).code(2);
    assert_eq!(fs::read(&output).unwrap(), b"old");
    run(["list", "-o", output.to_str().unwrap(), BEFORE]).code(0);
    assert!(fs::read(&output).unwrap().starts_with(b"["));
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "no temporary file stays");
    run(["list", "-o", scratch.path().to_str().unwrap(), AFTER]).code(2);
    run(["list", "-o", "/dev/null", AFTER]).code(0);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}
