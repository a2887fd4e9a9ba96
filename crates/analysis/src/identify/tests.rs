use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::*;

/// Regular files below `directory`, at most `most`, spread evenly.
fn some_files(directory: &str, most: usize) -> Vec<PathBuf> {
    let (mut found, mut pending) = (Vec::new(), vec![PathBuf::from(directory)]);
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => pending.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    let step = found.len().div_ceil(most).max(1);
    found.into_iter().step_by(step).collect()
}

fn as_file_says(path: &Path) -> String {
    let output = Command::new("file").arg("-b").arg(path).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[test]
fn common_files_are_named_as_libmagic_names_them() {
    for (content, text) in [
        (&b""[..], "empty"),
        (b"root:x:0:0:root:/root:/bin/bash\n", "ASCII text"),
        (b"one\r\ntwo\r\n", "ASCII text, with CRLF line terminators"),
        (b"a\r\nb\n", "ASCII text, with CRLF, LF line terminators"),
        (b"no end", "ASCII text, with no line terminators"),
        ("gr\u{fc}n\n".as_bytes(), "Unicode text, UTF-8 text"),
        (b"gr\xfcn\n", "ISO-8859 text"),
        (b"#!/bin/sh\necho\n", "POSIX shell script, ASCII text executable"),
        (b"#!/usr/bin/env python3\nimport os\n", "Python script, ASCII text executable"),
        (b"#! /usr/bin/perl -w\nuse strict;\n", "Perl script text executable"),
        (b"\xf3\xf2\x02\x03\xfe\x00\xfd", "data"),
    ] {
        assert_eq!(Identifier::new().identify_start(content), text, "{content:?}");
    }
}

#[test]
fn this_program_is_an_executable() {
    let content = fs::read(std::env::current_exe().unwrap()).unwrap();
    let text = Identifier::new().identify(&vminspect_bytes::Memory::new(content)).unwrap();
    assert!(text.starts_with("ELF 64-bit") && text.contains("linked"), "{text}");
}

#[test]
fn damaged_elf_files_end() {
    let mut content = fs::read(std::env::current_exe().unwrap()).unwrap();
    content.truncate(1 << 16);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(seed >> 40).unwrap() % 4096;
        let old = std::mem::replace(&mut content[at], seed.to_le_bytes()[6]);
        let _ = elf::describe("ELF", &Slice(&content));
        content[at] = if seed.is_multiple_of(3) { content[at] } else { old };
    }
    for length in 0..200 {
        let _ = elf::describe("ELF", &Slice(&content[..length]));
    }
}

#[test]
#[ignore = "needs the program file and the files of a Linux machine"]
fn agrees_with_libmagic() {
    let directories = ["/usr/bin", "/usr/lib", "/usr/share", "/etc", "/var", "/usr/include"];
    let files: Vec<PathBuf> = directories.iter().flat_map(|each| some_files(each, 40)).collect();
    let (mut same, mut begin_same, mut took) = (0, 0, Duration::ZERO);
    for path in &files {
        let content = fs::read(path).unwrap();
        let start = Instant::now();
        let ours = Identifier::new().identify_start(&content);
        let each = start.elapsed();
        took += each;
        let theirs = as_file_says(path);
        let word = |text: &str| text.split([' ', ',']).next().map(str::to_owned);
        same += usize::from(ours == theirs);
        begin_same += usize::from(word(&ours) == word(&theirs));
        if ours != theirs {
            println!("{} ({each:?})\n  ours   {ours}\n  theirs {theirs}", path.display());
        }
    }
    println!("{} files: {same} the same, {begin_same} with the same first word, {took:?}", files.len());
    assert!(begin_same * 100 >= files.len() * 85);
}
