//! Base64 in lines of 76 characters, as MIME has it (RFC 2045): what the Python program printed.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes that make one line.
const LINE: usize = 57;

/// Appends `bytes` for the inside of a JSON string. Each line ends with a line feed, the last one too.
pub(super) fn push_json(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() / LINE * 78 + 80);
    for line in bytes.chunks(LINE) {
        let (threes, rest) = line.as_chunks::<3>();
        for three in threes {
            out.extend_from_slice(&quad(*three));
        }
        match *rest {
            [a] => out.extend_from_slice(&[quad([a, 0, 0])[0], quad([a, 0, 0])[1], b'=', b'=']),
            [a, b] => {
                let [first, second, third, _] = quad([a, b, 0]);
                out.extend_from_slice(&[first, second, third, b'=']);
            }
            _ => {}
        }
        out.extend_from_slice(b"\\n");
    }
}

/// Four characters of three bytes.
fn quad([a, b, c]: [u8; 3]) -> [u8; 4] {
    let digit = |bits: u8| ALPHABET[usize::from(bits & 63)];
    [digit(a >> 2), digit(a << 4 | b >> 4), digit(b << 2 | c >> 6), digit(c)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        push_json(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_examples_of_the_standard() {
        for (bytes, expected) in [
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(text(bytes.as_bytes()), format!("{expected}\\n"));
        }
        assert_eq!(text(&[0xfb, 0xff, 0xfe]), "+//+\\n");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn lines_have_76_characters() {
        for length in [56, 57, 58, 114, 115, 200] {
            let text = text(&vec![0; length]);
            let lines: Vec<&str> = text.strip_suffix("\\n").unwrap().split("\\n").collect();
            assert_eq!(lines.len(), length.div_ceil(57));
            assert!(lines.iter().rev().skip(1).all(|line| line.len() == 76));
        }
    }
}
