use crate::ReadError;

/// Deepest nesting of [`Reader::sub_reader`]s.
const MOST_DEPTH: u8 = 32;

/// A bounded cursor over bytes from evidence: every read is checked, and an error says where it was.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    base: u64,
    structure: &'static str,
    depth: u8,
}

macro_rules! integers {
    ($($name:ident $type:ident $from:ident $order:literal;)*) => {$(
        #[doc = concat!("The next `", stringify!($type), "`, ", $order, ".")]
        ///
        /// # Errors
        /// When too few bytes are left.
        pub fn $name(&mut self) -> Result<$type, ReadError> {
            self.array().map($type::$from)
        }
    )*};
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which hold `structure` and begin at byte `base` of whatever they were read from.
    #[must_use]
    pub fn new(bytes: &'a [u8], structure: &'static str, base: u64) -> Self {
        Self { bytes, position: 0, base, structure, depth: 0 }
    }

    /// Byte offset of the next byte, in the space that `base` is of.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.base.saturating_add(self.position as u64)
    }

    /// Bytes left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.remaining() == 0
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// When too few are left.
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let end = self.position.checked_add(length);
        match end.and_then(|end| self.bytes.get(self.position..end)) {
            Some(bytes) => {
                self.position = self.position.saturating_add(length);
                Ok(bytes)
            }
            None => Err(self.too_short(length)),
        }
    }

    /// All bytes that are left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        self.position = self.bytes.len();
        rest
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// When too few are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let too_short = self.too_short(N);
        self.bytes(N)?.try_into().map_err(|_| too_short)
    }

    /// Passes over `length` bytes.
    ///
    /// # Errors
    /// When too few are left.
    pub fn skip(&mut self, length: usize) -> Result<(), ReadError> {
        self.bytes(length).map(drop)
    }

    /// A reader of the next `length` bytes, for a structure inside this one.
    ///
    /// # Errors
    /// When too few are left, or structures nest too deeply.
    pub fn sub_reader(&mut self, length: usize, structure: &'static str) -> Result<Reader<'a>, ReadError> {
        let base = self.offset();
        let depth = self.depth.saturating_add(1);
        if depth > MOST_DEPTH {
            return Err(ReadError::corrupt(structure).at(base).found("structures nested too deeply"));
        }
        let bytes = self.bytes(length)?;
        Ok(Reader { bytes, position: 0, base, structure, depth })
    }

    fn too_short(&self, length: usize) -> ReadError {
        ReadError::corrupt(self.structure)
            .at(self.offset())
            .expected(format!("{length} bytes"))
            .found(format!("{} bytes", self.remaining()))
    }

    integers! {
        u8 u8 from_le_bytes "one byte";
        u16_le u16 from_le_bytes "little-endian";
        u32_le u32 from_le_bytes "little-endian";
        u64_le u64 from_le_bytes "little-endian";
        u16_be u16 from_be_bytes "big-endian";
        u32_be u32 from_be_bytes "big-endian";
        u64_be u64 from_be_bytes "big-endian";
    }
}
