/// A line of a text file, without its end, and the byte where it begins.
pub(crate) struct Line<'a> {
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
}

/// The lines of `text`. A carriage return in front of the newline belongs to the end.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut offset = 0_u64;
    text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let here = offset;
        offset = offset.saturating_add(u64::try_from(line.len()).unwrap_or(0));
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Line { offset: here, bytes: line.strip_suffix(b"\r").unwrap_or(line) }
    })
}
