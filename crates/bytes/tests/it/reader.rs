use vminspect_bytes::{Reader, decode_utf16le};

#[test]
fn reads_in_order_and_says_where_it_ends() {
    let bytes = [1, 2, 0, 3, 0, 0, 0, 0, 0, 0, 4, 9];
    let mut reader = Reader::new(&bytes, "header", 1000);
    assert_eq!(reader.u8().unwrap(), 1);
    assert_eq!(reader.u16_le().unwrap(), 2);
    assert_eq!(reader.u32_le().unwrap(), 3);
    assert_eq!(reader.u32_be().unwrap(), 4);
    let error = reader.u16_be().unwrap_err();
    assert_eq!((error.offset(), error.structure()), (Some(1011), "header"));
    assert_eq!(reader.rest(), [9]);
    assert!(reader.is_at_end());
}

#[test]
fn nesting_ends() {
    let bytes = [0; 100];
    let mut reader = Reader::new(&bytes, "outer", 0);
    for depth in 0.. {
        match reader.sub_reader(90, "inner") {
            Ok(inner) => reader = Reader::clone(&inner),
            Err(_) => {
                assert!(depth >= 1);
                break;
            }
        }
    }
    let mut small = Reader::new(&bytes[..4], "outer", 8);
    let mut inner = small.sub_reader(3, "inner").unwrap();
    assert_eq!(inner.offset(), 8);
    assert!(inner.u32_le().is_err());
    assert_eq!(small.offset(), 11);
}

#[test]
fn text_of_utf16_tells_what_it_replaced() {
    assert_eq!(decode_utf16le(b"a\0\xe4\0"), ("a\u{e4}".to_owned(), true));
    assert_eq!(decode_utf16le(b"a\0\x00\xd8"), ("a\u{fffd}".to_owned(), false));
    assert_eq!(decode_utf16le(b"a\0b"), ("a".to_owned(), false));
}
