//! How much is left of a deleted file.

use std::io::{self, Write};

use vminspect_filesystem::{Remains, Whereabouts};

use crate::{JsonWriter, time};

/// Prints the object `recovery`.
pub(crate) fn json<W: Write>(out: &mut JsonWriter<W>, remains: &Remains) -> io::Result<()> {
    out.key("recovery")?;
    out.begin_object()?;
    out.text_field("state", remains.verdict())?;
    out.number_field("free", remains.free)?;
    out.optional_number_field("shared", remains.shared)?;
    out.number_field("reused", remains.reused)?;
    out.number_field("unknown", remains.unknown)?;
    out.number_field("lost", remains.lost)?;
    out.text_field("from", remains.whereabouts.as_str())?;
    if let Some(copy) = remains.whereabouts.journal() {
        out.number_field("transaction", copy.transaction.into())?;
        out.optional_text_field("committed", copy.committed.map(time::iso).as_deref())?;
        out.key("proven")?;
        out.boolean(copy.proven)?;
    }
    out.end_object()
}

/// The same for a person; nothing where all is as a record says.
pub(crate) fn text(remains: &Remains) -> Option<String> {
    let mut parts = Vec::new();
    let share =
        |bytes: u64, what: &str| (bytes > 0).then(|| format!("{bytes} of {} bytes {what}", remains.size));
    parts.extend(share(remains.reused, "in clusters that others use now"));
    parts.extend(share(remains.shared.unwrap_or(0), "in clusters that another deleted file had later"));
    parts.extend(share(remains.unknown, "in clusters whose use is not known"));
    parts.extend(share(remains.lost, "lost"));
    match remains.whereabouts {
        Whereabouts::Recorded => {}
        Whereabouts::Guessed => parts.push("its place is a guess".to_owned()),
        Whereabouts::Journal(copy) => {
            let doubt = if copy.proven { "" } else { ", which may be another file's" };
            parts.push(format!("from transaction {} of the journal{doubt}", copy.transaction));
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
