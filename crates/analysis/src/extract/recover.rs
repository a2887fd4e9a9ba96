use std::io;

use super::tree::Walk;
use super::{Destination, Extracted, ExtractedSink};
use crate::deleted::{DeletedFile, DeletedFiles, deleted_files};
use crate::finding::GuestPath;
use crate::walk::{Namespace, stream_name};
use crate::{Options, Progress};
use vminspect_filesystem::{FileSystem, Metadata, Stream};
use vminspect_guest::{Guest, GuestVolume, Located};

/// Extracts what is left of deleted regular files, each under the path that it had, or below `$Recovered` where its
/// directory does not exist any more.
///
/// # Errors
/// When the host cannot write, and those of `sink`. What cannot be read of the guest is told to `sink`.
pub fn recover_deleted(
    guest: &Guest,
    options: &Options,
    into: &Destination,
    progress: &dyn Progress,
    sink: ExtractedSink<'_>,
) -> io::Result<()> {
    let mut walk = Walk::new(guest, options, into, sink);
    for (index, volume) in guest.volumes().iter().enumerate() {
        let Some(filesystem) = &volume.filesystem else { continue };
        let namespace = Namespace::of(volume, options);
        let (deleted, problems) = deleted_files(&**filesystem, &namespace, options, progress);
        for (path, error) in problems {
            walk.tell(Extracted::failed(
                GuestPath::new(path, filesystem.name_encoding()),
                error.to_string(),
            ))?;
        }
        for file in &deleted.files {
            let located = Located { volume: index, file: file.file };
            recover(&mut walk, (volume, &**filesystem), located, file, &deleted)?;
        }
    }
    Ok(())
}

fn recover(
    walk: &mut Walk<'_, '_>,
    (volume, filesystem): (&GuestVolume, &dyn FileSystem),
    located: Located,
    file: &DeletedFile,
    all: &DeletedFiles,
) -> io::Result<()> {
    let record = match filesystem.restored(located.file) {
        Ok(record) => record,
        Err(error) => {
            let path = GuestPath::new(file.path.clone(), filesystem.name_encoding());
            let deleted = Some(file.deletion);
            return walk.tell(Extracted { deleted, ..Extracted::failed(path, error.to_string()) });
        }
    };
    let streams = record.streams.iter().map(|stream| {
        let metadata = Metadata { id: stream.id, size: stream.size, ..record.metadata };
        (metadata, Stream::Named(&stream.name), stream_name(&file.path, &stream.name))
    });
    let content = std::iter::once((record.metadata, Stream::Data, file.path.clone()));
    for (metadata, stream, path) in content.chain(streams) {
        let path = GuestPath::new(path, filesystem.name_encoding());
        if !walk.options.filter.takes(&path) {
            continue;
        }
        let names: Vec<&[u8]> =
            path.bytes.split(|byte| *byte == volume.separator).filter(|name| !name.is_empty()).collect();
        let Some((name, parents)) = names.split_last() else { continue };
        let host = walk.parents(parents)?;
        let (name, into) = walk.into.descend(&host)?.create_for(name)?;
        let found = crate::recover(filesystem, &record, stream, &walk.options.algorithms, &into)?;
        let file_name = host.iter().chain([&name]).map(String::as_str).collect::<Vec<_>>().join("/");
        walk.tell(Extracted {
            deleted: Some(file.deletion),
            remains: Some(all.remains(filesystem, &record, stream)),
            digests: found.digests,
            problem: found.problem,
            file: Some(file_name),
            ..Extracted::from_metadata(path, metadata)
        })?;
    }
    Ok(())
}
