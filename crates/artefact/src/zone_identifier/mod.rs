//! `Zone.Identifier`: the named stream by which Windows marks a file that came from elsewhere.
//!
//! An INI file with one section, `[ZoneTransfer]`, whose keys and names are in any case. Programs write it in
//! UTF-8, in the code page of the system, or in UTF-16 with a byte order mark. The zones:
//! [URLZONE](https://learn.microsoft.com/en-us/previous-versions/windows/internet-explorer/ie-developer/platform-apis/ms537175(v=vs.85)).

#[cfg(test)]
mod tests;

use vminspect_bytes::{ReadError, decode_utf16le, utf16le_units};

use crate::lines::lines;

/// Name of the stream.
pub const NAME: &[u8] = b"Zone.Identifier";

/// Largest stream that is read. Real ones have some hundred bytes.
pub const LARGEST: u64 = 64 << 10;

/// Where a file came from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ZoneIdentifier {
    /// The zone: 0 this machine, 1 intranet, 2 trusted sites, 3 internet, 4 restricted sites.
    pub zone_id: Option<u32>,
    /// The page or archive that led to the file.
    pub referrer_url: Option<String>,
    /// Where it was downloaded from.
    pub host_url: Option<String>,
}

impl ZoneIdentifier {
    /// Reads the content of a stream. Lines that are not known are passed over.
    ///
    /// # Errors
    /// When it has no section `[ZoneTransfer]`.
    pub fn parse(stream: &[u8]) -> Result<Self, ReadError> {
        let text = decode(stream);
        let (mut found, mut inside, mut any) = (Self::default(), false, false);
        for line in lines(text.as_bytes()) {
            let line = String::from_utf8_lossy(line.bytes.trim_ascii());
            if line.starts_with('[') {
                inside = line.eq_ignore_ascii_case("[ZoneTransfer]");
                any |= inside;
            } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
                found.set(key.trim(), value.trim());
            }
        }
        let missing = || ReadError::corrupt("Zone.Identifier").expected("a section [ZoneTransfer]");
        if any { Ok(found) } else { Err(missing()) }
    }

    fn set(&mut self, key: &str, value: &str) {
        let text = || (!value.is_empty()).then(|| value.to_owned());
        match key.to_ascii_lowercase().as_str() {
            "zoneid" => self.zone_id = value.parse().ok(),
            "referrerurl" => self.referrer_url = text(),
            "hosturl" => self.host_url = text(),
            _ => {}
        }
    }

    /// Name of the zone: `internet`.
    #[must_use]
    pub fn zone_name(&self) -> Option<&'static str> {
        match self.zone_id? {
            0 => Some("local machine"),
            1 => Some("intranet"),
            2 => Some("trusted sites"),
            3 => Some("internet"),
            4 => Some("restricted sites"),
            _ => None,
        }
    }
}

/// The text, by its byte order mark. Without one it is UTF-8, or a code page, of which ASCII is kept.
fn decode(stream: &[u8]) -> String {
    match stream {
        [0xff, 0xfe, rest @ ..] => decode_utf16le(rest).0,
        [0xfe, 0xff, rest @ ..] => {
            let units: Vec<u16> = utf16le_units(rest).map(u16::swap_bytes).collect();
            String::from_utf16_lossy(&units)
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // No sound text has a NUL, and every ASCII character in UTF-16 has one.
        [b'[', 0, ..] => decode_utf16le(stream).0,
        _ => String::from_utf8_lossy(stream).into_owned(),
    }
}
