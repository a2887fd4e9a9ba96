use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use vminspect::{
    Destination, Extracted, FileKind, Guest, Options, Problem, Silent, copy, extract_tree, recover_deleted,
    write_manifest_line,
};

use crate::arguments::{AlgorithmName, Choice, CoverageArguments, Evidence, algorithms};
use crate::failure::Failure;
use crate::session::{Outcome, Session, line};

/// Name of the file that takes the memory of a snapshot.
const VM_STATE: &str = "vm-state";

/// Extracts files, directories with all that is in them, or the saved memory of a snapshot.
///
/// Every file is created anew below the directory, under its path in the guest; what a name must not hold on
/// the host is written as % and two hexadecimal digits. Links and device nodes are not made. The manifest
/// extracted.jsonl says what each file was: path, kind, size, owner, mode, times, hashes, link target.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The disk: an image, a block device, or IMAGE#SNAPSHOT.
    disk: PathBuf,
    /// Files and directories in the guest.
    #[arg(required_unless_present_any = ["vm_state", "recover"])]
    paths: Vec<OsString>,
    /// Directory to extract to. It is made if need be.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Extract the memory of the guest that IMAGE#SNAPSHOT saved, as the file vm-state.
    #[arg(long)]
    vm_state: bool,
    /// Extract what is left of deleted files, under their old paths. Others may use their content by now; the
    /// manifest says what is known of that. What was in a directory that does not exist any more is put below
    /// $Recovered.
    #[arg(long)]
    recover: bool,
    #[command(flatten)]
    choice: Choice,
    /// Hashes for the manifest, separated by commas: sha1, sha256, md5, blake3.
    #[arg(long, value_name = "LIST", default_value = "sha1", value_delimiter = ',')]
    algorithm: Vec<AlgorithmName>,
    #[command(flatten)]
    coverage: CoverageArguments,
    #[command(flatten)]
    evidence: Evidence,
}

/// Counts what is written, and writes the manifest.
struct Manifest<'a> {
    out: BufWriter<std::fs::File>,
    image: &'a str,
    files: u64,
    bytes: u64,
    problems: Vec<Problem>,
}

impl Manifest<'_> {
    fn take(&mut self, extracted: &Extracted) -> std::io::Result<()> {
        // That not all of a deleted file is left is no failure to read the disk.
        if let (Some(message), None) = (&extracted.problem, extracted.deleted) {
            let place = extracted.path.bytes.clone();
            self.problems.push(Problem {
                image: self.image.to_owned(),
                place,
                family: "corrupt",
                message: message.clone(),
            });
        }
        if extracted.kind == FileKind::Regular && extracted.file.is_some() {
            self.files += 1;
            self.bytes = self.bytes.saturating_add(extracted.size);
        }
        write_manifest_line(&mut self.out, extracted)
    }
}

pub(crate) fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, Failure> {
    let guest = session.open(&arguments.disk, &arguments.evidence)?;
    let about = |error| Failure::about(&arguments.output, &error);
    let mut coverage = problems_around(&guest, arguments);
    let missing =
        arguments.paths.iter().find_map(|path| vminspect::locate(&guest, path.as_encoded_bytes()).err());
    if let Some(error) = missing
        && arguments.paths.len() == 1
    {
        return Err(error.into());
    }
    let state = vm_state(&guest, arguments)?;
    let into = Destination::open(&arguments.output).map_err(about)?;
    let (name, file) = into.create_for(b"extracted.jsonl").map_err(about)?;
    let mut manifest = Manifest {
        out: BufWriter::new(file),
        image: guest.image(),
        files: 0,
        bytes: 0,
        problems: Vec::new(),
    };
    let options =
        Options { algorithms: algorithms(&arguments.algorithm), ..session.choice(&arguments.choice)? };
    for path in &arguments.paths {
        let path = path.as_encoded_bytes();
        extract_tree(&guest, path, &options, &into, &mut |extracted| manifest.take(&extracted))
            .map_err(about)?;
    }
    if arguments.recover {
        let take = &mut |extracted: Extracted| manifest.take(&extracted);
        recover_deleted(&guest, &options, &into, &Silent, take).map_err(about)?;
    }
    if let Some(state) = state {
        let (name, file) = into.create_for(VM_STATE.as_bytes()).map_err(about)?;
        let copied = copy(&**state, &file, &options.algorithms).map_err(about)?;
        if let Some(problem) = copied.problem {
            coverage.add_read_error(guest.image(), VM_STATE.as_bytes(), &problem);
        }
        line(&format!("vminspect: the guest's memory, {}, is {name}", vminspect::human_size(state.len())));
    }
    manifest.out.flush().map_err(about)?;
    if !session.global.quiet {
        let (files, size) = (manifest.files, vminspect::human_size(manifest.bytes));
        let directory = arguments.output.display();
        line(&format!(
            "vminspect: {files} files, {size}, extracted to {directory}; {name} says what they were"
        ));
    }
    manifest.problems.into_iter().for_each(|problem| coverage.add(problem));
    coverage.extend(guest.check_unchanged());
    session.conclude(&coverage, false, &arguments.coverage, &[&guest])
}

/// What could not be read while the disk was opened, where that may hold some of what a directory has: a
/// volume that is mounted in it.
fn problems_around(guest: &Guest, arguments: &Arguments) -> vminspect::Coverage {
    let is_directory = |path: &OsString| {
        let located = vminspect::locate(guest, path.as_encoded_bytes()).ok();
        located.is_some_and(|located| {
            let volume = guest.volumes().get(located.volume);
            let filesystem = volume.and_then(|volume| volume.filesystem.as_ref());
            let metadata = filesystem.and_then(|filesystem| filesystem.metadata(located.file).ok());
            metadata.is_some_and(|metadata| metadata.kind == FileKind::Directory)
        })
    };
    if arguments.paths.iter().any(is_directory) {
        guest.coverage().clone()
    } else {
        vminspect::Coverage::default()
    }
}

/// The saved memory, when it is asked for.
fn vm_state<'a>(
    guest: &'a Guest,
    arguments: &Arguments,
) -> Result<Option<&'a std::sync::Arc<dyn vminspect::ReadAt>>, Failure> {
    if !arguments.vm_state {
        return Ok(None);
    }
    guest.disk().vm_state().map(Some).ok_or_else(|| {
        Failure::new(format!(
            "{} has no saved memory; name a snapshot that has some, as IMAGE#ID (vminspect info lists them)",
            arguments.disk.display()
        ))
    })
}
