//! `$EA`: extended attributes, as OS/2 and WSL use them.

use crate::ExtendedAttribute;

/// Parses the value: entries that each say where the next one begins.
///
/// # Errors
/// In words, when it is cut short.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<ExtendedAttribute>, &'static str> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, _flags, name_length, low, high] = *head;
        let next = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let name_length = usize::from(name_length);
        let name = after.get(..name_length).ok_or("a name cut short")?;
        // The name is followed by a zero.
        let start = name_length.saturating_add(1);
        let length = usize::from(u16::from_le_bytes([low, high]));
        let value = after.get(start..start.saturating_add(length)).ok_or("a value cut short")?;
        found.push(ExtendedAttribute { name: name.to_vec(), value: value.to_vec() });
        if next == 0 {
            break;
        }
        if next < head.len() {
            return Err("an entry that begins within the one before");
        }
        rest = rest.get(next..).unwrap_or_default();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_follow_each_other() {
        let mut bytes = vec![16, 0, 0, 0, 0, 3, 4, 0];
        bytes.extend_from_slice(b"ABC\0wxyz");
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 1, 1, 0, b'D', 0, 9, 0]);
        let found = parse(&bytes).unwrap();
        let expected = [(b"ABC".to_vec(), b"wxyz".to_vec()), (b"D".to_vec(), vec![9])];
        let found: Vec<_> = found.into_iter().map(|each| (each.name, each.value)).collect();
        assert_eq!(found, expected);
        assert!(parse(&bytes[..14]).is_err());
        bytes[0] = 4;
        assert!(parse(&bytes).is_err());
        assert!(parse(&[]).unwrap().is_empty());
    }
}
