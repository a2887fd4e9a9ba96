//! Who may do what in Windows: security identifiers and descriptors, of files as of registry keys.
//!
//! Format: [MS-DTYP] 2.4 (structures) and 2.5.1 (the security descriptor definition language, as which they
//! are shown).

mod descriptor;
mod layout;
mod sid;

pub use descriptor::{ObjectKind, SecurityDescriptor};
pub use sid::Sid;
