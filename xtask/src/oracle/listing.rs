//! Listings in the columns of `fixtures/kernel_listing.py`, and their differences.

use std::collections::BTreeMap;

use crate::Result;

const COLUMNS: &[&str] = &[
    "kind",
    "mode",
    "uid",
    "gid",
    "size",
    "links",
    "inode",
    "rdev",
    "mtime",
    "ctime",
    "crtime",
    "flags",
    "project",
    "generation",
    "target",
    "xattrs",
    "sha256",
];

/// Flags of an inode that the kernel shows, besides those it keeps to itself.
const VISIBLE_FLAGS: u64 = 0x705B_DFFF;

/// A volume as we read it.
#[derive(Debug)]
pub(super) struct Volume {
    /// First byte on the disk.
    pub(super) start: u64,
    /// Bytes.
    pub(super) length: u64,
    /// The filesystem.
    pub(super) format: String,
    /// Its files.
    pub(super) listing: Listing,
}

/// Values by path. The path is in hexadecimal, as its bytes may be anything.
#[derive(Debug, Default)]
pub(super) struct Listing(BTreeMap<String, Vec<String>>);

/// Reads what the `listing` example prints.
pub(super) fn volumes(text: &str) -> Result<Vec<Volume>> {
    let mut volumes: Vec<Volume> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("volume\t") {
            let [start, length, format] = rest.split('\t').collect::<Vec<_>>()[..] else {
                return Err("a volume's line has three values".into());
            };
            let (start, length) = (start.parse()?, length.parse()?);
            volumes.push(Volume { start, length, format: format.to_owned(), listing: Listing::default() });
        } else {
            volumes.last_mut().ok_or("a file before any volume")?.listing.add(line)?;
        }
    }
    Ok(volumes)
}

impl Listing {
    /// Reads lines of tab-separated columns.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut listing = Self::default();
        text.lines().try_for_each(|line| listing.add(line))?;
        Ok(listing)
    }

    /// Marks columns as unknown. Where there are any, also what such readers see in their own way: sizes and links of
    /// directories, what links and devices are, and content that they cannot read.
    pub(super) fn forget(&mut self, columns: &[&str]) {
        if columns.is_empty() {
            return;
        }
        for values in self.0.values_mut() {
            let own: &[&str] = match values.first().map(String::as_str) {
                Some("regular") => &[],
                Some("directory") => &["size", "links"],
                _ => &["kind", "size", "links"],
            };
            for (column, value) in COLUMNS.iter().zip(values) {
                if columns.contains(column) || own.contains(column) || value.starts_with('!') {
                    "-".clone_into(value);
                }
            }
        }
    }

    /// Adds a path of which nothing is known, if it is not there.
    pub(super) fn add_unknown(&mut self, path: &str) {
        let path = path.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.0.entry(path).or_insert_with(|| vec!["-".to_owned(); COLUMNS.len()]);
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, line: &str) -> Result<()> {
        let mut values = line.split('\t').map(str::to_owned);
        let path = values.next().unwrap_or_default();
        let values: Vec<String> = values.collect();
        if values.len() != COLUMNS.len() {
            return Err(
                format!("{} columns, expected {}: {line}", values.len() + 1, COLUMNS.len() + 1).into()
            );
        }
        self.0.insert(path, values);
        Ok(())
    }

    /// What the other listing says otherwise, one line each.
    pub(super) fn differences(&self, theirs: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (path, values) in &self.0 {
            let Some(others) = theirs.0.get(path) else {
                found.push(format!("{}: only we see it", shown(path)));
                continue;
            };
            for (column, (ours, theirs)) in COLUMNS.iter().zip(values.iter().zip(others)) {
                if !agree(column, ours, theirs) {
                    found.push(format!("{}: {column} is {ours} to us, {theirs} to them", shown(path)));
                }
            }
        }
        let missing = theirs.0.keys().filter(|path| !self.0.contains_key(*path));
        found.extend(missing.map(|path| format!("{}: only they see it", shown(path))));
        found
    }
}

/// Whether two values say the same. `-` stands for what a side cannot tell.
fn agree(column: &str, ours: &str, theirs: &str) -> bool {
    if ours == theirs || ours == "-" || theirs == "-" {
        return true;
    }
    match column {
        "flags" => {
            let visible = |text| u64::from_str_radix(text, 16).map(|flags| flags & VISIBLE_FLAGS);
            visible(ours).is_ok() && visible(ours) == visible(theirs)
        }
        // Neither can read the content; why has other names on each side.
        "sha256" => ours.starts_with('!') && theirs.starts_with('!'),
        // Times that are known to the second alone.
        "mtime" | "ctime" | "crtime" if !theirs.contains('.') => ours.split('.').next() == Some(theirs),
        _ => false,
    }
}

/// A path for a person: its bytes, those apart that are no printable ASCII.
fn shown(path: &str) -> String {
    let pairs = path.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    let bytes = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or(b'?'));
    bytes.flat_map(std::ascii::escape_default).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::{Listing, volumes};

    const FILE: &str =
        "61\tregular\t100644\t0\t0\t5\t1\t12\t-\t1.000000000\t1.000000005\t-\t80000\t0\t7\t-\t\tab";

    #[test]
    fn equal_listings_have_no_difference() {
        let listing = Listing::parse(FILE).unwrap();
        assert!(listing.differences(&Listing::parse(FILE).unwrap()).is_empty());
        let vague = FILE.replace("1.000000005", "1").replace("\t7\t", "\t-\t").replace("80000", "80080000");
        assert!(listing.differences(&Listing::parse(&vague).unwrap()).is_empty());
    }

    #[test]
    fn every_column_counts() {
        let listing = Listing::parse(FILE).unwrap();
        let count = FILE.split('\t').count();
        for column in (1..count).filter(|column| FILE.split('\t').nth(*column) != Some("-")) {
            let mut values: Vec<&str> = FILE.split('\t').collect();
            values[column] = "77";
            let other = Listing::parse(&values.join("\t")).unwrap();
            assert_eq!(listing.differences(&other).len(), 1, "column {column}");
        }
    }

    #[test]
    fn what_is_forgotten_does_not_differ() {
        let (one, mut other) =
            (Listing::parse(FILE).unwrap(), Listing::parse(&FILE.replace("100644", "777")).unwrap());
        assert_eq!(one.differences(&other).len(), 1);
        other.forget(&["mode"]);
        assert!(one.differences(&other).is_empty());
        let mut none = Listing::default();
        none.add_unknown("a");
        assert!(one.differences(&none).is_empty());
    }

    #[test]
    fn missing_paths_are_differences() {
        let (some, none) = (Listing::parse(FILE).unwrap(), Listing::default());
        assert_eq!(some.differences(&none), ["a: only we see it"]);
        assert_eq!(none.differences(&some), ["a: only they see it"]);
    }

    #[test]
    fn volumes_are_told_apart() {
        let text = format!("volume\t1048576\t4096\text4\n{FILE}\nvolume\t2097152\t4096\text2\n");
        let volumes = volumes(&text).unwrap();
        assert_eq!(volumes.iter().map(|volume| volume.start).collect::<Vec<_>>(), [1_048_576, 2_097_152]);
        assert_eq!(volumes.iter().map(|volume| volume.listing.len()).collect::<Vec<_>>(), [1, 0]);
    }
}
