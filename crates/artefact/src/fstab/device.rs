/// What an entry mounts, by the way in which it is named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Device {
    /// UUID of the filesystem: `UUID=…`, `/dev/disk/by-uuid/…`.
    Uuid(Vec<u8>),
    /// Label of the filesystem: `LABEL=…`, `/dev/disk/by-label/…`.
    Label(Vec<u8>),
    /// UUID of the partition: `PARTUUID=…`, `/dev/disk/by-partuuid/…`.
    PartitionUuid(Vec<u8>),
    /// Name of the partition: `PARTLABEL=…`, `/dev/disk/by-partlabel/…`.
    PartitionLabel(Vec<u8>),
    /// A partition of a disk by the kernel's name of the disk: `/dev/sda1`. Number 0 is the whole disk.
    Partition {
        /// The disk: `sda`, `nvme0n1`; or the name under `by-id` or `by-path`.
        disk: Vec<u8>,
        /// Number of the partition.
        number: u32,
    },
    /// Anything else, as written: `tmpfs`, `server:/path`, `/dev/mapper/vg-lv`, a directory.
    Other(Vec<u8>),
}

impl Device {
    /// Reads the first field of an entry.
    #[must_use]
    pub fn parse(field: &[u8]) -> Self {
        tagged(field)
            .or_else(|| by_link(field))
            .or_else(|| by_name(field))
            .unwrap_or_else(|| Self::Other(field.to_vec()))
    }

    /// The device as `fstab` would name it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = |prefix: &str, value: &[u8]| format!("{prefix}{}", String::from_utf8_lossy(value));
        match self {
            Self::Uuid(value) => text("UUID=", value),
            Self::Label(value) => text("LABEL=", value),
            Self::PartitionUuid(value) => text("PARTUUID=", value),
            Self::PartitionLabel(value) => text("PARTLABEL=", value),
            Self::Partition { disk, number } => {
                format!("partition {number} of {}", String::from_utf8_lossy(disk))
            }
            Self::Other(value) => text("", value),
        }
    }
}

fn tagged(field: &[u8]) -> Option<Device> {
    let equals = field.iter().position(|byte| *byte == b'=')?;
    let (tag, value) = field.split_at_checked(equals)?;
    let value = unquote(value.get(1..)?).to_vec();
    match tag.to_ascii_uppercase().as_slice() {
        b"UUID" => Some(Device::Uuid(value)),
        b"LABEL" => Some(Device::Label(value)),
        b"PARTUUID" => Some(Device::PartitionUuid(value)),
        b"PARTLABEL" => Some(Device::PartitionLabel(value)),
        _ => None,
    }
}

fn unquote(value: &[u8]) -> &[u8] {
    let inner = |quote: &[u8]| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner(b"\"").or_else(|| inner(b"'")).unwrap_or(value)
}

/// The links that udev makes.
fn by_link(field: &[u8]) -> Option<Device> {
    let link = field.strip_prefix(b"/dev/disk/by-")?;
    let slash = link.iter().position(|byte| *byte == b'/')?;
    let (kind, value) = link.split_at_checked(slash)?;
    let value = unescape_udev(value.get(1..)?);
    match kind {
        b"uuid" => Some(Device::Uuid(value)),
        b"label" => Some(Device::Label(value)),
        b"partuuid" => Some(Device::PartitionUuid(value)),
        b"partlabel" => Some(Device::PartitionLabel(value)),
        b"id" | b"path" => numbered(&value, b"-part"),
        _ => None,
    }
}

/// udev writes a byte that does not fit into a file name as `\x` and two hexadecimal digits.
fn unescape_udev(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let digits = rest.strip_prefix(b"\\x").and_then(|digits| std::str::from_utf8(digits.get(..2)?).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                plain.push(value);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    plain
}

/// The kernel's names: a letter for the disk (`sda1`), or a number, with `p` before the partition's (`nvme0n1p1`).
fn by_name(field: &[u8]) -> Option<Device> {
    let name = field.strip_prefix(b"/dev/")?;
    if name.contains(&b'/') {
        return None;
    }
    if [&b"nvme"[..], b"mmcblk"].iter().any(|prefix| name.starts_with(prefix)) {
        return numbered(name, b"p");
    }
    let letters =
        [&b"sd"[..], b"vd", b"xvd", b"hd", b"ubd"].iter().find_map(|prefix| name.strip_prefix(*prefix))?;
    letters.first().filter(|letter| letter.is_ascii_lowercase())?;
    numbered(name, b"")
}

/// Splits `name` into a disk, `separator` and a number; without a number, it is the whole disk.
fn numbered(name: &[u8], separator: &[u8]) -> Option<Device> {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (stem, number) = name.split_at_checked(name.len().checked_sub(digits)?)?;
    match stem.strip_suffix(separator).filter(|disk| digits > 0 && !disk.is_empty()) {
        Some(disk) => {
            let number = std::str::from_utf8(number).ok()?.parse().ok()?;
            Some(Device::Partition { disk: disk.to_vec(), number })
        }
        None => Some(Device::Partition { disk: name.to_vec(), number: 0 }),
    }
}
