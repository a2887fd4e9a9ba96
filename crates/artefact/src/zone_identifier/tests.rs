use super::*;

fn zone(zone_id: Option<u32>, referrer_url: Option<&str>, host_url: Option<&str>) -> ZoneIdentifier {
    ZoneIdentifier {
        zone_id,
        referrer_url: referrer_url.map(str::to_owned),
        host_url: host_url.map(str::to_owned),
    }
}

const TEXT: &str = "[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=https://a.example/?x=1\r\nHostUrl=https://b.example/\u{e4}\r\n";

#[test]
fn keys_of_the_section_are_read_in_any_case_and_encoding() {
    let expected = zone(Some(3), Some("https://a.example/?x=1"), Some("https://b.example/\u{e4}"));
    let units = |swap: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(TEXT.encode_utf16());
        units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let bare = units(false)[2..].to_vec();
    for bytes in [
        TEXT.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", TEXT.as_bytes()].concat(),
        units(false),
        units(true),
        bare,
        TEXT.replace("ZoneTransfer", "zonetransfer").replace("ZoneId", " zoneid ").into_bytes(),
    ] {
        assert_eq!(ZoneIdentifier::parse(&bytes).unwrap(), expected, "{bytes:?}");
    }
    assert_eq!(expected.zone_name(), Some("internet"));
}

#[test]
fn other_sections_lines_and_values_are_passed_over() {
    let parse = |text: &str| ZoneIdentifier::parse(text.as_bytes()).unwrap();
    assert_eq!(parse("[ZoneTransfer]\nZoneId=x\nHostUrl=\nnonsense"), zone(None, None, None));
    assert_eq!(
        parse("[Other]\nZoneId=3\n[ZoneTransfer]\nZoneId=4\n[Other]\nZoneId=1"),
        zone(Some(4), None, None)
    );
    assert_eq!(parse("[ZoneTransfer]\nZoneId=9").zone_name(), None);
    for bad in ["", "ZoneId=3", "\u{0}\u{0}", "[ZoneTransfer"] {
        assert!(ZoneIdentifier::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
}
