use vminspect_bytes::ReadError;

use super::hive::Hive;
use super::key::Key;
use super::layout::{KEY_SECURITY, RawKeySecurity};

impl<'h> Key<'h> {
    /// Its security descriptor as stored. Keys share descriptors: equal cells are equal descriptors.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn security_descriptor(&self) -> Result<Option<&'h [u8]>, ReadError> {
        let Some(offset) = self.security_cell() else { return Ok(None) };
        let hive: &'h Hive = self.hive();
        let cell = hive.cells().at(offset, "key security")?;
        let (raw, rest) = cell.record::<RawKeySecurity>("key security")?;
        let error = || ReadError::corrupt("key security").at(offset.in_file());
        if raw.signature != KEY_SECURITY {
            return Err(error().expected("sk").found(raw.signature.escape_ascii().to_string()));
        }
        let size = raw.descriptor_size.get();
        let held = usize::try_from(size).ok().and_then(|size| rest.get(..size));
        held.map(Some).ok_or_else(|| {
            error().expected(format!("a descriptor of {size} bytes")).found(format!("{}", rest.len()))
        })
    }
}
