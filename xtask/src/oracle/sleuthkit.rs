//! The Sleuth Kit as an oracle, with debugfs for the content of ext: for those who are not root, and for FAT.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::listing::{Listing, Volume};
use crate::Result;
use crate::process::capture;

/// Lists a volume of the flat disk at `disk`: names, kinds, sizes, times to the second, and content; of ext also modes
/// and owners.
pub(super) fn list(scratch: &Path, disk: &Path, volume: &Volume) -> Result<Listing> {
    let content = scratch.join("content");
    std::fs::create_dir_all(&content)?;
    let sector = (volume.start / 512).to_string();
    let source = if volume.format.starts_with("ext") {
        let source = format!("{}?offset={}", disk.display(), volume.start);
        let command = format!("rdump / {}", content.display());
        capture(Command::new("debugfs").arg("-R").arg(command).arg(source))?;
        Source::Folder(&content)
    } else {
        Source::Disk { disk, sector: &sector, file: content.join("file") }
    };
    let body = capture(Command::new("fls").args(["-r", "-p", "-u", "-m", "/", "-o", &sector]).arg(disk))?;
    let mut lines = String::new();
    for line in String::from_utf8_lossy(&body).lines() {
        if let Some(row) = row(line, &source)? {
            lines.push_str(&row);
            lines.push('\n');
        }
    }
    let mut listing = Listing::parse(&lines)?;
    if !matches!(source, Source::Folder(_)) {
        listing.forget(&["uid", "gid", "inode", "ctime", "target"]);
        listing.add_unknown(".");
    }
    Ok(listing)
}

/// Where the content of files is.
enum Source<'a> {
    /// In a copy of the tree.
    Folder(&'a Path),
    /// On the disk, from where `icat` copies it to `file`.
    Disk { disk: &'a Path, sector: &'a str, file: PathBuf },
}

impl Source<'_> {
    fn digest(&self, path: &str, inode: &str) -> Result<String> {
        match self {
            Self::Folder(content) => digest(&content.join(path)),
            Self::Disk { disk, sector, file } => {
                std::fs::write(
                    file,
                    capture(Command::new("icat").args(["-o", sector]).arg(disk).arg(inode))?,
                )?;
                digest(file)
            }
        }
    }

    /// Whether a line of fls is about a file: it also lists what it makes up, and parts of files.
    fn is_file(&self, name: &str) -> bool {
        let is_made_up = name.starts_with("/$OrphanFiles");
        let is_part = || name.ends_with(" ($FILE_NAME)") || name.contains(':') || is_of_fat(name);
        !is_made_up && (matches!(self, Self::Folder(_)) || !is_part())
    }
}

/// Whether The Sleuth Kit made up a file for a structure of FAT.
fn is_of_fat(name: &str) -> bool {
    ["/$MBR", "/$FAT1", "/$FAT2", "/$VBR"].contains(&name) || name.ends_with(" (Volume Label Entry)")
}

/// One line of fls's bodyfile in our columns; `None` for what is no file of the tree.
fn row(line: &str, source: &Source<'_>) -> Result<Option<String>> {
    let fields: Vec<&str> = line.split('|').collect();
    let [_, name, inode, mode, uid, gid, size, _, modified, changed, created] = fields[..] else {
        return Err(format!("not a line of a bodyfile: {line}").into());
    };
    if !source.is_file(name) {
        return Ok(None);
    }
    let (path, target) = match name.split_once(" -> ") {
        Some((path, target)) if mode.starts_with("l/l") => (path, hex(target)),
        _ => (name, "-".to_owned()),
    };
    let path = path.trim_start_matches('/');
    let kind = kind(mode);
    let digest = if kind == "regular" { source.digest(path, inode)? } else { "-".to_owned() };
    let time = |seconds: &str| if seconds == "0" { "-".to_owned() } else { seconds.to_owned() };
    let (modified, changed, created) = (time(modified), time(changed), time(created));
    let path = hex(path);
    Ok(Some(format!(
        "{path}\t{kind}\t-\t{uid}\t{gid}\t{size}\t-\t{inode}\t-\t{modified}\t{changed}\t{created}\t-\t-\t-\t{target}\t-\t{digest}"
    )))
}

fn kind(mode: &str) -> &'static str {
    match mode.split('/').nth(1).and_then(|mode| mode.chars().next()) {
        Some('r' | '-') => "regular",
        Some('d') => "directory",
        Some('l') => "symlink",
        Some('c') => "character_device",
        Some('b') => "block_device",
        Some('p') => "fifo",
        Some('s' | 'h') => "socket",
        _ => "-",
    }
}

fn digest(path: &Path) -> Result<String> {
    let sum = capture(Command::new("sha256sum").arg("--").arg(path))?;
    let text = String::from_utf8_lossy(&sum);
    // A backslash at the front says that the name was escaped.
    Ok(text.trim_start_matches('\\').split(' ').next().unwrap_or_default().to_owned())
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Source, row};

    #[test]
    fn a_bodyfile_line_becomes_a_row() {
        let line = "0|/link -> there|13|l/lrwxrwxrwx|1|2|5|9|8|7|0";
        let row = row(line, &Source::Folder(Path::new("nowhere"))).unwrap().unwrap();
        assert_eq!(row, "6c696e6b\tsymlink\t-\t1\t2\t5\t-\t13\t-\t8\t7\t-\t-\t-\t-\t7468657265\t-\t-");
    }

    #[test]
    fn what_is_no_file_of_the_tree_is_left_out() {
        let folder = Source::Folder(Path::new(""));
        assert!(row("0|/$OrphanFiles|99|V/V---------|0|0|0|0|0|0|0", &folder).unwrap().is_none());
        assert!(row("a|b", &folder).is_err());
    }
}
