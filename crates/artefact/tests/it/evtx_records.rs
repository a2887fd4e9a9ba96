//! Records of sound logs, with everything that they hold.

use serde_json::Value as Json;
use vminspect_artefact::evtx::xml::{Piece, Pieces, attributes};
use vminspect_artefact::evtx::{Form, Log, System};
use vminspect_bytes::{Family, Slice, Timestamp};

use crate::evtx_evidence::{bytes, json, read};

/// Ticks of a time in ISO 8601 with seven digits.
fn ticks(time: &str) -> u64 {
    let number = |range: std::ops::Range<usize>| time[range].parse::<u64>().expect("digits");
    // Days by counting: the fixtures are of one month.
    assert_eq!(&time[..8], "2024-05-");
    let days = 19_843 + number(8..10);
    let seconds = days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    116_444_736_000_000_000 + seconds * 10_000_000 + number(20..27)
}

/// Every type of value, arrays, templates within values, text in pieces: as Windows prints it.
#[test]
fn records_are_those_that_were_written() {
    for name in ["types", "wrapped", "dirty"] {
        let (records, problems) = read(&bytes(name), Form::Xml, false);
        let expected = json(name);
        let expected = expected.as_array().expect("records");
        assert_eq!(records.len(), expected.len(), "{name}");
        for (read, expected) in records.iter().zip(expected) {
            assert_eq!(read.text, expected["xml"].as_str().expect("xml"), "{name}");
            assert_eq!(Some(read.record.id), expected["id"].as_u64(), "{name}");
            assert_eq!(Some(read.offset), expected["offset"].as_u64(), "{name}");
            assert_eq!(read.record.written, ticks(expected["time"].as_str().expect("a time")), "{name}");
            assert!(!read.record.recovered, "{name}");
        }
        assert_eq!(problems.len(), 0, "{name}: {problems:?}");
    }
}

#[test]
fn json_holds_the_same_values() {
    let (records, _) = read(&bytes("types"), Form::Json, false);
    let event: Json = serde_json::from_str(&records[0].text).expect("JSON");
    let data = &event["Event"]["EventData"];
    assert_eq!(data["string"], "Grüße & <tags> \u{1f600}");
    assert_eq!(data["int8"], -5);
    assert_eq!(data["uint64"], 18_000_000_000_000_000_000_u64);
    assert_eq!(data["real64"], "-0.25", "reals are strings there");
    assert_eq!(data["true"], true);
    assert_eq!(data["filetime"], "2024-05-01T12:00:00.0000001Z");
    assert_eq!(event["Event"]["System"]["EventID"]["#text"], 1);
    let nested: Json = serde_json::from_str(&records[2].text).expect("JSON");
    assert_eq!(nested["Event"]["UserData"]["EventXML"]["Count"], 3);
}

#[test]
fn the_system_element_is_read() {
    let (records, _) = read(&bytes("types"), Form::Xml, false);
    let system = System::of_xml(&records[0].text);
    assert_eq!(system.provider, "Microsoft-Windows-Security-Auditing");
    assert_eq!((system.event_id, system.level, system.record_id), (Some(1), Some(4), Some(1)));
    assert_eq!((&*system.process, &*system.thread), ("1234", "5678"));
    assert_eq!((&*system.channel, &*system.computer), ("Security", "FIXTURE"));
    assert_eq!((&*system.user, &*system.keywords), ("S-1-5-18", "0x8020000000000000"));
    assert_eq!(system.time, "2024-05-01T12:00:00.0000000Z");
    assert_eq!(records[0].record.time(), Timestamp::from_filetime(ticks("2024-05-01T12:00:00.0000000Z")));
    // What stands elsewhere in the event is not taken for it.
    assert_eq!(System::of_xml("<Event><UserData><EventID>7</EventID></UserData></Event>"), System::default());
    let nested = "<System><EventID><b>9</b>8</EventID><Provider><Level>3</Level></Provider></System>";
    assert_eq!((System::of_xml(nested).event_id, System::of_xml(nested).level), (Some(8), None));
}

#[test]
fn xml_is_taken_apart() {
    let xml = "<a b=\"1 &gt; 0\" c='\"'>x &amp; &#x41;&#66;&bad;<d/><![CDATA[<e>]]></a>";
    let pieces: Vec<Piece<'_>> = Pieces::new(xml).collect();
    let Piece::Open { name: "a", attributes: text, is_empty: false } = &pieces[0] else {
        panic!("{pieces:?}")
    };
    let found: Vec<_> = attributes(text).map(|(name, value)| (name, value.into_owned())).collect();
    assert_eq!(found, [("b", "1 > 0".to_owned()), ("c", "\"".to_owned())]);
    assert_eq!(pieces[1], Piece::Text("x & AB&bad;".into()));
    assert_eq!(pieces[2], Piece::Open { name: "d", attributes: "", is_empty: true });
    assert_eq!(pieces[3..], [Piece::Text("<e>".into()), Piece::Close]);
    for broken in ["<", "<a", "<a b=\"", "<![CDATA[", "<?", "</"] {
        assert!(Pieces::new(broken).count() < 2, "{broken}");
    }
}

/// What costs much time or stack where it is read in another way.
#[test]
fn hostile_xml_is_read_in_one_go() {
    let ampersands = "&".repeat(4 << 20);
    assert_eq!(Pieces::new(&ampersands).collect::<Vec<_>>(), [Piece::Text(ampersands.as_str().into())]);
    let instructions = "<?a?>".repeat(1 << 20);
    assert_eq!(Pieces::new(&instructions).count(), 0);
    let behind = instructions + "x&#x0000041;";
    assert_eq!(Pieces::new(&behind).collect::<Vec<_>>(), [Piece::Text("xA".into())]);
}

#[test]
fn the_file_header_is_told() {
    let wrapped = bytes("wrapped");
    let log = Log::open(Slice(&wrapped)).expect("a log");
    let header = log.header().expect("a header");
    assert_eq!((header.first_chunk, header.last_chunk, header.next_record_id), (1, 0, 144));
    assert_eq!((header.version, header.chunk_count), ((3, 1), 3));
    assert!(header.is_full() && !header.is_dirty() && header.checksum_holds);
    let dirty = bytes("dirty");
    let log = Log::open(Slice(&dirty)).expect("a log");
    assert!(log.header().expect("a header").is_dirty());
    assert_eq!(log.chunk_count(), 3, "whatever the header says");
}

#[test]
fn logs_of_windows_xp_and_other_files_are_refused() {
    let mut legacy = vec![0; 4096];
    legacy[..8].copy_from_slice(b"\x30\0\0\0LfLe");
    let error = Log::open(Slice(&legacy)).expect_err("a log of Windows XP");
    assert_eq!(error.family(), Family::Unsupported);
    assert!(error.to_string().contains(".evt"), "{error}");
    for other in [&b""[..], b"ElfFile\0", &[0; 70_000]] {
        assert_eq!(Log::open(Slice(other)).expect_err("no log").family(), Family::Corrupt);
    }
    let mut newer = bytes("types");
    newer[38] = 4;
    let checksum = crc32(&newer[..120]);
    newer[124..128].copy_from_slice(&checksum.to_le_bytes());
    let error = Log::open(Slice(&newer)).expect_err("version 4");
    assert_eq!(error.family(), Family::Unsupported);
    assert!(error.to_string().contains("4.1"), "{error}");
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = libdeflater::Crc::new();
    crc.update(bytes);
    crc.sum()
}
