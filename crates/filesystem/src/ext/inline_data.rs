//! Content inside the inode: 60 bytes in `i_block`, the rest as the attribute `system.data`.

use vminspect_bytes::ReadError;

use super::inode::Inode;
use super::superblock::Superblock;
use super::xattr::{Attributes, Value};
use crate::FileKind;

/// The content, and what is wrong with it.
pub(super) fn content(inode: &Inode<'_>, superblock: &Superblock) -> (Box<[u8]>, Option<ReadError>) {
    let size = usize::try_from(inode.size(superblock)).unwrap_or(usize::MAX);
    let mut bytes = inode.raw.i_block.to_vec();
    let more = Attributes::in_inode(inode).and_then(|attributes| {
        attributes.iter().filter_map(Result::ok).find(super::xattr::Attribute::is_inline_data)
    });
    let mut whole = false;
    if let Some(Value::Here(value)) = more.map(|attribute| attribute.value) {
        bytes.extend_from_slice(value);
        // Some kernels let a file grow by its size alone: what follows is a hole.
        whole = inode.kind() == FileKind::Regular;
    }
    let available = bytes.len();
    bytes.truncate(size);
    let problem = (size > available && !whole).then(|| {
        ReadError::corrupt(format!("inline data of inode {}", inode.number.get()))
            .at(inode.place.start())
            .expected(format!("{size} bytes"))
            .found(available.to_string())
    });
    (bytes.into_boxed_slice(), problem)
}
