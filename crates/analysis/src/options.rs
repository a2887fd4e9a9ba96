use crate::digest::Algorithm;
use crate::filter::PathFilter;

/// What a listing or comparison should do. The default is complete: every byte is proven equal or read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hashes to compute.
    pub algorithms: Vec<Algorithm>,
    /// Which paths to look at.
    pub filter: PathFilter,
    /// Whether to say what the content of files is.
    pub identify: bool,
    /// Whether to list named streams of files. A comparison always tells of them.
    pub streams: bool,
    /// Whether to look at the filesystem's own files, such as `$MFT`, where directories name them.
    pub metadata_files: bool,
    /// Whether to list deleted files, too.
    pub deleted: bool,
    /// Whether a change of the access time alone is a change.
    pub access_times: bool,
    /// Memory to stay within, in bytes; above it, tables go to temporary files.
    pub memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            algorithms: vec![Algorithm::Sha1],
            filter: PathFilter::default(),
            identify: false,
            streams: false,
            metadata_files: false,
            deleted: false,
            access_times: false,
            memory: 1 << 30,
        }
    }
}
