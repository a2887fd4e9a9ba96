use std::borrow::Cow;

use super::xml::{Piece, Pieces, attributes};

/// What every event says of itself: the fields of its `System` element. Absent fields are empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct System<'x> {
    /// Name of the program that logged it.
    pub provider: Cow<'x, str>,
    /// Number of the event; the provider says what it means.
    pub event_id: Option<u32>,
    /// 1 critical, 2 error, 3 warning, 4 information, 5 verbose; 0 is none of them.
    pub level: Option<u8>,
    /// Keywords as hexadecimal digits after `0x`.
    pub keywords: Cow<'x, str>,
    /// When it happened, in the words of the record.
    pub time: Cow<'x, str>,
    /// The record's id, as its content has it.
    pub record_id: Option<u64>,
    /// Process that logged it.
    pub process: Cow<'x, str>,
    /// Thread that logged it.
    pub thread: Cow<'x, str>,
    /// The log that it was meant for.
    pub channel: Cow<'x, str>,
    /// The machine.
    pub computer: Cow<'x, str>,
    /// Security identifier of the user.
    pub user: Cow<'x, str>,
}

impl<'x> System<'x> {
    /// The fields of an event, of which `xml` is what a [`Decoder`](super::Decoder) made of it.
    #[must_use]
    pub fn of_xml(xml: &'x str) -> Self {
        let mut system = Self::default();
        let Some((_, inside)) = xml.split_once("<System>") else { return system };
        let mut name = "";
        let mut depth = 0_usize;
        for piece in Pieces::new(inside) {
            match piece {
                Piece::Open { name: opened, attributes, is_empty } => {
                    if depth == 0 {
                        name = opened;
                        system.take_attributes(name, attributes);
                    }
                    depth = depth.saturating_add(usize::from(!is_empty));
                }
                Piece::Text(text) if depth == 1 => system.take_text(name, text),
                Piece::Text(_) => {}
                Piece::Close => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => break,
                },
            }
        }
        system
    }

    fn take_attributes(&mut self, element: &str, text: &'x str) {
        for (name, value) in attributes(text) {
            let field = match (element, name) {
                ("Provider", "Name") => &mut self.provider,
                // Programs of old have a name of another kind, and none of this.
                ("Provider", "EventSourceName") if self.provider.is_empty() => &mut self.provider,
                ("TimeCreated", "SystemTime") => &mut self.time,
                ("Execution", "ProcessID") => &mut self.process,
                ("Execution", "ThreadID") => &mut self.thread,
                ("Security", "UserID") => &mut self.user,
                _ => continue,
            };
            *field = value;
        }
    }

    fn take_text(&mut self, element: &str, text: Cow<'x, str>) {
        match element {
            "EventID" => self.event_id = text.trim().parse().ok(),
            "Level" => self.level = text.trim().parse().ok(),
            "EventRecordID" => self.record_id = text.trim().parse().ok(),
            "Keywords" => self.keywords = text,
            "Channel" => self.channel = text,
            "Computer" => self.computer = text,
            _ => {}
        }
    }
}
