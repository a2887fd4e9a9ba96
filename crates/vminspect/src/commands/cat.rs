use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use vminspect::{FileKind, Guest, ReadAt, Stream};

use crate::arguments::Evidence;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Outcome, Session};

/// Bytes that are copied at once.
const STEP: usize = 1 << 20;

/// Writes the content of a file of a guest to standard output.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk: PathBuf,
    /// The file or named stream in the guest, such as /etc/passwd, vol2:/file or C:\file.txt:stream. Symbolic links
    /// are followed inside the guest.
    path: std::ffi::OsString,
    /// Write the content as it is stored, where it is compressed or encrypted.
    #[arg(long)]
    raw: bool,
    /// Write to a file instead. It appears when it is whole.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    evidence: Evidence,
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let guest = session.open(&arguments.disk, &arguments.evidence)?;
    let stream = if arguments.raw { Stream::Stored } else { Stream::Data };
    let content = open(&guest, arguments.path.as_encoded_bytes(), stream)?;
    let mut out = Output::open(arguments.output.as_deref(), &[&guest])?;
    copy(&*content, &mut out)?;
    out.finish()?;
    let unchanged = guest.check_unchanged();
    for problem in unchanged.sorted() {
        session.warn(&vminspect::problem_line(problem));
    }
    Ok(Outcome { incomplete: unchanged.has_failures(), ..Outcome::default() })
}

/// The content of the file at `path`.
pub(crate) fn open(guest: &Guest, path: &[u8], stream: Stream<'_>) -> Result<Arc<dyn ReadAt>, Failure> {
    let located = vminspect::locate_followed(guest, path)?;
    let shown = String::from_utf8_lossy(path);
    let volume = guest.volumes().get(located.volume);
    let filesystem = volume.and_then(|volume| volume.filesystem.as_ref());
    let filesystem =
        filesystem.ok_or_else(|| Failure::new(format!("{shown} is on a volume that cannot be read")))?;
    let fail = |error: vminspect::FileSystemError| Failure::new(format!("{shown}: {error}"));
    let kind = filesystem.metadata(located.file).map_err(fail)?.kind;
    if kind != FileKind::Regular {
        let kind = kind.as_str().replace('_', " ");
        return Err(Failure::new(format!("{shown} is a {kind} and has no content; name a regular file")));
    }
    let record = filesystem.restored(located.file).map_err(fail)?;
    filesystem.open_record(&record, stream).map_err(fail)
}

fn copy(content: &dyn ReadAt, out: &mut Output) -> Result<(), Failure> {
    let mut buffer = vec![0; STEP];
    let mut offset = 0;
    while offset < content.len() {
        let length = usize::try_from(content.len() - offset).map_or(STEP, |rest| rest.min(STEP));
        content
            .read_exact_at(offset, &mut buffer[..length])
            .map_err(|error| Failure::new(error.to_string()))?;
        out.write_all(&buffer[..length])?;
        offset += length as u64;
    }
    Ok(())
}
