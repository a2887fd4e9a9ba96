use vminspect_artefact::evtx::System;
use vminspect_artefact::evtx::xml::{Piece, Pieces};

use super::message::{after_system, short};

/// Who logs that a log was cleared.
const PROVIDER: &str = "Microsoft-Windows-Eventlog";
/// Cleared was the security log, or another.
const CLEARED: [u32; 2] = [1102, 104];

/// That a log was cleared, as an event tells it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Clearing {
    /// The log that was cleared.
    pub(super) channel: String,
    /// Who did it: domain and name.
    pub(super) user: String,
}

impl Clearing {
    /// What an event says of a clearing.
    pub(super) fn of_xml(xml: &str) -> Option<Self> {
        // Few events are worth a closer look.
        if !CLEARED.iter().any(|id| xml.contains(&format!(">{id}</EventID>"))) {
            return None;
        }
        let system = System::of_xml(xml);
        if system.provider != PROVIDER || !system.event_id.is_some_and(|id| CLEARED.contains(&id)) {
            return None;
        }
        let [channel, domain, name] = texts(xml, ["Channel", "SubjectDomainName", "SubjectUserName"]);
        let channel = if channel.is_empty() { short(&system.channel) } else { channel };
        let user = if domain.is_empty() { name } else { format!("{domain}\\{name}") };
        Some(Self { channel, user })
    }
}

/// The texts of the first elements of these names, outside of `System`.
fn texts<const N: usize>(xml: &str, names: [&str; N]) -> [String; N] {
    let mut found = [const { String::new() }; N];
    let mut open = "";
    for piece in Pieces::new(after_system(xml)) {
        match piece {
            Piece::Open { name, .. } => open = name,
            Piece::Text(text) => {
                for (name, found) in names.iter().zip(&mut found) {
                    if *name == open && found.is_empty() {
                        *found = short(&text);
                    }
                }
            }
            Piece::Close => open = "",
        }
    }
    found
}
