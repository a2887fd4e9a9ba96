use vminspect_artefact::evtx::{Form, Record};

/// Seconds from 1601-01-01 to 1970-01-01.
const EPOCH: i64 = 11_644_473_600;

/// The record with the time at which it was created, where its header has none: programs that export a part of a log
/// leave that of the last record empty. `text` is its content.
pub(super) fn dated(record: &Record, text: &str, form: Form) -> Record {
    if record.written != 0 {
        return *record;
    }
    let before = match form {
        Form::Xml => " SystemTime=\"",
        Form::Json => "\"SystemTime\":\"",
    };
    let time = text.split_once(before).and_then(|(_, rest)| filetime(rest.split('"').next()?));
    Record { written: time.unwrap_or(0), ..*record }
}

/// FILETIME of a time such as `2019-08-04T07:26:36.2397232Z`.
fn filetime(text: &str) -> Option<u64> {
    let shape = text.char_indices().all(|(at, character)| match at {
        4 | 7 => character == '-',
        10 => character == 'T',
        13 | 16 => character == ':',
        19 => character == '.',
        27 => character == 'Z',
        _ => character.is_ascii_digit(),
    });
    if !shape || text.len() != 28 {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if year < 1601 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that a leap day is the last of its year; 400 of them repeat.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = shifted % 400;
    let days = shifted / 400 * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    let seconds = days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    u64::try_from((seconds + EPOCH) * 10_000_000 + number(20..27)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_content_stand_in() {
        let record = Record { offset: 512, size: 100, id: 1, written: 0, recovered: false };
        let written = |text: String, form| dated(&record, &text, form).written;
        let expected = 132_093_843_962_397_232;
        let time = "2019-08-04T07:26:36.2397232Z";
        assert_eq!(written(format!("<TimeCreated SystemTime=\"{time}\"/>"), Form::Xml), expected);
        assert_eq!(written(format!("{{\"SystemTime\":\"{time}\"}}"), Form::Json), expected);
        assert_eq!(filetime("1601-01-01T00:00:00.0000000Z"), Some(0));
        assert_eq!(filetime("1970-01-01T00:00:00.0000001Z"), Some(116_444_736_000_000_001));
        assert_eq!(filetime("2000-03-01T00:00:00.0000000Z"), Some(125_963_424_000_000_000));
        for wrong in ["", "2019-08-04", "2019-13-04T07:26:36.2397232Z", "2019-08-04 07:26:36.2397232Z"] {
            assert_eq!(filetime(wrong), None, "{wrong}");
        }
        let sound = Record { written: 5, ..record };
        assert_eq!(dated(&sound, &format!(" SystemTime=\"{time}\""), Form::Xml), sound);
    }
}
