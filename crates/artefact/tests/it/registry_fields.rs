//! What keys and values say besides what trees show.

use vminspect_artefact::registry::{Decoded, Hive, Layer, Value, ValueType};

use crate::evidence;

fn hive(name: &str) -> Hive {
    evidence::open(name).expect(name)
}

#[test]
fn flags_have_names() {
    let hive = hive("types");
    for (key, expected) in [
        ("no delete", &["no_delete"][..]),
        ("virtual source", &["virtual_source"]),
        ("virtual target", &["virtual_target"]),
        ("virtual store", &["virtual_store"]),
        ("unknown flag", &[]),
    ] {
        let key = hive.key(&format!(r"Flags\{key}")).expect(key);
        assert_eq!(key.flag_names(), expected, "{}", key.name().to_text());
    }
    assert_eq!(hive.root().expect("a root").flag_names(), ["root", "no_delete"]);
    assert_eq!(hive.key(r"flags\ACCESSED").expect("in any case").access_bits(), 3);
}

#[test]
fn containers_have_layers_and_tombstones() {
    let hive = hive("version-1.6");
    let layer = |key: &str| hive.key(&format!(r"Layered\{key}")).expect(key).layer();
    assert_eq!(layer("tombstone"), Some(Layer::Tombstone));
    assert_eq!(layer("supersede local"), Some(Layer::SupersedeLocal));
    assert_eq!(layer("supersede tree"), Some(Layer::SupersedeTree));
    let key = hive.key("Layered").expect("a key");
    assert_eq!(key.layer(), Some(Layer::Merged));
    let is_gone = |name: &str| key.value(name).expect(name).is_tombstone();
    assert!(is_gone("gone") && !is_gone("stays"));
    // Hives that no container writes have neither.
    assert_eq!(self::hive("version-1.5").key("Many").expect("a key").layer(), None);
}

fn decoded(value: &Value<'_>) -> String {
    let data = value.data();
    format!("{:?}", Decoded::of(value.kind(), &data.bytes))
}

#[test]
fn data_are_decoded_as_far_as_they_fit_their_type() {
    let hive = hive("types");
    let key = hive.key("Strings").expect("strings");
    for (name, expected) in [
        ("empty", r#"Text("", false)"#),
        ("only a terminator", r#"Text("", false)"#),
        ("no terminator", r#"Text("abcd", false)"#),
        ("odd length", "Bytes([97, 0, 98, 0, 99, 0, 100])"),
        ("one byte", "Bytes([97])"),
        ("one letter", r#"Text("a", false)"#),
    ] {
        assert_eq!(decoded(&key.value(name).expect(name)), expected, "{name}");
    }
}

#[test]
fn decoding_needs_no_hive() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    assert_eq!(Decoded::of(ValueType::SZ, &wide("a\0b\0")), Decoded::Text("a".to_owned(), true));
    assert_eq!(Decoded::of(ValueType::SZ, &wide("a\0\0")), Decoded::Text("a".to_owned(), false));
    let texts = |texts: &[&str]| Decoded::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
    assert_eq!(Decoded::of(ValueType::MULTI_SZ, &wide("a\0\0b\0\0")), texts(&["a", "", "b"]));
    assert_eq!(Decoded::of(ValueType::MULTI_SZ, &wide("a\0b")), texts(&["a", "b"]));
    assert_eq!(Decoded::of(ValueType::MULTI_SZ, &wide("\0")), texts(&[]));
    assert_eq!(Decoded::of(ValueType::MULTI_SZ, &[]), texts(&[]));
    assert_eq!(Decoded::of(ValueType::DWORD, &[1, 0, 0, 0x80]), Decoded::Dword(0x8000_0001));
    assert_eq!(Decoded::of(ValueType::DWORD_BIG_ENDIAN, &[0, 0, 0, 1]), Decoded::Dword(1));
    assert_eq!(Decoded::of(ValueType::DWORD, &[1, 0, 0]), Decoded::Bytes(&[1, 0, 0]));
    assert_eq!(Decoded::of(ValueType::QWORD, &[2, 0, 0, 0, 0, 0, 0, 0]), Decoded::Qword(2));
    assert_eq!(Decoded::of(ValueType(0xffff_0011), &[1]), Decoded::Bytes(&[1]));
    assert_eq!(ValueType(7).to_string(), "REG_MULTI_SZ");
    assert_eq!(ValueType(12).to_string(), "0xc");
}

/// Lookups go by name without case, through every form of list.
#[test]
fn keys_and_values_are_found_by_name() {
    let hive = hive("before");
    assert!(hive.key(r"case\FOLDER").is_some());
    assert!(hive.key(r"\Case\Folder\").is_some());
    assert!(hive.key(r"Case\none").is_none());
    assert!(hive.key("Default").expect("a key").subkeys().next().is_some());
}
