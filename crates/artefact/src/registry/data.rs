use std::fmt;

use vminspect_bytes::{decode_utf16le, utf16le_units};

/// The type of a value: what its data are meant to be. Any number may be stored; twelve have names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ValueType(pub u32);

/// Names in the order of their numbers.
const NAMES: [&str; 12] = [
    "REG_NONE",
    "REG_SZ",
    "REG_EXPAND_SZ",
    "REG_BINARY",
    "REG_DWORD",
    "REG_DWORD_BIG_ENDIAN",
    "REG_LINK",
    "REG_MULTI_SZ",
    "REG_RESOURCE_LIST",
    "REG_FULL_RESOURCE_DESCRIPTOR",
    "REG_RESOURCE_REQUIREMENTS_LIST",
    "REG_QWORD",
];

impl ValueType {
    /// Any bytes, without a type.
    pub const NONE: Self = Self(0);
    /// Text.
    pub const SZ: Self = Self(1);
    /// Text with names of environment variables between `%`.
    pub const EXPAND_SZ: Self = Self(2);
    /// Any bytes.
    pub const BINARY: Self = Self(3);
    /// A number of 32 bits.
    pub const DWORD: Self = Self(4);
    /// A number of 32 bits, its highest byte first.
    pub const DWORD_BIG_ENDIAN: Self = Self(5);
    /// The target of a symbolic link.
    pub const LINK: Self = Self(6);
    /// Texts, each with a NUL behind it.
    pub const MULTI_SZ: Self = Self(7);
    /// A number of 64 bits.
    pub const QWORD: Self = Self(11);

    /// `REG_SZ` and so on; `None` for a number without a name.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::try_from(self.0).ok()?).copied()
    }

    /// Whether the data are one text.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::SZ | Self::EXPAND_SZ | Self::LINK)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// The data of a value as its type wants them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decoded<'d> {
    /// Text up to the first NUL. The flag tells whether something other than NULs follows it.
    Text(String, bool),
    /// The texts of a `REG_MULTI_SZ`, empty ones in between too.
    Texts(Vec<String>),
    /// A number of 32 bits.
    Dword(u32),
    /// A number of 64 bits.
    Qword(u64),
    /// Anything else, and what does not fit its type.
    Bytes(&'d [u8]),
}

impl<'d> Decoded<'d> {
    /// Decodes `data`. What is no Unicode, or has not the size that its type asks for, stays bytes.
    #[must_use]
    pub fn of(kind: ValueType, data: &'d [u8]) -> Self {
        let decoded = match kind {
            ValueType::SZ | ValueType::EXPAND_SZ | ValueType::LINK => text(data),
            ValueType::MULTI_SZ => texts(data),
            ValueType::DWORD => data.try_into().ok().map(|bytes| Self::Dword(u32::from_le_bytes(bytes))),
            ValueType::DWORD_BIG_ENDIAN => {
                data.try_into().ok().map(|bytes| Self::Dword(u32::from_be_bytes(bytes)))
            }
            ValueType::QWORD => data.try_into().ok().map(|bytes| Self::Qword(u64::from_le_bytes(bytes))),
            _ => None,
        };
        decoded.unwrap_or(Self::Bytes(data))
    }
}

/// Text up to the first NUL.
fn text<'d>(data: &[u8]) -> Option<Decoded<'d>> {
    if !data.len().is_multiple_of(2) {
        return None;
    }
    let end = utf16le_units(data).position(|unit| unit == 0);
    let (held, rest) = match end {
        Some(end) => data.split_at_checked(end.checked_mul(2)?)?,
        None => (data, &[][..]),
    };
    let (text, exact) = decode_utf16le(held);
    exact.then(|| Decoded::Text(text, rest.iter().any(|byte| *byte != 0)))
}

/// Texts with NULs behind them. One NUL more ends them all.
fn texts<'d>(data: &[u8]) -> Option<Decoded<'d>> {
    let (text, exact) = decode_utf16le(data);
    if !exact {
        return None;
    }
    if text.is_empty() {
        return Some(Decoded::Texts(Vec::new()));
    }
    let all = text.strip_suffix('\0').unwrap_or(&text);
    let all = all.strip_suffix('\0').unwrap_or(all);
    if all.is_empty() {
        return Some(Decoded::Texts(Vec::new()));
    }
    Some(Decoded::Texts(all.split('\0').map(str::to_owned).collect()))
}
