use std::fs;
use std::os::unix::fs::MetadataExt;

use vminspect_bytes::{ByteRange, Extent, Memory, Origin, ReadAt, ReadError};

use super::*;

#[test]
fn names_are_safe_on_the_host() {
    for (guest, host) in [
        (&b"plain.txt"[..], "plain.txt"),
        (b"..", "%2e%2e"),
        (b".", "%2e"),
        (b"", "%"),
        (b"a/b", "a%2fb"),
        (b"../../etc/passwd", "..%2f..%2fetc%2fpasswd"),
        (b"nul\0", "nul%00"),
        (b"\x1b[2J\n", "%1b[2J%0a"),
        (b"bad\xff", "bad%ff"),
        (b"100%", "100%25"),
        (b"-rf", "%2drf"),
        (b"C:\\x", "C%3a%5cx"),
        ("\u{202e}txt.exe".as_bytes(), "%e2%80%aetxt.exe"),
        ("日本".as_bytes(), "日本"),
    ] {
        assert_eq!(host_name(guest), host);
    }
}

#[test]
fn long_names_are_cut_between_characters_and_escapes() {
    for name in [vec![b'x'; 255], vec![b'%'; 255], "é".repeat(200).into_bytes(), vec![0xff; 300]] {
        let host = host_name(&name);
        assert!(host.len() <= 255, "{host}");
        let escapes = host.trim_end_matches("%~");
        assert!(escapes.split('%').skip(1).all(|rest| rest.len() >= 2), "{host}");
        assert!(name::another(&host, 12).len() <= 255);
    }
    assert_eq!(host_name(&[b'x'; 255]).len(), 255);
}

#[test]
fn nothing_is_overwritten_and_no_link_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let outside = scratch.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let into = scratch.path().join("into");
    let destination = Destination::open(&into).unwrap();
    std::os::unix::fs::symlink(&outside, into.join("etc")).unwrap();
    std::os::unix::fs::symlink(outside.join("made"), into.join("file")).unwrap();
    fs::write(into.join("taken"), "theirs").unwrap();

    assert!(destination.subdirectory("etc").is_err());
    assert_eq!(destination.subdirectory_for(b"etc").unwrap(), "etc%~1");
    assert_eq!(destination.create_for(b"file").unwrap().0, "file%~1");
    assert_eq!(destination.create_for(b"taken").unwrap().0, "taken%~1");
    assert_eq!(destination.create_for(b"taken").unwrap().0, "taken%~2");
    assert_eq!(destination.create_for(b"../outside/x").unwrap().0, "..%2foutside%2fx");
    assert_eq!(fs::read(into.join("taken")).unwrap(), b"theirs");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

/// Zeros with a page of data in the middle, and an unreadable page where `bad` says so.
struct Sparse {
    length: u64,
    data: ByteRange,
    bad: Option<ByteRange>,
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if self.bad.is_some_and(|bad| bad.intersects(ByteRange::at(offset, buf.len() as u64))) {
            return Err(ReadError::corrupt("page").at(offset));
        }
        for (position, byte) in (offset..).zip(buf) {
            *byte = if self.data.contains(position) { b'd' } else { 0 };
        }
        Ok(())
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        let zero = |end| Extent { range: ByteRange::new(range.start(), end), origin: Origin::Zero };
        Ok(if range.start() < self.data.start() {
            zero(self.data.start().min(range.end()))
        } else if range.start() < self.data.end() {
            let end = self.data.end().min(range.end());
            Extent { range: ByteRange::new(range.start(), end), origin: Origin::Unknown }
        } else {
            zero(range.end())
        })
    }
}

#[test]
fn holes_stay_holes_and_hashes_are_right() {
    let scratch = tempfile::tempdir().unwrap();
    let destination = Destination::open(scratch.path()).unwrap();
    let source = Sparse { length: 64 << 20, data: ByteRange::at(32 << 20, 4096), bad: None };
    let file = destination.create("sparse").unwrap();
    let copied = copy(&source, &file, &[Algorithm::Sha256]).unwrap();
    let metadata = fs::metadata(scratch.path().join("sparse")).unwrap();
    assert_eq!(metadata.len(), 64 << 20);
    assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
    let content = fs::read(scratch.path().join("sparse")).unwrap();
    let mut hasher = crate::Hasher::new(&[Algorithm::Sha256]);
    hasher.update(&content);
    let digests = hasher.finish();
    assert_eq!(copied.digests.as_ref(), Some(&digests));
    assert_eq!(content.iter().filter(|byte| **byte == b'd').count(), 4096);
    assert!(destination.holds("sparse", &digests, &[Algorithm::Sha256]).unwrap());
    assert!(!destination.holds("absent", &digests, &[Algorithm::Sha256]).unwrap());
    fs::write(scratch.path().join("other"), "x").unwrap();
    assert!(destination.holds("other", &digests, &[Algorithm::Sha256]).is_err());
}

#[test]
fn what_can_be_read_around_damage_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let destination = Destination::open(scratch.path()).unwrap();
    let source = Sparse {
        length: 3 << 20,
        data: ByteRange::at(0, 3 << 20),
        bad: Some(ByteRange::at((1 << 20) + 8192, 100)),
    };
    let copied = copy(&source, &destination.create("damaged").unwrap(), &[Algorithm::Sha1]).unwrap();
    assert!(copied.digests.is_none());
    assert!(copied.problem.is_some());
    let content = fs::read(scratch.path().join("damaged")).unwrap();
    assert_eq!(content.iter().filter(|byte| **byte == b'd').count(), (3 << 20) - 4096);
}

#[test]
fn an_empty_file_is_copied() {
    let scratch = tempfile::tempdir().unwrap();
    let destination = Destination::open(scratch.path()).unwrap();
    let copied =
        copy(&Memory::new(Vec::new()), &destination.create("empty").unwrap(), &[Algorithm::Md5]).unwrap();
    assert_eq!(copied.digests.unwrap().first().unwrap().to_hex(), "d41d8cd98f00b204e9800998ecf8427e");
}
