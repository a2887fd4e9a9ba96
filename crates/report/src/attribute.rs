//! Values of extended attributes, as text where their meaning is known.

use crate::escape;

/// The value of an attribute for a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// The value is this text, and nothing is lost.
    Text(String),
    /// The value is binary and means this text.
    Decoded(String),
    /// The value is binary and nothing is known of it.
    Binary,
}

/// What the value of the attribute `name` means.
#[must_use]
pub fn show(name: &str, value: &[u8]) -> Shown {
    let decoded = match name {
        "security.capability" => capabilities(value),
        "system.posix_acl_access" | "system.posix_acl_default" => acl(value),
        // The kernel stores labels with their final NUL.
        "security.selinux" | "security.SMACK64" | "security.apparmor" => {
            return text(value.strip_suffix(b"\0").unwrap_or(value));
        }
        _ => return text(value),
    };
    decoded.map_or(Shown::Binary, Shown::Decoded)
}

/// The same on one line, for CSV and tables.
#[must_use]
pub fn one_line(name: &str, value: &[u8]) -> String {
    match show(name, value) {
        Shown::Text(text) => text,
        Shown::Decoded(text) => format!("{text} (hex:{})", escape::to_hex(value)),
        Shown::Binary => format!("hex:{}", escape::to_hex(value)),
    }
}

fn text(value: &[u8]) -> Shown {
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => Shown::Text(text.to_owned()),
        _ => Shown::Binary,
    }
}

/// Names of Linux capabilities by number (capability.h of Linux 6.12).
const CAPABILITIES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

fn word(bytes: &[u8], index: usize) -> Option<u32> {
    let at = index.checked_mul(4)?;
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

/// `vfs_cap_data` of any of its three revisions, in the notation of `setcap`.
fn capabilities(value: &[u8]) -> Option<String> {
    let magic = word(value, 0)?;
    let (words, length) = match magic >> 24 {
        1 => (1, 12),
        2 => (2, 20),
        3 => (2, 24),
        _ => return None,
    };
    if value.len() != length {
        return None;
    }
    let set = |first: usize| -> Option<u64> {
        let high = if words == 2 { word(value, first + 2)? } else { 0 };
        Some(u64::from(high) << 32 | u64::from(word(value, first)?))
    };
    let (permitted, inheritable) = (set(1)?, set(2)?);
    let effective = if magic & 1 == 1 { "e" } else { "" };
    let groups =
        [(permitted & !inheritable, "p"), (inheritable & !permitted, "i"), (permitted & inheritable, "ip")];
    let mut text: Vec<String> = groups
        .iter()
        .filter(|(set, _)| *set != 0)
        .map(|(set, flags)| format!("{}+{effective}{flags}", capability_names(*set)))
        .collect();
    if text.is_empty() {
        text.push("=".to_owned());
    }
    if let Some(owner) = word(value, 5) {
        text.push(format!("[rootid={owner}]"));
    }
    Some(text.join(" "))
}

fn capability_names(set: u64) -> String {
    let numbers = (0..64).filter(|bit| set >> bit & 1 == 1);
    let names =
        numbers.map(|bit| CAPABILITIES.get(bit).map_or_else(|| bit.to_string(), |name| (*name).to_owned()));
    names.collect::<Vec<_>>().join(",")
}

/// A POSIX ACL as the kernel hands it out (version 2) or as ext stores it (version 1), in the short text form.
fn acl(value: &[u8]) -> Option<String> {
    let version = word(value, 0)?;
    let mut rest = value.get(4..)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let half = |at: usize| Some(u16::from_le_bytes(rest.get(at..at + 2)?.try_into().ok()?));
        let (tag, permissions) = (half(0)?, half(2)?);
        let named = matches!(tag, 0x02 | 0x08);
        let length = if version == 2 || (version == 1 && named) { 8 } else { 4 };
        if !matches!(version, 1 | 2) {
            return None;
        }
        let id = if named { word(rest, 1)?.to_string() } else { String::new() };
        let who = match tag {
            0x01 | 0x02 => "user",
            0x04 | 0x08 => "group",
            0x10 => "mask",
            0x20 => "other",
            _ => return None,
        };
        let bit = |mask: u16, letter: char| if permissions & mask != 0 { letter } else { '-' };
        entries.push(format!("{who}:{id}:{}{}{}", bit(4, 'r'), bit(2, 'w'), bit(1, 'x')));
        rest = rest.get(length..)?;
    }
    if entries.is_empty() { None } else { Some(entries.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn capabilities_as_setcap_spells_them() {
        let ping = bytes("0100000200200000000000000000000000000000");
        assert_eq!(show("security.capability", &ping), Shown::Decoded("cap_net_raw+ep".into()));
        let third = bytes("010000030004000000000000000000000000000040420f00");
        assert_eq!(
            show("security.capability", &third),
            Shown::Decoded("cap_net_bind_service+ep [rootid=1000000]".into())
        );
        let high = bytes("0000000200000000000000000001000000000000");
        assert_eq!(show("security.capability", &high), Shown::Decoded("cap_checkpoint_restore+p".into()));
        assert_eq!(show("security.capability", b"short"), Shown::Binary);
        assert_eq!(
            one_line("security.capability", &ping),
            "cap_net_raw+ep (hex:0100000200200000000000000000000000000000)"
        );
    }

    #[test]
    fn acls_of_both_versions() {
        let user =
            bytes("0200000001000600ffffffff02000500e803000004000400ffffffff10000500ffffffff20000000ffffffff");
        let text = "user::rw-,user:1000:r-x,group::r--,mask::r-x,other::---";
        assert_eq!(show("system.posix_acl_access", &user), Shown::Decoded(text.into()));
        let stored = bytes("010000000100060002000500e8030000040004001000050020000000");
        assert_eq!(show("system.posix_acl_access", &stored), Shown::Decoded(text.into()));
        assert_eq!(show("system.posix_acl_default", &stored[..11]), Shown::Binary);
        assert_eq!(show("system.posix_acl_default", b""), Shown::Binary);
    }

    #[test]
    fn labels_lose_their_final_nul_and_binary_stays_marked() {
        let label = b"system_u:object_r:etc_t:s0\0";
        assert_eq!(show("security.selinux", label), Shown::Text("system_u:object_r:etc_t:s0".into()));
        assert_eq!(show("user.note", b"hello"), Shown::Text("hello".into()));
        assert_eq!(show("user.note", b"\x00\x01"), Shown::Binary);
        assert_eq!(show("user.note", b"\x1b[2J"), Shown::Binary);
        assert_eq!(one_line("user.note", b"\xff"), "hex:ff");
    }
}
