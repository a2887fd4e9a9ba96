//! What the fuzz targets do, one function a target. Each walks every accessor of its layer over damaged
//! evidence: it must end, and not panic, whatever the input.
//!
//! Most inputs are not a disk but damage to one: see `seed`.

mod event_log;
mod evidence;
mod filesystem;
mod guest;
mod image;
mod ntfs;
mod registry;
mod report;
mod seed;
mod text;
mod usn;
mod volume;

pub use event_log::evtx;
pub use filesystem::{exfat, ext, ext_journal, fat, ntfs};
pub use guest::guest;
pub use image::qcow2;
pub use ntfs::ntfs_decode;
pub use registry::registry;
pub use report::report;
pub use text::guest_text;
pub use usn::usn;
pub use volume::{gpt, mbr};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its program, and of its directory in `corpus/`.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]),
}

/// Every target.
pub static TARGETS: &[Target] = &[
    Target { name: "evtx", run: evtx },
    Target { name: "exfat", run: exfat },
    Target { name: "ext", run: ext },
    Target { name: "ext_journal", run: ext_journal },
    Target { name: "fat", run: fat },
    Target { name: "gpt", run: gpt },
    Target { name: "guest", run: guest },
    Target { name: "guest_text", run: guest_text },
    Target { name: "mbr", run: mbr },
    Target { name: "ntfs", run: ntfs },
    Target { name: "ntfs_decode", run: ntfs_decode },
    Target { name: "qcow2", run: qcow2 },
    Target { name: "registry", run: registry },
    Target { name: "report", run: report },
    Target { name: "usn", run: usn },
];
