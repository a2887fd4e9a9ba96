//! Reads a whole image on several threads, or compares the maps of two, and tells how long that took.
//!
//! `read_image IMAGE [THREADS]` or `read_image --differ IMAGE IMAGE`.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use vminspect_bytes::{ByteRange, ReadAt, ReadAtExt, differ};
use vminspect_image::{Disk, OpenOptions};

const CHUNK: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = OpenOptions::default();
    let open = |path: &str| Disk::open(Path::new(path), &options);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--differ", left, right] => compare_maps(&open(left)?, &open(right)?)?,
        [image] => read(&open(image)?, 1)?,
        [image, threads] => read(&open(image)?, threads.parse()?)?,
        _ => return Err("usage: read_image IMAGE [THREADS] | --differ IMAGE IMAGE".into()),
    }
    Ok(())
}

fn compare_maps(left: &Disk, right: &Disk) -> Result<(), Box<dyn std::error::Error>> {
    for round in 0..5 {
        let start = Instant::now();
        let set = differ(left.bytes(), right.bytes())?;
        let took = start.elapsed();
        say(&format!(
            "round {round}: {took:?}, {} ranges of {} bytes differ",
            set.ranges().len(),
            set.total()
        ));
    }
    for disk in [left, right] {
        let all = ByteRange::at(0, disk.bytes().len());
        let start = Instant::now();
        let count = disk.bytes().extents(all).count();
        say(&format!("{}: {count} extents in {:?}", disk.info().path.display(), start.elapsed()));
    }
    Ok(())
}

fn read(disk: &Disk, threads: usize) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = disk.bytes();
    let next = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| read_chunks(bytes, &next))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    say(&format!("{} bytes on {threads} threads in {:?}", bytes.len(), start.elapsed()));
    Ok(())
}

fn read_chunks(bytes: &dyn ReadAt, next: &AtomicU64) -> Result<(), vminspect_bytes::ReadError> {
    let mut buffer = vec![0; usize::try_from(CHUNK).unwrap_or(0)];
    loop {
        let range = ByteRange::at(next.fetch_add(CHUNK, Ordering::Relaxed), CHUNK);
        let range = range.intersection(ByteRange::at(0, bytes.len()));
        if range.is_empty() {
            return Ok(());
        }
        let part = buffer.get_mut(..usize::try_from(range.len()).unwrap_or(0)).unwrap_or_default();
        bytes.read_exact_at(range.start(), part)?;
    }
}

#[expect(clippy::print_stdout, reason = "the example's output")]
fn say(line: &str) {
    println!("{line}");
}
