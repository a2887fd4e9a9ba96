use std::fmt;

use md5::Md5;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use smallvec::SmallVec;

/// A hash function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-1: the default, and what most knowledge bases are keyed by.
    Sha1,
    /// SHA-256.
    Sha256,
    /// MD5.
    Md5,
    /// BLAKE3.
    Blake3,
}

impl Algorithm {
    /// Every one, in the order in which reports name them.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Md5, Self::Blake3];

    /// Name on the command line and key in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::Blake3 => "blake3",
        }
    }

    /// Bytes of its result.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Md5 => 16,
        }
    }
}

/// A hash value.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(SmallVec<[u8; 32]>);

impl Digest {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Lower-case hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// The hash values of one file, in the order in which they were asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Digests(SmallVec<[(Algorithm, Digest); 1]>);

impl Digests {
    /// Each algorithm and its value.
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, &Digest)> {
        self.0.iter().map(|(algorithm, digest)| (*algorithm, digest))
    }

    /// The values of `algorithms`, one after another in `bytes`.
    pub(crate) fn from_bytes(algorithms: &[Algorithm], bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut digests = SmallVec::new();
        for algorithm in algorithms {
            let (value, tail) = rest.split_at(algorithm.length().min(rest.len()));
            digests.push((*algorithm, Digest(value.into())));
            rest = tail;
        }
        Self(digests)
    }

    /// Writes the values one after another.
    pub(crate) fn copy_to(&self, bytes: &mut [u8]) {
        let values = self.0.iter().flat_map(|(_, digest)| digest.as_bytes());
        for (slot, value) in bytes.iter_mut().zip(values) {
            *slot = *value;
        }
    }

    /// The value of one algorithm.
    #[must_use]
    pub fn get(&self, algorithm: Algorithm) -> Option<&Digest> {
        self.iter().find(|(each, _)| *each == algorithm).map(|(_, digest)| digest)
    }

    /// The first value, which names extracted files.
    #[must_use]
    pub fn first(&self) -> Option<&Digest> {
        self.0.first().map(|(_, digest)| digest)
    }
}

/// Computes several hashes in one pass.
#[derive(Clone, Debug)]
pub struct Hasher(SmallVec<[State; 1]>);

#[derive(Clone, Debug)]
enum State {
    Sha1(Sha1),
    Sha256(Sha256),
    Md5(Md5),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// Begins.
    #[must_use]
    pub fn new(algorithms: &[Algorithm]) -> Self {
        Self(
            algorithms
                .iter()
                .map(|algorithm| match algorithm {
                    Algorithm::Sha1 => State::Sha1(Sha1::new()),
                    Algorithm::Sha256 => State::Sha256(Sha256::new()),
                    Algorithm::Md5 => State::Md5(Md5::new()),
                    Algorithm::Blake3 => State::Blake3(Box::default()),
                })
                .collect(),
        )
    }

    /// Whether it computes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in more content.
    pub fn update(&mut self, bytes: &[u8]) {
        for state in &mut self.0 {
            match state {
                State::Sha1(hasher) => hasher.update(bytes),
                State::Sha256(hasher) => hasher.update(bytes),
                State::Md5(hasher) => hasher.update(bytes),
                State::Blake3(hasher) => {
                    hasher.update(bytes);
                }
            }
        }
    }

    /// The values.
    #[must_use]
    pub fn finish(self) -> Digests {
        let digests = self.0.into_iter().map(|state| match state {
            State::Sha1(hasher) => (Algorithm::Sha1, Digest(hasher.finalize().as_slice().into())),
            State::Sha256(hasher) => (Algorithm::Sha256, Digest(hasher.finalize().as_slice().into())),
            State::Md5(hasher) => (Algorithm::Md5, Digest(hasher.finalize().as_slice().into())),
            State::Blake3(hasher) => (Algorithm::Blake3, Digest(hasher.finalize().as_bytes()[..].into())),
        });
        Digests(digests.collect())
    }
}
