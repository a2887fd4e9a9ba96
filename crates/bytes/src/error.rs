use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whose limit an error is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// The host could not deliver the bytes.
    Io,
    /// Our limit: the evidence may be sound, this version cannot read it (or not without a key).
    Unsupported,
    /// Their disk: the evidence contradicts its own format.
    Corrupt,
}

impl Family {
    /// `io`, `unsupported` or `corrupt`, as reports spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Unsupported => "unsupported",
            Self::Corrupt => "corrupt",
        }
    }
}

/// Why bytes could not be read: the structure, its byte offset, what was expected and what was there.
///
/// Every layer's error type wraps this one, since a read at the top may meet a corrupt table at the bottom.
#[derive(Clone)]
pub struct ReadError(Box<Detail>);

#[derive(Clone)]
struct Detail {
    family: Family,
    structure: Cow<'static, str>,
    file: Option<Arc<Path>>,
    offset: Option<u64>,
    expected: Option<Cow<'static, str>>,
    found: Option<Cow<'static, str>>,
    advice: Option<Cow<'static, str>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ReadError {
    fn new(family: Family, structure: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Detail {
            family,
            structure: structure.into(),
            file: None,
            offset: None,
            expected: None,
            found: None,
            advice: None,
            source: None,
        }))
    }

    /// The host failed to deliver `structure`.
    #[must_use]
    pub fn io(structure: impl Into<Cow<'static, str>>, source: std::io::Error) -> Self {
        let mut error = Self::new(Family::Io, structure);
        error.0.source = Some(Arc::new(source));
        error
    }

    /// `structure` is sound as far as we know, but this version cannot read it.
    #[must_use]
    pub fn unsupported(structure: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Family::Unsupported, structure)
    }

    /// `structure` contradicts its format.
    #[must_use]
    pub fn corrupt(structure: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Family::Corrupt, structure)
    }

    /// A read of `length` bytes at `offset` of something that holds `available` bytes.
    #[must_use]
    pub fn past_end(
        structure: impl Into<Cow<'static, str>>,
        offset: u64,
        length: u64,
        available: u64,
    ) -> Self {
        Self::corrupt(structure)
            .at(offset)
            .expected(format!("{length} bytes"))
            .found(format!("an end at byte {available}"))
    }

    /// Adds the byte offset of the structure, within whatever the structure's layer reads from.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Adds what the format asks for.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<Cow<'static, str>>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// Adds what was there.
    #[must_use]
    pub fn found(mut self, found: impl Into<Cow<'static, str>>) -> Self {
        self.0.found = Some(found.into());
        self
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Names the structure more closely than its parser could, which does not know whose it is.
    #[must_use]
    pub fn in_structure(mut self, structure: impl Into<Cow<'static, str>>) -> Self {
        self.0.structure = structure.into();
        self
    }

    /// Names the host file, unless one is named already (the innermost is the right one).
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        if self.0.file.is_none() {
            self.0.file = Some(Arc::from(file));
        }
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Whose limit this is.
    #[must_use]
    pub fn family(&self) -> Family {
        self.0.family
    }

    /// The structure that could not be read, in the format's own words.
    #[must_use]
    pub fn structure(&self) -> &str {
        &self.0.structure
    }

    /// Byte offset of the structure, where known.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// What the format asks for.
    #[must_use]
    pub fn expectation(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// What was there instead.
    #[must_use]
    pub fn actual(&self) -> Option<&str> {
        self.0.found.as_deref()
    }

    /// The host file, where known.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        self.0.file.as_deref().map(Path::to_path_buf)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &*self.0;
        if let Some(file) = &detail.file {
            write!(f, "{}: ", file.display())?;
        }
        match detail.family {
            Family::Io => write!(f, "cannot read {}", detail.structure)?,
            Family::Unsupported => write!(f, "unsupported {}", detail.structure)?,
            Family::Corrupt => write!(f, "damaged {}", detail.structure)?,
        }
        if let Some(offset) = detail.offset {
            write!(f, " at byte {offset}")?;
        }
        match (&detail.expected, &detail.found) {
            (Some(expected), Some(found)) => write!(f, ": expected {expected}, found {found}")?,
            (Some(expected), None) => write!(f, ": expected {expected}")?,
            (None, Some(found)) => write!(f, ": {found}")?,
            (None, None) => {}
        }
        if let Some(source) = &detail.source {
            write!(f, ": {source}")?;
        }
        if let Some(advice) = &detail.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.family)
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
