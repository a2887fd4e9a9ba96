//! What a disk image is: the image and its chain, volumes, filesystems, operating system.

use std::io::{self, Write};

use vminspect_bytes::{Resolution, Timestamp};
use vminspect_guest::{Coverage, Guest, GuestVolume, OperatingSystem, TimeZone, WindowsFacts, WindowsUser};
use vminspect_image::{ImageInfo, SnapshotInfo};

use crate::table::{Colour, Paint, pad, size};
use crate::{JsonWriter, Layout, coverage, escape, path, time};

fn snapshot_time(snapshot: &SnapshotInfo) -> String {
    time::iso(Timestamp::from_unix(snapshot.seconds.into(), snapshot.nanoseconds, Resolution::Nanosecond))
}

/// Where a volume's files stand in the namespace: `/`, `/boot`, `vol2:`.
fn place(volume: &GuestVolume) -> String {
    if volume.prefix.is_empty() {
        "/".to_owned()
    } else {
        String::from_utf8_lossy(&volume.prefix).into_owned()
    }
}

/// Prints one JSON document. `found` is the system as [`Guest::describe_system`] tells it.
///
/// # Errors
/// Those of the output.
pub fn json<W: Write>(
    out: W,
    guest: &Guest,
    found: Option<&OperatingSystem>,
    problems: &Coverage,
) -> io::Result<()> {
    let out = &mut JsonWriter::new(out, Layout::Indented);
    out.begin_object()?;
    out.key("image")?;
    image(out, guest.disk().info())?;
    volumes(out, guest)?;
    out.key("operating_system")?;
    match found {
        Some(found) => system(out, found)?,
        None => out.null()?,
    }
    out.key("coverage")?;
    coverage::write_array(out, problems)?;
    out.end_object()?;
    out.end_line()?;
    out.flush()
}

fn image<W: Write>(out: &mut JsonWriter<W>, info: &ImageInfo) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    out.begin_object()?;
    path::write_bytes(out, "path", info.path.as_os_str().as_bytes())?;
    out.text_field("format", info.format)?;
    out.number_field("virtual_size", info.virtual_size)?;
    out.number_field("file_size", info.file_size)?;
    if let Some(cluster_size) = info.cluster_size {
        out.number_field("cluster_size", cluster_size)?;
    }
    for (key, text) in &info.details {
        out.text_field(key, text)?;
    }
    out.optional_text_field("snapshot", info.snapshot.as_deref())?;
    out.key("snapshots")?;
    out.begin_array()?;
    info.snapshots.iter().try_for_each(|each| snapshot(out, each))?;
    out.end_array()?;
    if let Some(file) = &info.data_file {
        path::write_bytes(out, "data_file", file.as_os_str().as_bytes())?;
    }
    out.key("parent")?;
    match &info.parent {
        Some(parent) => image(out, parent)?,
        None => out.null()?,
    }
    out.end_object()
}

fn snapshot<W: Write>(out: &mut JsonWriter<W>, snapshot: &SnapshotInfo) -> io::Result<()> {
    out.begin_object()?;
    out.text_field("id", &snapshot.id)?;
    out.text_field("name", &snapshot.name)?;
    out.text_field("date", &snapshot_time(snapshot))?;
    out.number_field("guest_clock_nanoseconds", snapshot.guest_clock)?;
    out.number_field("disk_size", snapshot.disk_size)?;
    out.number_field("vm_state_size", snapshot.vm_state_size)?;
    out.end_object()
}

fn volumes<W: Write>(out: &mut JsonWriter<W>, guest: &Guest) -> io::Result<()> {
    let table = guest.table();
    out.key("volume_table")?;
    out.begin_object()?;
    out.text_field("scheme", table.scheme)?;
    out.number_field("sector_size", table.sector_size)?;
    out.optional_text_field("disk_id", table.disk_id.as_deref())?;
    out.end_object()?;
    out.key("volumes")?;
    out.begin_array()?;
    guest.volumes().iter().try_for_each(|each| volume(out, each))?;
    out.end_array()
}

fn strings<W: Write>(out: &mut JsonWriter<W>, key: &str, items: &[String]) -> io::Result<()> {
    out.key(key)?;
    out.begin_array()?;
    items.iter().try_for_each(|item| out.string(item))?;
    out.end_array()
}

fn volume<W: Write>(out: &mut JsonWriter<W>, mounted: &GuestVolume) -> io::Result<()> {
    let volume = &mounted.volume;
    out.begin_object()?;
    out.text_field("name", &format!("vol{}", mounted.position))?;
    out.number_field("number", volume.number.into())?;
    out.number_field("start", volume.range.start())?;
    out.number_field("size", volume.range.len())?;
    out.text_field("type", &volume.kind)?;
    out.optional_text_field("type_name", volume.kind_name)?;
    out.optional_text_field("label", volume.name.as_deref())?;
    out.optional_text_field("uuid", volume.uuid.as_deref())?;
    strings(out, "flags", &volume.flags)?;
    out.text_field("paths_begin_with", &place(mounted))?;
    out.key("filesystem")?;
    match &mounted.filesystem {
        Some(filesystem) => identity(out, &filesystem.identity())?,
        None => out.null()?,
    }
    out.end_object()
}

fn identity<W: Write>(out: &mut JsonWriter<W>, identity: &vminspect_filesystem::Identity) -> io::Result<()> {
    out.begin_object()?;
    out.text_field("format", identity.format)?;
    out.optional_text_field("uuid", identity.uuid.as_deref())?;
    match &identity.label {
        Some(label) => path::write_bytes(out, "label", label)?,
        None => out.optional_text_field("label", None)?,
    }
    out.number_field("block_size", identity.block_size)?;
    out.number_field("size", identity.size)?;
    if let Some(files) = identity.files {
        out.number_field("files", files)?;
    }
    strings(out, "features", &identity.features)?;
    out.end_object()
}

fn system<W: Write>(out: &mut JsonWriter<W>, system: &OperatingSystem) -> io::Result<()> {
    out.begin_object()?;
    out.text_field("family", system.family)?;
    out.optional_text_field("name", system.name.as_deref())?;
    out.optional_text_field("id", system.id.as_deref())?;
    out.optional_text_field("version", system.version.as_deref())?;
    out.optional_text_field("hostname", system.hostname.as_deref())?;
    strings(out, "kernels", &system.kernels)?;
    out.optional_text_field("init", system.init.as_deref())?;
    out.text_field("volume", &format!("vol{}", system.volume))?;
    if let Some(directory) = &system.directory {
        out.text_field("directory", directory)?;
    }
    if let Some(volume) = system.boot_volume {
        out.text_field("boot_volume", &format!("vol{volume}"))?;
    }
    if let Some(facts) = &system.windows {
        windows(out, facts)?;
    }
    out.end_object()
}

/// What the registry of a Windows says.
fn windows<W: Write>(out: &mut JsonWriter<W>, facts: &WindowsFacts) -> io::Result<()> {
    out.key("windows")?;
    out.begin_object()?;
    out.optional_text_field("edition", facts.edition.as_deref())?;
    out.optional_text_field("release", facts.release.as_deref())?;
    out.optional_text_field("architecture", facts.architecture.as_deref())?;
    let zone = facts.time_zone.as_ref();
    out.optional_text_field("time_zone", zone.and_then(|zone| zone.name.as_deref()))?;
    out.optional_text_field("utc_offset", zone.and_then(utc_offset).as_deref())?;
    out.optional_text_field("installed", facts.installed.map(time::iso).as_deref())?;
    out.optional_text_field("registered_owner", facts.registered_owner.as_deref())?;
    out.optional_text_field("registered_organization", facts.registered_organization.as_deref())?;
    out.key("users")?;
    out.begin_array()?;
    for user in &facts.users {
        out.begin_object()?;
        out.optional_text_field("sid", user.sid.as_deref())?;
        out.optional_text_field("name", user.name.as_deref())?;
        out.optional_text_field("profile", user.profile.as_deref())?;
        out.end_object()?;
    }
    out.end_array()?;
    out.end_object()
}

/// Local standard time less UTC: `+01:00`. Offsets of days and more are no time zone's.
fn utc_offset(zone: &TimeZone) -> Option<String> {
    let offset = zone.bias?.checked_neg().filter(|offset| offset.unsigned_abs() < 24 * 60)?;
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

/// `bob (S-1-5-21-…-1001), C:\Users\bob`.
fn user_line(user: &WindowsUser) -> String {
    let sid = user.sid.as_deref().unwrap_or("no identifier");
    let named = user.name.as_ref().map_or_else(|| sid.to_owned(), |name| format!("{name} ({sid})"));
    [Some(named), user.profile.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Lines of names and values.
struct Text<'a, W> {
    out: &'a mut W,
    paint: Paint,
}

impl<W: Write> Text<'_, W> {
    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", self.paint.paint(Colour::Bold, text))
    }

    fn line(&mut self, name: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {} {}", pad(name, 20), escape::terminal(text))
    }

    fn optional(&mut self, name: &str, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.line(name, text))
    }

    fn image(&mut self, info: &ImageInfo) -> io::Result<()> {
        self.line("file", &info.path.display().to_string())?;
        self.line("format", info.format)?;
        self.line("virtual size", &both_sizes(info.virtual_size))?;
        self.line("file size", &both_sizes(info.file_size))?;
        self.optional("cluster size", info.cluster_size.map(size).as_deref())?;
        for (name, text) in &info.details {
            self.line(&name.replace('_', " "), text)?;
        }
        self.optional(
            "data file",
            info.data_file.as_ref().map(|file| file.display().to_string()).as_deref(),
        )?;
        self.optional("snapshot", info.snapshot.as_deref())
    }

    fn snapshots(&mut self, snapshots: &[SnapshotInfo]) -> io::Result<()> {
        self.heading("Snapshots (open one as IMAGE#ID or IMAGE#NAME)")?;
        let heads = ["ID", "NAME", "DATE", "DISK", "VM STATE"].map(str::to_owned);
        let rows = snapshots.iter().map(|each| {
            [
                each.id.clone(),
                each.name.clone(),
                snapshot_time(each),
                size(each.disk_size),
                if each.vm_state_size == 0 { "none".to_owned() } else { size(each.vm_state_size) },
            ]
        });
        self.table(&heads, &rows.collect::<Vec<_>>())
    }

    fn volumes(&mut self, guest: &Guest) -> io::Result<()> {
        let table = guest.table();
        let scheme = if table.scheme == "none" { "no partition table" } else { table.scheme };
        let id = table.disk_id.as_ref().map(|id| format!(", disk id {id}")).unwrap_or_default();
        self.heading(&escape::terminal(&format!(
            "Volumes ({scheme}, sectors of {} bytes{id})",
            table.sector_size
        )))?;
        let heads = ["NAME", "START", "SIZE", "TYPE", "FILESYSTEM", "LABEL", "UUID", "PATHS BEGIN WITH"]
            .map(str::to_owned);
        let rows: Vec<_> = guest.volumes().iter().map(volume_row).collect();
        self.table(&heads, &rows)?;
        for volume in guest.volumes() {
            let features =
                volume.filesystem.as_ref().map(|each| each.identity().features).unwrap_or_default();
            if !features.is_empty() {
                self.line(&format!("vol{} has", volume.position), &features.join(" "))?;
            }
        }
        Ok(())
    }

    fn system(&mut self, system: &OperatingSystem) -> io::Result<()> {
        self.heading("Operating system")?;
        self.line("name", system.name.as_deref().unwrap_or(system.family))?;
        self.optional("host name", system.hostname.as_deref())?;
        if !system.kernels.is_empty() {
            self.line("kernels", &system.kernels.join(", "))?;
        }
        self.optional("init", system.init.as_deref())?;
        if let Some(facts) = &system.windows {
            self.optional("version", system.version.as_deref())?;
            self.windows(facts)?;
        }
        self.optional("directory", system.directory.as_deref())?;
        self.line("on", &format!("vol{}", system.volume))?;
        self.optional("boots from", system.boot_volume.map(|volume| format!("vol{volume}")).as_deref())
    }

    fn windows(&mut self, facts: &WindowsFacts) -> io::Result<()> {
        self.optional("release", facts.release.as_deref())?;
        self.optional("edition", facts.edition.as_deref())?;
        self.optional("architecture", facts.architecture.as_deref())?;
        if let Some(zone) = &facts.time_zone {
            let offset = utc_offset(zone).map(|offset| format!("UTC{offset}"));
            let parts: Vec<String> = zone.name.clone().into_iter().chain(offset).collect();
            self.line("time zone", &parts.join(", "))?;
        }
        self.optional("installed", facts.installed.map(time::iso).as_deref())?;
        self.optional("registered to", facts.registered_owner.as_deref())?;
        self.optional("organization", facts.registered_organization.as_deref())?;
        facts.users.iter().try_for_each(|user| self.line("user", &user_line(user)))
    }

    /// Columns as wide as their widest text, in terminal columns.
    fn table<const N: usize>(&mut self, heads: &[String; N], rows: &[[String; N]]) -> io::Result<()> {
        use unicode_width::UnicodeWidthStr;
        let safe = |row: &[String; N]| row.each_ref().map(|text| escape::terminal(text).into_owned());
        let rows: Vec<[String; N]> = std::iter::once(heads).chain(rows).map(safe).collect();
        let mut widths = [0; N];
        for row in &rows {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = (*width).max(text.width());
            }
        }
        for row in &rows {
            let cells: Vec<String> = row.iter().zip(widths).map(|(text, width)| pad(text, width)).collect();
            writeln!(self.out, "  {}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn both_sizes(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", size(bytes))
}

fn volume_row(mounted: &GuestVolume) -> [String; 8] {
    let volume = &mounted.volume;
    let identity = mounted.filesystem.as_ref().map(|filesystem| filesystem.identity()).unwrap_or_default();
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let label = identity.label.map(|label| String::from_utf8_lossy(&label).into_owned());
    [
        format!("vol{}", mounted.position),
        volume.range.start().to_string(),
        size(volume.range.len()),
        or_dash(volume.kind_name.map_or_else(|| volume.kind.clone(), str::to_owned)),
        or_dash(identity.format.to_owned()),
        or_dash(label.or_else(|| volume.name.clone()).unwrap_or_default()),
        or_dash(identity.uuid.or_else(|| volume.uuid.clone()).unwrap_or_default()),
        place(mounted),
    ]
}

/// Prints text for a person. `found` is the system as [`Guest::describe_system`] tells it.
///
/// # Errors
/// Those of the output.
pub fn text<W: Write>(
    mut out: W,
    guest: &Guest,
    found: Option<&OperatingSystem>,
    problems: &Coverage,
    colour: bool,
) -> io::Result<()> {
    let mut to = Text { out: &mut out, paint: Paint { on: colour } };
    to.heading("Image")?;
    let info = guest.disk().info();
    to.image(info)?;
    let mut parent = info.parent.as_deref();
    while let Some(info) = parent {
        to.heading("Parent")?;
        to.image(info)?;
        parent = info.parent.as_deref();
    }
    if !info.snapshots.is_empty() {
        to.snapshots(&info.snapshots)?;
    }
    to.volumes(guest)?;
    if let Some(system) = found {
        to.system(system)?;
    }
    let problems = problems.sorted();
    if !problems.is_empty() {
        to.heading("Could not be read")?;
        problems.iter().try_for_each(|each| writeln!(to.out, "  {}", coverage::line(each)))?;
    }
    out.flush()
}
