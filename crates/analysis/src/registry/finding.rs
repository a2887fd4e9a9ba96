//! What a comparison of registries finds.

use vminspect_artefact::registry::ValueType;
use vminspect_bytes::Timestamp;
use vminspect_guest::Coverage;

use crate::finding::FieldChange;

/// Path of a key in a registry: names with `\` between them, as WTF-8. Begins with where Windows shows the hive,
/// such as `HKLM\SOFTWARE`, or with the path of its file, where Windows does not show it.
pub type KeyPath = Vec<u8>;

/// A value as one of the two sides has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueFacts {
    /// Its name as WTF-8; empty for the default value.
    pub name: Vec<u8>,
    /// What its data are meant to be.
    pub kind: ValueType,
    /// Its data as stored.
    pub data: Vec<u8>,
}

/// A key that is on one side only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFacts {
    /// Where it is.
    pub path: KeyPath,
    /// When it was last written.
    pub time: Timestamp,
    /// Its class name as WTF-8, if it has one.
    pub class: Option<Vec<u8>>,
    /// Its values, in stored order.
    pub values: Vec<ValueFacts>,
}

/// A value whose type, data, or case of whose name changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueChange {
    /// Before.
    pub before: ValueFacts,
    /// After.
    pub after: ValueFacts,
}

/// A key on both sides of which values changed. One of the three lists has something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedValues {
    /// Where the key is.
    pub path: KeyPath,
    /// When it was last written: of the second side.
    pub time: Timestamp,
    /// Values that only the second side has.
    pub created: Vec<ValueFacts>,
    /// Values that only the first side has.
    pub deleted: Vec<ValueFacts>,
    /// Values that both have, and that differ.
    pub modified: Vec<ValueChange>,
}

/// A key of which something besides its values changed: `name` (its case), `class`, `flags`, and, when that was
/// asked for, `security` (its descriptor, as SDDL) and `last_written`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyChange {
    /// Where the key is.
    pub path: KeyPath,
    /// What changed, sorted by field.
    pub changes: Vec<FieldChange>,
}

/// What changed between two registries. All lists are sorted by path, and values by name.
#[derive(Clone, Debug, Default)]
pub struct RegistryComparison {
    /// Keys that only the second side has.
    pub created_keys: Vec<KeyFacts>,
    /// Keys that only the first side has.
    pub deleted_keys: Vec<KeyFacts>,
    /// Keys of which values changed.
    pub changed_values: Vec<ChangedValues>,
    /// Keys of which something else changed.
    pub changed_keys: Vec<KeyChange>,
    /// What could not be read.
    pub coverage: Coverage,
}

impl RegistryComparison {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created_keys.is_empty()
            && self.deleted_keys.is_empty()
            && self.changed_values.is_empty()
            && self.changed_keys.is_empty()
    }

    /// Takes over what another comparison found.
    pub(super) fn extend(&mut self, other: Self) {
        self.created_keys.extend(other.created_keys);
        self.deleted_keys.extend(other.deleted_keys);
        self.changed_values.extend(other.changed_values);
        self.changed_keys.extend(other.changed_keys);
        self.coverage.extend(other.coverage);
    }

    pub(super) fn sort(&mut self) {
        self.created_keys.sort_by(|x, y| x.path.cmp(&y.path));
        self.deleted_keys.sort_by(|x, y| x.path.cmp(&y.path));
        self.changed_values.sort_by(|x, y| x.path.cmp(&y.path));
        self.changed_keys.sort_by(|x, y| x.path.cmp(&y.path));
    }
}

/// What a comparison of registries looks at besides keys, values, classes and flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RegistryOptions {
    /// Report security descriptors that changed.
    pub security: bool,
    /// Report keys of which only the time changed, and the times of others that changed.
    pub times: bool,
    /// Read the hives as stored, without their logs.
    pub no_logs: bool,
}
