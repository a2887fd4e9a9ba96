//! Sorts made-up events of a timeline, and tells how quickly: `sort_events [EVENTS] [MEMORY_IN_MIB]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program to measure with")]

use std::time::Instant;

use vminspect_analysis::timeline::{Event, Reason, Signs, Sorter, Source};
use vminspect_bytes::Timestamp;
use vminspect_filesystem::{FileId, FileKind, NameEncoding};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(10_000_000, |events| events.parse().unwrap());
    let memory: u64 = arguments.next().map_or(448, |memory| memory.parse().unwrap());
    let started = Instant::now();
    let mut sorter = Sorter::new(memory << 20, false);
    let (mut path, mut bytes) = (String::new(), Vec::new());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for number in 0..events {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        path.clear();
        let name =
            format_args!("C:\\Users\\user{}\\AppData\\Local\\Cache\\{:08x}.tmp", number % 37, state as u32);
        std::fmt::Write::write_fmt(&mut path, name).unwrap();
        bytes.clear();
        event(number, state, path.as_bytes()).push_to(&mut bytes);
        sorter.push(&bytes).unwrap();
    }
    let (mut count, mut last) = (0_u64, None);
    sorter
        .finish()
        .unwrap()
        .each(&mut |bytes| {
            let event = Event::parse(bytes).unwrap();
            assert!(last <= Some(event.time), "in order");
            last = Some(event.time);
            count += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(count, events);
    let seconds = started.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{events} events in {seconds:.2} s: {:.0} a second; {peak}", events as f64 / seconds);
}

/// Events of some ten years, four to a file.
fn event(number: u64, random: u64, path: &[u8]) -> Event<'_> {
    let ticks = 130_000_000_000_000_000 + random % 3_000_000_000_000_000;
    Event {
        time: Timestamp::from_filetime(ticks),
        local: false,
        source: Source::File,
        reason: Reason::ALL[(number % 4) as usize],
        volume: 1,
        file: FileId(number / 4),
        size: random % 1_000_000,
        allocated: true,
        kind: Some(FileKind::Regular),
        signs: Signs::default(),
        encoding: NameEncoding::Wtf8,
        path,
        detail: "",
    }
}
