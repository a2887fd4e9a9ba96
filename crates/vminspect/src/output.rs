//! Where reports go: standard output, or a file that appears when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use vminspect::{Guest, HostFile};

use crate::failure::Failure;

/// Bytes that are collected before they are written.
const BUFFER: usize = 256 << 10;

/// An output that is being written.
pub(crate) enum Output {
    /// Standard output, or a pipe or device that the user named.
    Stream(BufWriter<Box<dyn Write + Send>>),
    /// A file with a temporary name, which gets its own name at the end.
    File(Replacement),
}

/// A file with a temporary name.
pub(crate) struct Replacement {
    out: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl Output {
    /// Opens `path`, or standard output. None of the files that `guests` read is ever written to.
    pub(crate) fn open(path: Option<&Path>, guests: &[&Guest]) -> Result<Self, Failure> {
        let files = guests.iter().flat_map(|guest| guest.disk().host_files());
        Self::open_beside(path, &files.map(|file| &**file).collect::<Vec<_>>())
    }

    /// Opens `path`, or standard output. None of `evidence` is ever written to.
    pub(crate) fn open_beside(path: Option<&Path>, evidence: &[&HostFile]) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Stream(BufWriter::with_capacity(BUFFER, Box::new(io::stdout()))));
        };
        refuse_evidence(path, evidence)?;
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Failure::new(format!("{} is a directory; name a file", path.display())))
            }
            Ok(metadata) if metadata.file_type().is_block_device() => {
                Err(Failure::new(format!("{} is a block device; name a file", path.display())))
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(|error| Failure::about(path, &error))?;
                Ok(Self::Stream(BufWriter::with_capacity(BUFFER, Box::new(file))))
            }
            _ => Replacement::begin(path).map(Self::File).map_err(|error| Failure::about(path, &error)),
        }
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        match self {
            Self::Stream(_) => Ok(()),
            Self::File(mut file) => file.finish().map_err(|error| Failure::about(&file.path, &error)),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(out) => out.write(bytes),
            Self::File(file) => file.out.write(bytes),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stream(out) => out.write_all(bytes),
            Self::File(file) => file.out.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(out) => out.flush(),
            Self::File(file) => file.out.flush(),
        }
    }
}

impl Replacement {
    fn begin(path: &Path) -> io::Result<Self> {
        // A link to a file stays a link: the file that it names is replaced.
        let path = if path.is_symlink() { path.canonicalize()? } else { path.to_owned() };
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut attempt = 0;
        loop {
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}.{attempt}.part", std::process::id()));
            let temporary = path.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    let out = BufWriter::with_capacity(BUFFER, file);
                    return Ok(Self { out, temporary, path, finished: false });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Fails when `path` is one of the files that are read, by whatever name.
fn refuse_evidence(path: &Path, evidence: &[&HostFile]) -> Result<(), Failure> {
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(());
    };
    let identity = (metadata.dev(), metadata.ino());
    match evidence.iter().find(|file| file.device_and_inode() == identity) {
        Some(file) => Err(Failure::new(format!(
            "{} is evidence ({} is read from it) and is never written to; name another output file",
            path.display(),
            file.path().display()
        ))),
        None => Ok(()),
    }
}

/// Whether standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}
