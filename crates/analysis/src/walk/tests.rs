use super::*;
use crate::Silent;
use crate::mock::{File, Mock};
use crate::part::TableMemory;

fn namespace() -> Namespace {
    Namespace {
        prefix: b"C:".to_vec(),
        own_prefix: b"vol1:".to_vec(),
        covered: Vec::new(),
        separator: b'\\',
        internal: false,
        filesystem: None,
    }
}

fn memory() -> Arc<TableMemory> {
    Arc::new(TableMemory::within(1 << 30))
}

fn text(path: &[u8]) -> String {
    String::from_utf8(path.to_vec()).unwrap()
}

fn listed(filesystem: &Mock) -> (Vec<String>, Vec<String>) {
    let tree = Tree::read(filesystem, &memory(), &Silent);
    let mut paths = Vec::new();
    let problems = walk_one(&tree, FileId(1), &namespace(), &mut |path, _| paths.push(text(path)));
    (paths, problems.into_iter().map(|(path, error)| format!("{}: {error}", text(&path))).collect())
}

/// What a walk of both sides finds: deleted, created and paired paths with the old name.
fn walked(before: &Mock, after: &Mock) -> [Vec<String>; 3] {
    let first = Tree::read(before, &memory(), &Silent);
    let second = Second::read(before, &first, after, &memory(), false, &Silent);
    let (root, namespace) = (FileId(1), namespace());
    let walked = walk_both(&first, &second, (root, root), (&namespace, &namespace), &|_| false, Some(after));
    assert!(walked.problems.iter().all(Vec::is_empty), "{:?}", walked.problems);
    let paths = |list: Vec<Path>| {
        let mut paths: Vec<_> = list.iter().map(|path| text(&path.bytes)).collect();
        paths.sort();
        paths
    };
    let both = walked.both.into_iter().map(|pair| match pair.old_name {
        Some(old) => format!("{} was {}", text(&pair.bytes), text(&old)),
        None => text(&pair.bytes),
    });
    let mut both: Vec<_> = both.collect();
    both.sort();
    [paths(walked.before), paths(walked.after), both]
}

fn guest() -> Vec<(u64, File)> {
    vec![
        (
            1,
            File::directory(&[("a", 2), ("a!", 3), ("a.txt", 4), ("link.txt", 4), ("$Own", 6)])
                .with("top", "0"),
        ),
        (2, File::directory(&[("x", 5)]).with("of-directory", "1")),
        (3, File::regular("three")),
        (4, File::regular("four").with("Zone.Identifier", "2").with("b", "3")),
        (5, File::regular("five").with("é/:", "4")),
        (6, File { internal: true, ..File::directory(&[("$Usn", 7)]) }.with("$J", "5")),
        (7, File { internal: true, ..File::regular("") }),
    ]
}

fn with(mut files: Vec<(u64, File)>, number: u64, change: impl Fn(&mut File)) -> Vec<(u64, File)> {
    files.iter_mut().filter(|(each, _)| *each == number).for_each(|(_, file)| change(file));
    files
}

#[test]
fn streams_stand_among_the_names_in_the_order_of_whole_paths() {
    let (paths, problems) = listed(&Mock::new(&guest()));
    let expected = [
        r"C:\:top",
        r"C:\a!",
        r"C:\a.txt",
        r"C:\a.txt:Zone.Identifier",
        r"C:\a.txt:b",
        r"C:\a:of-directory",
        r"C:\a",
        r"C:\a\x",
        r"C:\a\x:é/:",
        r"C:\link.txt",
        r"C:\link.txt:Zone.Identifier",
        r"C:\link.txt:b",
    ];
    assert_eq!(paths, expected);
    assert_eq!(problems, [""; 0]);
}

#[test]
fn a_file_that_no_directory_names_has_its_streams() {
    let guest = with(guest(), 2, |directory| directory.entries = Some(Vec::new()));
    let (paths, problems) = listed(&Mock::new(&guest));
    assert!(paths.ends_with(&[r"C:\$OrphanFiles\inode-5".into(), r"C:\$OrphanFiles\inode-5:é/:".into()]));
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn streams_pair_like_files() {
    let before = Mock::new(&guest());
    assert_eq!(walked(&before, &Mock::new(&guest())), [vec![], vec![], vec![]] as [Vec<String>; 3]);
    let changed = with(guest(), 4, |file| {
        file.streams = vec![("b", b"3".to_vec()), ("zone.identifier", b"2".to_vec())];
        file.streams.push(("zz", Vec::new()));
    });
    let [deleted, created, both] = walked(&before, &Mock::new(&changed));
    assert_eq!(deleted, [""; 0]);
    assert_eq!(created, [r"C:\a.txt:zz", r"C:\link.txt:zz"]);
    let pair = |path: &str| {
        [path.to_owned(), format!("{path}:b"), format!("{path}:zone.identifier was Zone.Identifier")]
    };
    assert_eq!(both, [pair(r"C:\a.txt"), pair(r"C:\link.txt")].concat());
    let gone = with(guest(), 5, |file| file.streams.clear());
    assert_eq!(walked(&before, &Mock::new(&gone))[0], [r"C:\a\x:é/:"]);
    assert_eq!(walked(&Mock::new(&gone), &before)[1], [r"C:\a\x:é/:"]);
}

#[test]
fn only_the_root_and_directories_take_their_streams_along() {
    let before = Mock::new(&guest());
    let renamed = with(guest(), 1, |root| {
        root.streams.clear();
        root.entries = Some(vec![("A", 2), ("a!", 3), ("A.TXT", 4), ("link.txt", 4), ("$Own", 6)]);
    });
    let [deleted, created, both] = walked(&before, &Mock::new(&renamed));
    assert_eq!(deleted, [r"C:\:top"]);
    assert_eq!(created, [""; 0]);
    assert_eq!(both, [r"C:\", r"C:\A was a", r"C:\A.TXT was a.txt"]);
}

#[test]
fn what_is_deleted_below_a_directory_in_another_case_keeps_its_old_path() {
    let before = Mock::new(&guest());
    let mut files = with(guest(), 1, |root| {
        root.entries = Some(vec![("A", 2), ("a!", 3), ("a.txt", 4), ("link.txt", 4), ("$Own", 6)]);
    });
    files.retain(|(number, _)| *number != 5);
    let files = with(files, 2, |directory| directory.entries = Some(vec![("y", 8)]));
    let files = [files, vec![(8, File::regular("eight"))]].concat();
    let [deleted, created, both] = walked(&before, &Mock::new(&files));
    assert_eq!(deleted, [r"C:\a\x", r"C:\a\x:é/:"]);
    assert_eq!(created, [r"C:\A\y"]);
    assert_eq!(both, [r"C:\", r"C:\:top", r"C:\A was a", r"C:\A:of-directory"]);
}

#[test]
fn names_that_only_differ_in_case_pair_exactly_first() {
    let names =
        |list: &[&'static str]| -> Vec<(&'static str, u64)> { list.iter().copied().zip(2..).collect() };
    let disk = |list: &[&'static str]| {
        let mut files = vec![(1, File::directory(&names(list)))];
        files.extend(names(list).iter().map(|(name, number)| (*number, File::regular(name))));
        Mock::new(&files)
    };
    let [deleted, created, both] = walked(&disk(&["a", "B", "c"]), &disk(&["A", "B", "a"]));
    assert_eq!(deleted, [r"C:\c"]);
    assert_eq!(created, [r"C:\A"]);
    assert_eq!(both, [r"C:\", r"C:\a"]);
}

#[test]
fn more_streams_than_can_be_counted_are_cut_and_told() {
    let mut many = File::regular("x");
    many.streams = (0..70_000).map(|_| ("s", Vec::new())).collect();
    let (paths, problems) = listed(&Mock::new(&[(1, File::directory(&[("f", 2)])), (2, many)]));
    assert_eq!(paths.len(), 1 + usize::from(u16::MAX));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with(r"C:\f: unsupported named streams"), "{problems:?}");
}
