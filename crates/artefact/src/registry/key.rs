use vminspect_bytes::{ReadError, Timestamp, decode_wtf8, push_wtf8, utf16le_units};

use super::cell::{Cell, CellOffset, Flaw};
use super::hive::Hive;
use super::layout::{KEY_COMP_NAME, KEY_NODE, KEY_PREDEF_HANDLE, KEY_SYM_LINK, RawKeyNode};
use super::name::Name;
use super::subkeys::{Subkeys, list_cells};
use super::value::{Value, Values};

/// A key of a hive.
#[derive(Clone, Copy, Debug)]
pub struct Key<'h> {
    hive: &'h Hive,
    offset: CellOffset,
    node: &'h RawKeyNode,
    name: Name<'h>,
    flaw: Option<Flaw>,
}

/// Names of key flags, by their bits.
const FLAGS: &[(u16, &str)] = &[
    (0x0001, "volatile"),
    (0x0002, "mount_point"),
    (0x0004, "root"),
    (0x0008, "no_delete"),
    (0x0010, "symbolic_link"),
    (0x0040, "predefined_handle"),
    (0x0080, "virtual_source"),
    (0x0100, "virtual_target"),
    (0x0200, "virtual_store"),
];

/// How a key takes part in a layered key (Windows 10 and later, in containers).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// It is merged with those above it.
    Merged,
    /// It hides those above it, as if it were deleted.
    Tombstone,
    /// It hides those above it.
    SupersedeLocal,
    /// It and its subkeys hide those above them.
    SupersedeTree,
}

impl<'h> Key<'h> {
    /// Reads the key node in `cell`.
    #[inline]
    pub(super) fn of_cell(hive: &'h Hive, cell: Cell<'h>) -> Result<Self, ReadError> {
        let (node, name, flaw) = cell.named(KEY_NODE, "key node", |node: &RawKeyNode| node.name_length)?;
        let compressed = node.flags.get() & KEY_COMP_NAME != 0 && !hive.is_version_1_1();
        Ok(Self { hive, offset: cell.offset, node, name: Name::new(name, compressed), flaw })
    }

    /// The hive it is in.
    #[must_use]
    pub fn hive(&self) -> &'h Hive {
        self.hive
    }

    /// Its cell.
    #[must_use]
    pub fn offset(&self) -> CellOffset {
        self.offset
    }

    /// Its name. That of a hive's root is not the name under which Windows shows it.
    #[must_use]
    pub fn name(&self) -> Name<'h> {
        self.name
    }

    /// When the key, its values or its list of subkeys last changed, in UTC.
    #[must_use]
    pub fn last_written(&self) -> Timestamp {
        Timestamp::from_filetime(self.node.last_written.get())
    }

    /// [`Key::last_written`] in ticks of 100 ns since 1601, as stored.
    #[must_use]
    pub fn last_written_ticks(&self) -> u64 {
        self.node.last_written.get()
    }

    /// Its flags, as stored.
    #[must_use]
    pub fn flags(&self) -> u16 {
        self.node.flags.get()
    }

    /// Names of its flags; bits without a name are left out. Whether its name is stored compressed is not told.
    #[must_use]
    pub fn flag_names(&self) -> Vec<&'static str> {
        let flags = self.flags();
        FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
    }

    /// Whether it is a link to the key that its value `SymbolicLinkValue` names.
    #[must_use]
    pub fn is_symbolic_link(&self) -> bool {
        self.flags() & KEY_SYM_LINK != 0
    }

    /// Whether Windows 8 and later opened the key since it last cleared its traces of access: 1 before the
    /// registry was set up while booting, 2 after. Nothing is known where both bits are clear.
    #[must_use]
    pub fn access_bits(&self) -> u8 {
        if self.hive.is_version_1_1() { 0 } else { self.node.access_bits }
    }

    /// How it takes part in a layered key. `None` where the hive does not have such keys.
    #[must_use]
    pub fn layer(&self) -> Option<Layer> {
        if !self.hive.may_have_layers() {
            return None;
        }
        Some(match self.node.layer & 3 {
            0 => Layer::Merged,
            1 => Layer::Tombstone,
            2 => Layer::SupersedeLocal,
            _ => Layer::SupersedeTree,
        })
    }

    /// Cell of the key above it. Of a hive's root, this says nothing.
    #[must_use]
    pub fn parent(&self) -> Option<CellOffset> {
        CellOffset::new(self.node.parent.get())
    }

    /// Subkeys, as the key counts them.
    #[must_use]
    pub fn subkey_count(&self) -> u32 {
        self.node.subkey_count.get()
    }

    /// Its subkeys in the order of their lists, which is that of their names.
    #[must_use]
    pub fn subkeys(&self) -> Subkeys<'h> {
        Subkeys::new(self.hive, self.offset, self.node.subkey_count.get(), self.node.subkeys.get())
    }

    /// Values, as the key counts them.
    #[must_use]
    pub fn value_count(&self) -> u32 {
        if self.flags() & KEY_PREDEF_HANDLE == 0 { self.node.value_count.get() } else { 0 }
    }

    /// Its values, in stored order.
    #[must_use]
    pub fn values(&self) -> Values<'h> {
        Values::new(self.hive, self.offset, self.value_count(), self.node.values.get())
    }

    /// The cell of its list of values, and the bytes in use. `None` where it has no values.
    #[must_use]
    pub fn values_cell(&self) -> Option<(CellOffset, usize)> {
        let count = usize::try_from(self.value_count()).unwrap_or(usize::MAX);
        let list = CellOffset::new(self.node.values.get()).filter(|_| count > 0)?;
        Some((list, self.hive.cells().header.saturating_add(count.saturating_mul(4))))
    }

    /// The cells of its lists of subkeys, each with the bytes in use.
    pub(super) fn list_cells(&self) -> Vec<(CellOffset, usize)> {
        let first = CellOffset::new(self.node.subkeys.get()).filter(|_| self.subkey_count() > 0);
        first.map_or(Vec::new(), |first| list_cells(self.hive, first))
    }

    pub(super) fn security_cell(&self) -> Option<CellOffset> {
        CellOffset::new(self.node.security.get())
    }

    pub(super) fn class_cell(&self) -> Option<(CellOffset, usize)> {
        let length = usize::from(self.node.class_length.get());
        CellOffset::new(self.node.class.get()).filter(|_| length > 0).map(|offset| (offset, length))
    }

    pub(super) fn node_bytes(&self) -> usize {
        size_of::<RawKeyNode>().saturating_add(usize::from(self.node.name_length.get()))
    }

    /// The subkey of this name; case does not count. Bad entries of the lists are passed over.
    #[must_use]
    pub fn subkey(&self, name: &str) -> Option<Key<'h>> {
        self.subkeys().flatten().find(|key| key.name().is(name))
    }

    /// The key at a path of names with `\` between them. Case does not count.
    #[must_use]
    pub fn descend(&self, path: &str) -> Option<Key<'h>> {
        let mut names = path.split('\\').filter(|name| !name.is_empty());
        names.try_fold(*self, |key, name| key.subkey(name))
    }

    /// The value of this name; case does not count, and `""` is the default value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value<'h>> {
        self.values().flatten().find(|value| value.name().is(name))
    }

    /// Its class name, as WTF-8: text that programs may attach to a key.
    ///
    /// # Errors
    /// When it cannot be read whole.
    pub fn class(&self) -> Result<Option<Vec<u8>>, ReadError> {
        let Some((offset, length)) = self.class_cell() else { return Ok(None) };
        let cell = self.hive.cells().at(offset, "class name")?;
        let bytes = cell.data.get(..length).ok_or_else(|| {
            ReadError::corrupt("class name")
                .at(offset.in_file())
                .expected(format!("{length} bytes"))
                .found(format!("a cell of {}", cell.data.len()))
        })?;
        let mut class = Vec::with_capacity(length);
        push_wtf8(utf16le_units(bytes), &mut class);
        Ok(Some(class))
    }

    /// [`Key::class`] as text.
    ///
    /// # Errors
    /// As there.
    pub fn class_text(&self) -> Result<Option<String>, ReadError> {
        Ok(self.class()?.map(|class| decode_wtf8(&class).0))
    }

    /// What is wrong with it, although it could be read.
    #[must_use]
    pub fn problem(&self) -> Option<ReadError> {
        let found = match self.flaw? {
            Flaw::Free => "a cell that is marked as free, though a list names it",
            Flaw::Cut => "a cell that ends before the key does",
        };
        Some(ReadError::corrupt("key node").at(self.offset.in_file()).found(found))
    }
}
