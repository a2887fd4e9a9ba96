//! Decimal digits of numbers, without the cost of formatting.

/// Two digits for each number below a hundred.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Appends a number.
pub(crate) fn push(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let (mut start, mut rest) = (digits.len(), number);
    while rest >= 100 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&pair(rest % 100));
        rest /= 100;
    }
    if rest >= 10 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&pair(rest));
    } else {
        start -= 1;
        digits[start] = pair(rest)[1];
    }
    out.extend_from_slice(&digits[start..]);
}

/// The two digits of a number below a hundred.
pub(crate) fn pair(number: u64) -> [u8; 2] {
    usize::try_from(number).ok().and_then(|number| PAIRS.get(number)).copied().unwrap_or(*b"??")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_formatting() {
        let near = (0..20).map(|power| 10_u64.pow(power)).flat_map(|each| [each - 1, each, each + 1]);
        for number in near.chain([u64::MAX, u64::MAX - 1, 0x1234_5678_9abc]).chain(0..2000) {
            let mut out = Vec::new();
            push(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
