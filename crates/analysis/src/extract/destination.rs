use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::name::{another, host_name};
use crate::digest::{Algorithm, Digests, Hasher};

/// How many names are tried for a file whose name is taken.
const MOST_ATTEMPTS: u32 = 10_000;

/// A directory of the host that files are created in. It is held open, and everything in it is named relative
/// to it, without following links: who renames or replaces a directory meanwhile leads nothing astray.
#[derive(Debug)]
pub struct Destination {
    directory: OwnedFd,
}

impl Destination {
    /// Opens a directory that the user named, and makes it first if need be.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { directory: rustix::fs::open(path, flags, Mode::empty())? })
    }

    /// Opens a directory in this one by its name on the host, and makes it if need be.
    ///
    /// # Errors
    /// When it cannot be made or opened, or the name stands for a link or a file.
    pub fn subdirectory(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.directory, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { directory: rustix::fs::openat(&self.directory, name, flags, Mode::empty())? })
    }

    /// The directory that `components` lead to, each by its name on the host.
    ///
    /// # Errors
    /// As [`Destination::subdirectory`].
    pub fn descend(&self, components: &[String]) -> io::Result<Self> {
        let start = Self { directory: self.directory.try_clone()? };
        components.iter().try_fold(start, |directory, name| directory.subdirectory(name))
    }

    /// Creates a file by its name on the host.
    ///
    /// # Errors
    /// When anything has that name already, or the host refuses.
    pub fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.directory, name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// Creates a file for a name of the guest, under the name that it returns: another one where that is
    /// taken.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn create_for(&self, guest_name: &[u8]) -> io::Result<(String, File)> {
        self.attempt(guest_name, |name| self.create(name))
    }

    /// Makes a directory for a name of the guest, or takes one that is there, and returns its name.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn subdirectory_for(&self, guest_name: &[u8]) -> io::Result<String> {
        let made = self.attempt(guest_name, |name| match self.subdirectory(name) {
            // A file or a link has the name.
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOTDIR | Errno::LOOP)) => {
                Err(Errno::EXIST.into())
            }
            other => other,
        })?;
        Ok(made.0)
    }

    fn attempt<T>(&self, guest_name: &[u8], make: impl Fn(&str) -> io::Result<T>) -> io::Result<(String, T)> {
        let wanted = host_name(guest_name);
        let mut name = wanted.clone();
        for number in 1..=MOST_ATTEMPTS {
            match make(&name) {
                Ok(made) => return Ok((name, made)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => name = another(&wanted, number),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{wanted} and every name like it is taken")))
    }

    /// Whether a regular file of this name with this content is there.
    ///
    /// # Errors
    /// When something else has the name, or it cannot be read.
    pub fn holds(&self, name: &str, expected: &Digests, algorithms: &[Algorithm]) -> io::Result<bool> {
        match rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error.into()),
            Ok(status) if FileType::from_raw_mode(status.st_mode) == FileType::RegularFile => {}
            Ok(_) => return Err(taken(name)),
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file: File = rustix::fs::openat(&self.directory, name, flags, Mode::empty())?.into();
        let mut hasher = Hasher::new(algorithms);
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                length => hasher.update(&buffer[..length]),
            }
        }
        if hasher.finish() == *expected { Ok(true) } else { Err(taken(name)) }
    }

    /// Removes a file that was created here.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.directory, name, AtFlags::empty())?)
    }
}

fn taken(name: &str) -> io::Error {
    let text = format!("{name} is there already with other content; choose an empty directory");
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}
