use std::path::{Path, PathBuf};

use vminspect_bytes::{ByteRange, Origin, ReadAtExt, ReadError};

use super::compression::Compression;
use super::descriptor::{Defect, Descriptor, EntryRules};
use super::geometry::{Geometry, HostOffset};
use super::layout;
use crate::{Disk, OpenOptions};

const CLUSTER: usize = 512;

fn rules(extended: bool, data_file: bool) -> EntryRules {
    let bits = if extended { 16 } else { 9 };
    let geometry = Geometry::new(bits, extended).unwrap();
    EntryRules { geometry, zero_flag: !extended, data_file }
}

/// An image of 512-byte clusters: header, L1 table, L2 table, then data.
struct Built {
    bytes: Vec<u8>,
    directory: tempfile::TempDir,
}

impl Built {
    fn new(virtual_size: u64, l1: &[u64], l2: &[u64], data_clusters: usize) -> Self {
        let mut bytes = vec![0; CLUSTER * (3 + data_clusters)];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, b"QFI\xfb");
        put(4, &3u32.to_be_bytes());
        put(20, &9u32.to_be_bytes());
        put(24, &virtual_size.to_be_bytes());
        put(36, &(l1.len() as u32).to_be_bytes());
        put(40, &(CLUSTER as u64).to_be_bytes());
        put(96, &4u32.to_be_bytes());
        put(100, &104u32.to_be_bytes());
        for (index, entry) in l1.iter().enumerate() {
            put(CLUSTER + index * 8, &entry.to_be_bytes());
        }
        for (index, entry) in l2.iter().enumerate() {
            put(2 * CLUSTER + index * 8, &entry.to_be_bytes());
        }
        for (number, cluster) in bytes.chunks_mut(CLUSTER).enumerate().skip(3) {
            cluster.fill(number as u8);
        }
        Self { bytes, directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        let path = self.directory.path().join("image.qcow2");
        std::fs::write(&path, &self.bytes).unwrap();
        path
    }

    fn open(&self) -> Disk {
        Disk::open(&self.path(), &OpenOptions::default()).unwrap()
    }

    fn error(&self) -> String {
        Disk::open(&self.path(), &OpenOptions::default()).err().unwrap().to_string()
    }
}

fn plain(cluster: u64) -> u64 {
    layout::COPIED | (cluster * CLUSTER as u64)
}

/// The error of reading guest cluster `index`.
fn cluster_error(disk: &Disk, index: u64) -> ReadError {
    disk.bytes().read_vec(index * CLUSTER as u64, 1).unwrap_err()
}

#[test]
fn compressed_descriptors() {
    // 64 KiB clusters: the sector count begins at bit 54.
    let geometry = Geometry::new(16, false).unwrap();
    let rules = EntryRules { geometry, zero_flag: true, data_file: false };
    let entry = layout::COMPRESSED | 2 << 54 | 0x12_3456;
    let Descriptor::Compressed(unit) = rules.descriptor(entry, 0) else { panic!() };
    assert_eq!(unit.offset, HostOffset(0x12_3456));
    // Two more sectors than the one that the data begins in, 0x56 bytes into it.
    assert_eq!(unit.length, 3 * 512 - 0x56);
    let bad = |entry| rules.descriptor(entry, 0);
    assert_eq!(bad(layout::COMPRESSED | 100), Descriptor::Bad(Defect::Header));
    assert_eq!(bad(layout::COMPRESSED | layout::COPIED | 0x10_0000), Descriptor::Bad(Defect::Reserved));
    // 512-byte clusters have 61 bits for the offset, of which only 56 may be used.
    let small = self::rules(false, false);
    assert_eq!(small.descriptor(layout::COMPRESSED | 1 << 57 | 4096, 0), Descriptor::Bad(Defect::Reserved));
    assert_eq!(
        self::rules(false, true).descriptor(layout::COMPRESSED | 4096, 0),
        Descriptor::Bad(Defect::CompressedInDataFile)
    );
}

#[test]
fn standard_descriptors() {
    let own = rules(false, false);
    assert_eq!(own.descriptor(0, 0), Descriptor::Unallocated);
    assert_eq!(own.descriptor(1, 0), Descriptor::Zero);
    assert_eq!(own.descriptor(plain(5) | 1, 0), Descriptor::Zero);
    assert_eq!(own.descriptor(plain(5), 0), Descriptor::Plain(HostOffset(2560)));
    assert_eq!(own.descriptor(layout::COPIED, 0), Descriptor::Bad(Defect::Header));
    assert_eq!(own.descriptor(plain(5) | 1 << 58, 0), Descriptor::Bad(Defect::Reserved));
    assert_eq!(own.descriptor(plain(5) | 4, 0), Descriptor::Bad(Defect::Reserved));
    let version_2 = EntryRules { zero_flag: false, ..own };
    assert_eq!(version_2.descriptor(1, 0), Descriptor::Bad(Defect::ZeroInVersion2));
    let external = rules(false, true);
    assert_eq!(external.descriptor(layout::COPIED, 0), Descriptor::Plain(HostOffset(0)));
    assert_eq!(external.descriptor(plain(5), 2560), Descriptor::Plain(HostOffset(2560)));
    assert_eq!(external.descriptor(plain(5), 512), Descriptor::Bad(Defect::Displaced));
    let wide = EntryRules { geometry: Geometry::new(16, false).unwrap(), ..own };
    assert_eq!(wide.descriptor(0x11200, 0), Descriptor::Bad(Defect::Unaligned));
}

#[test]
fn subcluster_bitmaps() {
    let rules = rules(true, false);
    let cluster = layout::COPIED | 0x10_0000;
    let at = HostOffset(0x10_0000);
    // Subclusters 0 to 3 allocated, 4 to 5 zero, the rest not there.
    let bitmap = 0x30 << 32 | 0x0f;
    assert_eq!(rules.subclusters(cluster, bitmap, 0, 0), (Descriptor::Plain(at), 4));
    assert_eq!(rules.subclusters(cluster, bitmap, 0, 3), (Descriptor::Plain(at), 1));
    assert_eq!(rules.subclusters(cluster, bitmap, 0, 4), (Descriptor::Zero, 2));
    assert_eq!(rules.subclusters(cluster, bitmap, 0, 6), (Descriptor::Unallocated, 26));
    assert_eq!(rules.subclusters(0, 1 << 63, 0, 31), (Descriptor::Zero, 1));
    assert_eq!(rules.subclusters(0, 0, 0, 0), (Descriptor::Unallocated, 32));
    assert_eq!(rules.subclusters(0, 1, 0, 0), (Descriptor::Bad(Defect::NoCluster), 1));
    assert_eq!(rules.subclusters(cluster, 1 | 1 << 32, 0, 0), (Descriptor::Bad(Defect::Contradiction), 1));
    assert_eq!(rules.subclusters(cluster, u64::from(u32::MAX), 0, 0), (Descriptor::Plain(at), 32));
    // The zero flag of standard entries is a reserved bit here.
    assert_eq!(rules.subclusters(cluster | 1, 0, 0, 5), (Descriptor::Bad(Defect::Reserved), 27));
}

#[test]
fn runs_are_merged_and_bad_entries_cost_only_their_range() {
    let l2 = [plain(3), plain(4), plain(5), 1, 1, 0, plain(90), plain(6) | 1 << 57, plain(7)];
    let image = Built::new(20 * 512, &[plain(2)], &l2, 6);
    let disk = image.open();
    let extents: Vec<_> =
        disk.bytes().extents(ByteRange::at(0, 20 * 512)).map(|extent| extent.unwrap()).collect();
    let origins: Vec<_> = extents
        .iter()
        .map(|extent| match extent.origin {
            Origin::Stored { offset, .. } => (extent.range.len() / 512, "stored", offset / 512),
            Origin::Zero => (extent.range.len() / 512, "zero", 0),
            Origin::Unknown => (extent.range.len() / 512, "unknown", 0),
            Origin::Encoded { .. } => panic!(),
        })
        .collect();
    assert_eq!(
        origins,
        [
            (3, "stored", 3),
            (3, "zero", 0),
            (1, "unknown", 0),
            (1, "unknown", 0),
            (1, "stored", 7),
            (11, "zero", 0)
        ]
    );
    assert_eq!(disk.bytes().read_vec(8 * 512, 512).unwrap(), [7; 512]);
    let error = cluster_error(&disk, 6).to_string();
    assert!(
        error.contains("L2 entry 6, which maps guest byte 3072") && error.contains("truncated"),
        "{error}"
    );
    assert_eq!(cluster_error(&disk, 6).offset(), Some(2 * 512 + 6 * 8));
    assert!(cluster_error(&disk, 7).to_string().contains("other bits (entry 0x8200000000000c00)"));
    // A read that meets a bad cluster fails, one beside it does not.
    assert!(disk.bytes().read_vec(5 * 512, 1024).is_err());
    assert!(disk.bytes().read_vec(0, 6 * 512).is_ok());
    assert_eq!(disk.problems().len(), 1);
    assert!(
        disk.problems()[0].to_string().contains("2 clusters that cannot be read"),
        "{}",
        disk.problems()[0]
    );
}

#[test]
fn bad_l1_entries_cost_only_their_range() {
    let span = 64 * 512;
    let l1 = [plain(2), plain(2) | 1 << 60, plain(999), plain(2)];
    let image = Built::new(4 * span, &l1, &[plain(3)], 1);
    let disk = image.open();
    assert_eq!(disk.bytes().read_vec(0, 512).unwrap(), [3; 512]);
    assert_eq!(disk.bytes().read_vec(3 * span, 512).unwrap(), [3; 512]);
    assert!(disk.bytes().read_vec(span, 1).unwrap_err().to_string().contains("L1 entry 1"));
    assert!(disk.bytes().read_vec(3 * span - 1, 1).unwrap_err().to_string().contains("L1 entry 2"));
    let problem = disk.problems()[0].to_string();
    assert!(problem.contains("2 L2 tables that cannot be read"), "{problem}");
}

#[test]
fn absurd_headers_are_refused() {
    let built = || Built::new(512, &[0], &[], 0);
    assert_eq!(built().open().bytes().read_vec(0, 512).unwrap(), [0; 512]);
    for (at, value, message) in [
        (4, 4u32, "unsupported qcow2 version"),
        (20, 8, "cluster_bits"),
        (20, 22, "cluster_bits"),
        (24, u32::MAX, "fewer than 2^63"),
        (24, 1, "at least"),
        (32, 3, "crypt_method"),
        (36, 0, "l1_size"),
        (44, 600, "not a multiple of the cluster size"),
        (44, 0, "after the header"),
        (44, 1 << 20, "within the file"),
        (100, 100, "header_length"),
        (100, 109, "header_length"),
    ] {
        let mut image = built();
        image.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let error = image.error();
        assert!(error.contains(message) && error.contains("image.qcow2"), "{at} {value}: {error}");
    }
}

#[test]
fn a_snapshot_count_beyond_reason_is_a_problem() {
    for count in [1u32, u32::MAX] {
        let mut image = Built::new(512, &[0], &[], 0);
        image.bytes[60..64].copy_from_slice(&count.to_be_bytes());
        image.bytes[64..72].copy_from_slice(&(5u64 << 40).to_be_bytes());
        let disk = image.open();
        assert!(disk.info().snapshots.is_empty());
        assert_eq!(disk.problems().len(), 1);
    }
}

#[test]
fn deflate_streams_may_be_followed_by_others_or_go_on() {
    let mut encoder = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let content: Vec<u8> = (0..1024u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
    let mut stream = vec![0; 8192];
    let length = encoder.deflate_compress(&content, &mut stream).unwrap();
    stream.truncate(length);
    let mut output = vec![0; content.len()];
    let mut followed = stream.clone();
    followed.extend([0xaa; 300]);
    Compression::Deflate.decode(&followed, &mut output).unwrap();
    assert!(output == content);
    // A stream of more than a cluster: what fits is the cluster.
    let mut short = vec![0; 1000];
    Compression::Deflate.decode(&stream, &mut short).unwrap();
    assert!(short == content[..1000]);
    let mut long = vec![0; content.len() + 1];
    assert!(Compression::Deflate.decode(&stream, &mut long).is_err());
    assert!(Compression::Deflate.decode(&stream[..length / 2], &mut output).is_err());
}

#[test]
fn zstd_clusters_may_have_several_frames_and_bytes_behind() {
    let content: Vec<u8> = (0..4096u32).map(|n| (n / 5) as u8).collect();
    let mut stream = zstd::encode_all(&content[..1000], 3).unwrap();
    stream.extend(zstd::encode_all(&content[1000..], 3).unwrap());
    stream.extend(b"something else");
    let mut output = vec![0; content.len()];
    Compression::Zstd.decode(&stream, &mut output).unwrap();
    assert!(output == content);
    assert!(Compression::Zstd.decode(&stream, &mut [0; 5000]).is_err());
    assert!(Compression::Zstd.decode(&stream, &mut [0; 500]).is_err());
    assert!(Compression::Zstd.decode(b"", &mut [0; 500]).is_err());
}

#[test]
fn chains_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let image = |number: usize| directory.path().join(format!("{number}.qcow2"));
    for number in 0..230usize {
        let mut built = Built::new(512, &[0], &[], 0);
        if number > 0 {
            let name = format!("{}.qcow2", number - 1);
            built.bytes[8..16].copy_from_slice(&300u64.to_be_bytes());
            built.bytes[16..20].copy_from_slice(&(name.len() as u32).to_be_bytes());
            built.bytes[300..300 + name.len()].copy_from_slice(name.as_bytes());
        }
        std::fs::write(image(number), &built.bytes).unwrap();
    }
    let open = |path: &Path| Disk::open(path, &OpenOptions::default());
    let deep = open(&image(199)).unwrap();
    assert_eq!(deep.bytes().read_vec(0, 512).unwrap(), [0; 512]);
    assert_eq!(deep.host_files().len(), 200);
    let error = open(&image(229)).err().unwrap().to_string();
    assert!(error.contains("chain of parents") && error.contains("200"), "{error}");
}

#[test]
fn types_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Disk>();
    shared::<super::virtual_disk::VirtualDisk>();
}
