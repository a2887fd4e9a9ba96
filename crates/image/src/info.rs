use std::path::PathBuf;

/// What an image file says of itself, with its parents.
#[derive(Clone, Debug, Default)]
pub struct ImageInfo {
    /// The host file.
    pub path: PathBuf,
    /// The format, such as `raw` or `qcow2`.
    pub format: &'static str,
    /// Bytes of the virtual disk.
    pub virtual_size: u64,
    /// Bytes of the host file.
    pub file_size: u64,
    /// Bytes in an allocation unit, where the format has one.
    pub cluster_size: Option<u64>,
    /// Other facts, in the format's own words and in a fixed order: `version`, `compression`, `extended_l2` …
    pub details: Vec<(&'static str, String)>,
    /// Internal snapshots.
    pub snapshots: Vec<SnapshotInfo>,
    /// The snapshot that was opened, if not the active state.
    pub snapshot: Option<String>,
    /// External data file.
    pub data_file: Option<PathBuf>,
    /// The parent (backing file).
    pub parent: Option<Box<ImageInfo>>,
}

/// An internal snapshot.
#[derive(Clone, Debug, Default)]
pub struct SnapshotInfo {
    /// Id, as stored (a number in text).
    pub id: String,
    /// Name, as stored.
    pub name: String,
    /// Unix time of the snapshot in seconds.
    pub seconds: u32,
    /// Its nanoseconds.
    pub nanoseconds: u32,
    /// Time the guest had run, in nanoseconds.
    pub guest_clock: u64,
    /// Bytes of the virtual disk in this snapshot.
    pub disk_size: u64,
    /// Bytes of the saved guest memory; 0 when there is none.
    pub vm_state_size: u64,
}
