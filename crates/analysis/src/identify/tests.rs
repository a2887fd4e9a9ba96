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
#[ignore = "needs the program file and the files of a Linux machine"]
fn agrees_with_libmagic() {
    let directories = ["/usr/bin", "/usr/lib", "/usr/share", "/etc", "/var", "/usr/include", "/root/.cargo/registry"];
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
    assert!(begin_same * 10 >= files.len() * 9);
}
