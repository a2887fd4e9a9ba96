//! Names, sizes and wording of single files.

use std::path::Path;

use super::files::SourceFile;

/// Lines that a Rust file of the product may have.
const MOST_LINES: usize = 900;

/// Bytes that a committed file may have.
const MOST_BYTES: u64 = 1 << 20;

/// Module names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "core"];

/// Words for work that was put off. Spelt in two halves, so that this file passes its own check.
const PUT_OFF: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

/// Beginnings of paths that exist on one developer's machine alone.
const PRIVATE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/.cargo"), concat!("/ro", "ot/.rustup")];

/// Files whose text is data: what it holds is not ours to judge.
const DATA: &[&str] = &["fixtures/", "fuzz/corpus/", "Cargo.lock", "LICENSE-"];

/// What is wrong with one file, one line each.
pub(super) fn check(file: &SourceFile) -> Vec<String> {
    let mut findings = Vec::new();
    if file.size > MOST_BYTES {
        findings.push(format!("{}: {} bytes, of at most {MOST_BYTES}", file.path, file.size));
    }
    let extension = Path::new(&file.path).extension().and_then(|extension| extension.to_str());
    if let Some(text) = &file.text {
        if !is_data(&file.path, extension) {
            findings.extend(check_text(&file.path, text));
        }
        if extension == Some("rs") {
            findings.extend(check_rust(&file.path, text));
        }
    }
    findings
}

fn is_data(path: &str, extension: Option<&str>) -> bool {
    let script = matches!(extension, Some("sh" | "py"));
    !script && (DATA.iter().any(|data| path.starts_with(data)) || path.contains("/tests/golden/"))
}

fn check_text(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut found = |what: String| findings.push(format!("{path}:{}: {what}", index + 1));
        if line.contains('\t') {
            found("a tab".to_owned());
        }
        if line.ends_with([' ', '\r']) {
            found("white space at the end of the line".to_owned());
        }
        if let Some(word) = PUT_OFF.iter().find(|word| has_word(line, word)) {
            found(format!("{word}: do it, or say in SHORTCOMINGS.md what is missing"));
        }
        if let Some(start) = PRIVATE_PATHS.iter().find(|start| has_path(line, start)) {
            found(format!("{start}: a path of one machine"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(format!("{path}: no newline at the end"));
    }
    findings
}

/// Whether `line` has `word`, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        ![before, after]
            .into_iter()
            .flatten()
            .any(|neighbour| neighbour.is_alphanumeric() || neighbour == '_')
    })
}

/// Whether an absolute path in `line` begins with `start`.
fn has_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| before.is_whitespace() || "\"'`(=:<[".contains(before))
    })
}

fn check_rust(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let product = path.starts_with("crates/");
    let lines = text.lines().count();
    if product && lines > MOST_LINES {
        findings.push(format!("{path}: {lines} lines, of at most {MOST_LINES}"));
    }
    let mut names =
        path.split('/').skip_while(|part| *part != "src").map(|part| part.trim_end_matches(".rs"));
    if let Some(name) = names.find(|name| EMPTY_NAMES.contains(name)) {
        findings.push(format!("{path}: the name `{name}` says nothing about what is inside"));
    }
    let tests = path.ends_with("/tests.rs") || path.contains("/tests/");
    let library = product && !tests && !path.starts_with("crates/vminspect/") && path.contains("/src/");
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("pub use ") && code.ends_with("::*;") {
            findings.push(format!("{path}:{}: a glob re-export; list the names", index + 1));
        }
        if library
            && ["println!(", "eprintln!(", "print!(", "eprint!("].iter().any(|call| code.starts_with(call))
        {
            findings.push(format!("{path}:{}: a library prints", index + 1));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{PRIVATE_PATHS, PUT_OFF, check};
    use crate::tidy::files::SourceFile;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&SourceFile { path: path.to_owned(), size: text.len() as u64, text: Some(text.to_owned()) })
    }

    #[test]
    fn a_tidy_file_passes() {
        let text = "//! Reads.\nmod a;\npub use a::{B, C};\n";
        assert!(findings("crates/image/src/lib.rs", text).is_empty());
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        let cases = [
            ("crates/image/src/utils.rs", "mod a;\n".to_owned()),
            ("crates/image/src/common/a.rs", "mod a;\n".to_owned()),
            ("crates/image/src/lib.rs", "pub use a::*;\n".to_owned()),
            ("crates/image/src/lib.rs", "    println!(\"a\");\n".to_owned()),
            ("crates/image/src/lib.rs", "mod a; \n".to_owned()),
            ("crates/image/src/lib.rs", "\tmod a;\n".to_owned()),
            ("crates/image/src/lib.rs", "mod a;".to_owned()),
            ("crates/image/src/lib.rs", "mod a;\n".repeat(901)),
            ("README.md", format!("{}: more\n", PUT_OFF[0])),
            ("README.md", format!("see `{}main`\n", PRIVATE_PATHS[0])),
        ];
        for (path, text) in cases {
            assert_eq!(findings(path, &text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn a_large_file_is_found() {
        let file = SourceFile { path: "fixtures/a".to_owned(), size: (1 << 20) + 1, text: None };
        assert_eq!(check(&file).len(), 1);
    }

    #[test]
    fn data_is_not_judged_by_its_text() {
        assert!(findings("fixtures/samples/truth.json", "\t \n").is_empty());
        assert_eq!(findings("fixtures/samples.sh", "\ttrue\n").len(), 1);
    }

    #[test]
    fn words_and_paths_are_whole() {
        assert!(findings("crates/image/src/raw/tests.rs", "println!(\"a\");\n").is_empty());
        assert!(findings("a.md", &format!("METHODS{}S\n", PUT_OFF[0])).is_empty());
        assert!(findings("a.md", &format!("a net{}x\n", PRIVATE_PATHS[0])).is_empty());
    }
}
