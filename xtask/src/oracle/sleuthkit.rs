//! The Sleuth Kit as an oracle, with debugfs for content: for those who are not root.

use std::path::Path;
use std::process::Command;

use super::listing::{Listing, Volume};
use crate::Result;
use crate::process::capture;

/// Lists a volume of the flat disk at `disk`: names, kinds, modes, owners, sizes, times to the second, and
/// content.
pub(super) fn list(scratch: &Path, disk: &Path, volume: &Volume) -> Result<Listing> {
    let content = scratch.join("content");
    std::fs::create_dir_all(&content)?;
    let source = format!("{}?offset={}", disk.display(), volume.start);
    capture(Command::new("debugfs").arg("-R").arg(format!("rdump / {}", content.display())).arg(source))?;
    let sector = (volume.start / 512).to_string();
    let body = capture(Command::new("fls").args(["-r", "-p", "-u", "-m", "/", "-o", &sector]).arg(disk))?;
    let mut lines = String::new();
    for line in String::from_utf8_lossy(&body).lines() {
        if let Some(row) = row(line, &content)? {
            lines.push_str(&row);
            lines.push('\n');
        }
    }
    Listing::parse(&lines)
}

/// One line of fls's bodyfile in our columns; `None` for what is no file of the tree.
fn row(line: &str, content: &Path) -> Result<Option<String>> {
    let fields: Vec<&str> = line.split('|').collect();
    let [_, name, inode, mode, uid, gid, size, _, modified, changed, created] = fields[..] else {
        return Err(format!("not a line of a bodyfile: {line}").into());
    };
    if name.starts_with("/$OrphanFiles") {
        return Ok(None);
    }
    let (path, target) = match name.split_once(" -> ") {
        Some((path, target)) if mode.starts_with("l/l") => (path, hex(target)),
        _ => (name, "-".to_owned()),
    };
    let path = path.trim_start_matches('/');
    let kind = kind(mode);
    let digest = if kind == "regular" { digest(&content.join(path))? } else { "-".to_owned() };
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

    use super::row;

    #[test]
    fn a_bodyfile_line_becomes_a_row() {
        let line = "0|/link -> there|13|l/lrwxrwxrwx|1|2|5|9|8|7|0";
        let row = row(line, Path::new("nowhere")).unwrap().unwrap();
        assert_eq!(row, "6c696e6b\tsymlink\t-\t1\t2\t5\t-\t13\t-\t8\t7\t-\t-\t-\t-\t7468657265\t-\t-");
    }

    #[test]
    fn what_is_no_file_of_the_tree_is_left_out() {
        assert!(row("0|/$OrphanFiles|99|V/V---------|0|0|0|0|0|0|0", Path::new("")).unwrap().is_none());
        assert!(row("a|b", Path::new("")).is_err());
    }
}
