use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

/// Printed events in a temporary file, until their order is known. In memory are 24 bytes for each.
pub(super) struct Spool {
    file: BufWriter<File>,
    /// Time, place and length of each event.
    events: Vec<(u64, u64, u32)>,
    end: u64,
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, tempfile::tempfile()?);
        Ok(Self { file, events: Vec::new(), end: 0 })
    }

    /// Takes events that were printed one after another; `places` has the time and length of each.
    pub(super) fn add(&mut self, bytes: &[u8], places: &[(u64, usize)]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        for (time, length) in places {
            let length = u32::try_from(*length).map_err(|_| io::ErrorKind::FileTooLarge)?;
            self.events.push((*time, self.end, length));
            self.end += u64::from(length);
        }
        Ok(())
    }

    /// Writes the events in the order of their times; those of one time as they came.
    pub(super) fn write(mut self, separator: &[u8], out: &mut dyn Write) -> io::Result<()> {
        self.file.flush()?;
        self.events.sort_unstable();
        let file = self.file.get_ref();
        let mut buffer = Vec::new();
        for (index, (_, place, length)) in self.events.iter().enumerate() {
            if index > 0 {
                out.write_all(separator)?;
            }
            buffer.resize(usize::try_from(*length).unwrap_or(0), 0);
            file.read_exact_at(&mut buffer, *place)?;
            out.write_all(&buffer)?;
        }
        Ok(())
    }
}
