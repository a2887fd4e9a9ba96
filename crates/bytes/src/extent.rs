use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::{ByteRange, ReadAt, ReadError};

/// The identity of a host file, interned: two handles on one file have one `StoreId`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct StoreId(NonZeroU32);

/// All that decoded bytes depend on besides the stored ones: algorithm, parameters, key identity, tweak.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct CodecId(NonZeroU32);

/// Gives equal keys equal small numbers for the life of the process.
struct Interner<K>(Mutex<HashMap<K, NonZeroU32>>);

impl<K: Hash + Eq> Interner<K> {
    fn intern(&self, key: K) -> NonZeroU32 {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(map.len()).unwrap_or(u32::MAX - 1).saturating_add(1);
        *map.entry(key).or_insert(NonZeroU32::new(next).unwrap_or(NonZeroU32::MAX))
    }
}

static STORES: LazyLock<Interner<Vec<u8>>> = LazyLock::new(|| Interner(Mutex::default()));
static CODECS: LazyLock<Interner<String>> = LazyLock::new(|| Interner(Mutex::default()));

impl StoreId {
    /// The id of the store that `identity` stands for. Two stores must never share an identity.
    #[must_use]
    pub fn intern(identity: &[u8]) -> Self {
        Self(STORES.intern(identity.to_vec()))
    }
}

impl CodecId {
    /// The id of a decoding, from a text that names everything it depends on, such as `qcow2-deflate-65536`.
    #[must_use]
    pub fn intern(parameters: &str) -> Self {
        Self(CODECS.intern(parameters.to_owned()))
    }
}

/// Where bytes come from. Equal origins, other than [`Origin::Unknown`], mean equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// Plain bytes of a host file, from `offset`.
    Stored {
        /// The host file.
        store: StoreId,
        /// Byte offset in it.
        offset: u64,
    },
    /// Bytes decoded from `length` stored bytes at `offset`, beginning `skip` bytes into the decoded unit.
    Encoded {
        /// The host file.
        store: StoreId,
        /// Byte offset of the encoded unit.
        offset: u64,
        /// Bytes of the encoded unit.
        length: u64,
        /// Position of the first byte within the decoded unit.
        skip: u64,
        /// How it is encoded.
        codec: CodecId,
    },
    /// Zeros that no host file stores.
    Zero,
    /// The layer cannot say: the bytes have to be read.
    Unknown,
}

impl Origin {
    /// The origin of the bytes `by` positions further on in the same extent.
    #[must_use]
    pub fn advanced(self, by: u64) -> Self {
        match self {
            Self::Stored { store, offset } => match offset.checked_add(by) {
                Some(offset) => Self::Stored { store, offset },
                None => Self::Unknown,
            },
            Self::Encoded { store, offset, length, skip, codec } => match skip.checked_add(by) {
                Some(skip) => Self::Encoded { store, offset, length, skip, codec },
                None => Self::Unknown,
            },
            Self::Zero => Self::Zero,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Whether both origins prove that the bytes are equal.
    #[must_use]
    pub fn proves_equal(self, other: Self) -> bool {
        self == other && self != Self::Unknown
    }
}

/// A range of some [`ReadAt`] and where its bytes come from.
///
/// Extents are not canonical: a layer may return two where one would do. Compare them by stepping the
/// shorter of two, never by equality of their sequences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// The range, in the positions of the `ReadAt` that was asked.
    pub range: ByteRange,
    /// Where its first byte comes from; the others follow from there.
    pub origin: Origin,
}

impl Extent {
    /// The part of the extent from `position` on.
    #[must_use]
    pub fn from(self, position: u64) -> Self {
        let skipped = position.saturating_sub(self.range.start());
        let start = self.range.start().saturating_add(skipped);
        Self { range: ByteRange::new(start, self.range.end()), origin: self.origin.advanced(skipped) }
    }

    /// The first `length` bytes of the extent.
    #[must_use]
    pub fn truncate(self, length: u64) -> Self {
        Self { range: self.range.truncate(length), origin: self.origin }
    }
}

/// The extents of a range, in order. After an error the iterator ends.
pub struct Extents<'a, R: ?Sized> {
    source: &'a R,
    rest: ByteRange,
}

impl<'a, R: ReadAt + ?Sized> Extents<'a, R> {
    pub(crate) fn new(source: &'a R, range: ByteRange) -> Self {
        Self { source, rest: range }
    }
}

impl<R: ReadAt + ?Sized> Iterator for Extents<'_, R> {
    type Item = Result<Extent, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match self.source.extent_at(self.rest) {
            Ok(extent) => {
                let end = extent.range.end().min(self.rest.end());
                // A layer that returns an empty prefix would loop for ever: treat the rest as unknown.
                let extent = if end <= self.rest.start() {
                    Extent { range: self.rest, origin: Origin::Unknown }
                } else {
                    Extent { range: ByteRange::new(self.rest.start(), end), origin: extent.origin }
                };
                self.rest = ByteRange::new(extent.range.end(), self.rest.end());
                Some(Ok(extent))
            }
            Err(error) => {
                self.rest = ByteRange::new(self.rest.end(), self.rest.end());
                Some(Err(error))
            }
        }
    }
}
