use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use vminspect_bytes::ReadError;

/// Why compressed bytes could not be decoded. Positions are those in the output, where the damage showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The input ends before the output is full.
    InputEnds,
    /// A structure of the stream holds a value that the format does not have.
    Value {
        /// The structure, in the specification's words.
        structure: &'static str,
        /// What was there.
        found: u32,
    },
    /// The code lengths of a Huffman code describe more or fewer codes than there are.
    CodeLengths {
        /// Which code.
        code: &'static str,
    },
    /// The next bits are no code.
    UndefinedCode {
        /// Which code.
        code: &'static str,
    },
    /// A match begins before the output does.
    Offset {
        /// Where the match was to go.
        position: usize,
        /// How far back it reaches.
        offset: usize,
    },
    /// A match, a block or a chunk ends after the room it has.
    Length {
        /// Where it begins.
        position: usize,
        /// How long it is.
        length: usize,
        /// How much room there is.
        room: usize,
    },
}

impl DecodeError {
    /// The damage as an error of `structure`, for example "compression unit".
    #[must_use]
    pub fn within(self, structure: impl Into<Cow<'static, str>>) -> ReadError {
        ReadError::corrupt(structure).expected(self.expected()).found(self.found())
    }

    fn expected(self) -> Cow<'static, str> {
        match self {
            Self::InputEnds => "more compressed bytes".into(),
            Self::Value { structure, .. } => format!("a known {structure}").into(),
            Self::CodeLengths { code } => format!("lengths of a complete {code} code").into(),
            Self::UndefinedCode { code } => format!("a {code} code").into(),
            Self::Offset { position, .. } => format!("an offset of 1 to {position}").into(),
            Self::Length { position, room, .. } => format!("at most {room} bytes at {position}").into(),
        }
    }

    fn found(self) -> Cow<'static, str> {
        match self {
            Self::InputEnds => "their end".into(),
            Self::Value { found, .. } => format!("{found:#x}").into(),
            Self::CodeLengths { .. } => "others".into(),
            Self::UndefinedCode { .. } => "bits that are none".into(),
            Self::Offset { offset, .. } => offset.to_string().into(),
            Self::Length { length, .. } => length.to_string().into(),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected(), self.found())
    }
}

impl Error for DecodeError {}
