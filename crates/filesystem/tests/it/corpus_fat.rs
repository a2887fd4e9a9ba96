//! Published FAT images, beside what The Sleuth Kit lists of them. Skipped where the corpus is not, and, image
//! by image, where the program that unpacks it is not.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vminspect_bytes::{ByteRange, Memory, ReadAtExt, Window};
use vminspect_filesystem::{FileId, FileKind, FileSystem, Stream, exercise};

use crate::fixtures::corpus;

/// Images, by their paths below `images`, the bytes in front of the filesystem, and its format.
const IMAGES: &[(&str, u64, &str)] = &[
    ("cryptsetup/img_fs_vfat.img.xz", 0, "fat12"),
    ("dfir_ntfs/fat12.raw.gz", 0, "fat12"),
    ("dfir_ntfs/fat16.raw.gz", 0, "fat16"),
    ("dfir_ntfs/fat32_small.raw.gz", 0, "fat32"),
    ("dfir_ntfs/fat_dir.raw.gz", 0, "fat16"),
    ("dftt/2-kwsrch-fat.zip", 0, "fat16"),
    ("dftt/5-fat-daylight.zip", 0, "fat12"),
    ("dftt/6-undel-fat.zip", 0, "fat16"),
    ("ratarmount/folder-symlink.fat12.bz2", 0, "fat12"),
    ("rust-fatfs/fat12.img", 0, "fat12"),
    ("rust-fatfs/fat16.img", 0, "fat16"),
    ("u-root/1MB.ext4_vfat", 1025 * 512, "fat12"),
    ("util-linux/fat.img.xz", 0, "fat12"),
    ("util-linux/fat32_label_64MB.img.xz", 0, "fat32"),
    ("util-linux/fat32_mkdosfs_label1.img.xz", 0, "fat32"),
    ("util-linux/fat32_mkdosfs_none.img.xz", 0, "fat32"),
    ("util-linux/fat32_xp_label1.img.xz", 0, "fat32"),
    ("util-linux/small-fat32.img.xz", 0, "fat32"),
];

/// A directory whose deletion was interrupted: its entry is marked, its chain is not freed.
const INTERRUPTED: &str = "dfir_ntfs/fat_dir.raw.gz";
const INTERRUPTED_FILES: usize = 400;

fn unpacked(path: &Path) -> Option<Vec<u8>> {
    let (program, option, member) = match path.extension()?.to_str()? {
        "gz" => ("gzip", "-dc", None),
        "xz" => ("xz", "-dc", None),
        "bz2" => ("bzip2", "-dc", None),
        "zip" => ("unzip", "-p", Some("*.dd")),
        _ => return std::fs::read(path).ok(),
    };
    let output = Command::new(program).arg(option).arg(path).args(member).output().ok()?;
    (!output.stdout.is_empty()).then_some(output.stdout)
}

/// Every file, by its place: its paths, and that it is in use.
fn tree(fs: &dyn FileSystem) -> BTreeMap<FileId, (String, bool)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![(fs.root(), String::new(), true)];
    while let Some((directory, path, used)) = todo.pop() {
        let Ok(live) = fs.entries(directory) else { continue };
        let live = live.flatten().map(|entry| (entry, used));
        let gone = fs.deleted_entries(directory).expect("a directory").flatten().map(|entry| (entry, false));
        for (entry, used) in live.chain(gone) {
            let name = String::from_utf8_lossy(&entry.name);
            let path = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            if entry.kind == Some(FileKind::Directory) {
                todo.push((entry.id, path.clone(), used));
            }
            found.insert(entry.id, (path, used));
        }
    }
    found
}

/// The lines of the part of a report that has this heading: the one of the filesystem with this format.
fn section<'a>(report: &'a str, format: &str, heading: &str) -> Vec<&'a str> {
    let kind = format!("File System Type: {}", format.to_uppercase());
    let Some((_, report)) = report.split_once(&kind) else { return Vec::new() };
    let own = report.split("## fsstat").next().unwrap_or_default();
    let Some((_, lines)) = own.split_once(heading) else { return Vec::new() };
    lines.lines().skip(1).take_while(|line| !line.starts_with('#')).collect()
}

/// Where slots begin that The Sleuth Kit counts from 3 on.
fn first_slot(volume: &[u8]) -> u64 {
    let word = |at: usize| u64::from(u16::from_le_bytes([volume[at], volume[at + 1]]));
    let long = u64::from(u32::from_le_bytes([volume[36], volume[37], volume[38], volume[39]]));
    let table = if word(22) == 0 { long } else { word(22) };
    (word(14) + u64::from(volume[16]) * table) * word(11) / 32
}

fn compare(image: &str, fs: &dyn FileSystem, first: u64, report: &str) -> (usize, Vec<String>) {
    let format = fs.identity().format;
    let mut tree = tree(fs);
    let paths: BTreeMap<String, FileId> =
        tree.iter().filter(|(_, (_, used))| *used).map(|(id, (path, _))| (path.clone(), *id)).collect();
    let (mut count, mut wrong, mut met) = (0, Vec::new(), HashSet::new());
    for line in section(report, format, "## fls -r -p") {
        let Some((kind, path)) = line.split_once(":\t") else { continue };
        let shown = kind.split('(').next().unwrap_or_default();
        let number = shown.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok());
        if kind.starts_with(['v', 'V'])
            || path.ends_with("(Volume Label Entry)")
            || path.starts_with("$Orphan")
        {
            continue;
        }
        let id = FileId(first + number.expect("a number") - 3);
        count += 1;
        match tree.remove(&id) {
            // Names that The Sleuth Kit does not show as they are.
            Some((found, used)) if found == path || path.contains('^') => {
                met.insert(id);
                if used == kind.contains('*') {
                    wrong.push(format!("{image}: {path}: in use: {used}"));
                }
            }
            Some((found, _)) => {
                met.insert(id);
                wrong.push(format!("{image}: {found} for {path}"));
            }
            None if met.contains(&id) => {}
            None => wrong.push(format!("{image}: {path} is missing")),
        }
    }
    for line in section(report, format, "## sha256 size path") {
        let mut columns = line.splitn(3, "  ");
        let (Some(digest), Some(_), Some(path)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        let Some(id) = paths.get(path) else { continue };
        let content = fs.open(*id, Stream::Data).expect(path).read_all(1 << 28).expect(path);
        if hex::encode(Sha256::digest(content)) != digest {
            wrong.push(format!("{image}: {path}: other content"));
        }
    }
    if image == INTERRUPTED {
        // The Sleuth Kit does not look into it.
        let names = tree.values().filter(|(path, used)| path.starts_with("test/") && !used).count();
        assert_eq!(names, INTERRUPTED_FILES);
    } else if count > 0 {
        wrong.extend(tree.values().map(|(path, _)| format!("{image}: {path} is too many")));
    }
    (count, wrong)
}

#[test]
fn published_images_are_read_as_the_sleuth_kit_reads_them() {
    let Some(corpus) = corpus() else { return };
    let (mut count, mut wrong) = (0, Vec::new());
    for (image, offset, format) in IMAGES {
        let Some(bytes) = unpacked(&corpus.join("images").join(image)) else { continue };
        let first = first_slot(&bytes[usize::try_from(*offset).expect("small")..]);
        let whole = ByteRange::new(*offset, bytes.len() as u64);
        let volume = Arc::new(Window::clamped(Memory::new(bytes), whole));
        let fs = vminspect_filesystem::open(volume.clone()).expect(image).expect(image);
        assert_eq!(fs.identity().format, *format, "{image}");
        let report = std::fs::read(corpus.join("EXPECTED/images").join(format!("{image}.txt"))).expect(image);
        let (files, differences) = compare(image, &*fs, first, &String::from_utf8_lossy(&report));
        count += files;
        wrong.extend(differences);
        let met = exercise(volume).expect(image).expect(image);
        eprintln!("{image}: {files} files, {met:?}, {:?}", fs.problems());
    }
    eprintln!("{count} files");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
