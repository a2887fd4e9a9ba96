use super::*;

fn values(file: &str) -> Vec<(String, String)> {
    assignments(file.as_bytes())
        .map(|assignment| assignment.expect("an assignment"))
        .map(|assignment| (assignment.name, String::from_utf8_lossy(&assignment.value).into_owned()))
        .collect()
}

#[test]
fn quotes_are_resolved() {
    let file = "# comment\nID=debian\n\nNAME='Debian GNU/Linux'\r\nPRETTY_NAME=\"a \\\"b\\\" \\$c \\x\"\n";
    let expected = [("ID", "debian"), ("NAME", "Debian GNU/Linux"), ("PRETTY_NAME", "a \"b\" $c \\x")];
    assert_eq!(values(file), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn bare_values_end_at_a_blank() {
    assert_eq!(
        values("A=b # comment\nC=\nD=e'f g'\\ h"),
        [
            ("A".to_owned(), "b".to_owned()),
            ("C".to_owned(), String::new()),
            ("D".to_owned(), "ef g h".to_owned()),
        ]
    );
}

#[test]
fn a_bad_line_is_an_error_and_the_next_follows() {
    let results: Vec<_> = assignments(b"ID=a\nno assignment\nX-Y=1\nQ=\"open\nID=b").collect();
    let offsets: Vec<_> =
        results.iter().filter_map(|result| result.as_ref().err()).map(ReadError::offset).collect();
    assert_eq!(offsets, [Some(5), Some(19), Some(25)]);
    assert_eq!(value(b"ID=a\nno assignment\nID=b", "ID"), Some(b"b".to_vec()));
}

#[test]
fn binary_input_ends() {
    let noise: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
    assert!(assignments(&noise).any(|result| result.is_err()));
    assert_eq!(value(b"ID=\xff\xfe\n", "ID"), Some(vec![0xff, 0xfe]));
}
