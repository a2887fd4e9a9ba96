use vminspect_bytes::{HostFile, ReadError};

use super::bitmap;
use super::header::{Header, text};
use super::layout;
use crate::driver::Opened;

/// Facts of the header, in a fixed order.
pub(super) fn details(header: &Header) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("version", header.version.to_string()),
        ("compression_type", header.compression.name().to_owned()),
        ("extended_l2", header.has(layout::EXTENDED_L2).to_string()),
        ("lazy_refcounts", (header.compatible & layout::LAZY_REFCOUNTS != 0).to_string()),
        ("refcount_bits", refcount_bits(header.refcount_order)),
        ("encryption", "none".to_owned()),
        ("dirty", header.has(layout::DIRTY).to_string()),
        ("corrupt", header.has(layout::CORRUPT).to_string()),
        ("header_length", header.header_length.to_string()),
    ];
    if let Some(name) = &header.extensions.data_file {
        details.push(("data_file", text(name)));
        details.push(("data_file_raw", header.data_file_raw().to_string()));
    }
    let unknown: Vec<String> = header.extensions.unknown.iter().map(|kind| format!("{kind:#x}")).collect();
    if !unknown.is_empty() {
        details.push(("unknown_header_extensions", unknown.join(", ")));
    }
    if let Some(name) = &header.backing_file {
        details.push(("backing_file", text(name)));
    }
    details
}

fn refcount_bits(order: u32) -> String {
    match 1u32.checked_shl(order) {
        Some(bits) if order <= 6 => bits.to_string(),
        _ => format!("refcount_order {order}, above the format's 6"),
    }
}

/// The persistent bitmaps.
pub(super) fn bitmap_lines(
    file: &HostFile,
    header: &Header,
) -> Result<Vec<(&'static str, String)>, ReadError> {
    let Some(directory) = header.extensions.bitmaps else { return Ok(Vec::new()) };
    let consistent = header.autoclear & layout::BITMAPS != 0;
    let lines = bitmap::describe(file, directory, consistent)?;
    Ok(lines.into_iter().map(|line| ("bitmap", line)).collect())
}

/// The format of the parent, and how it is known.
pub(super) fn parent_format(header: &Header, parent: &Opened) -> String {
    match &header.extensions.backing_format {
        Some(format) if !format.is_empty() => text(format),
        _ => format!(
            "not recorded; it looks like {} (a guest could make its raw disk look like another format)",
            parent.info.format
        ),
    }
}
