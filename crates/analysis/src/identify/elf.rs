//! What libmagic tells of ELF files beyond their header: how they are linked, their build id, whether they
//! are stripped. See elf(5) and the System V ABI, chapters 4 and 5.

use vminspect_bytes::{ReadAt, ReadAtExt};

/// First bytes of an ELF file.
pub(super) const MAGIC: &[u8] = b"\x7fELF";

/// Bytes of a table that are read at most: 65,535 headers of the largest size are less.
const LARGEST_TABLE: u64 = 4 << 20;
/// Bytes of a note segment, an interpreter's name or a dynamic section that are read at most.
const LARGEST_SEGMENT: u64 = 64 << 10;

const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const PT_NOTE: u64 = 4;
const ET_DYN: u64 = 3;
const SHT_PROGBITS: u64 = 1;
const SHT_SYMTAB: u64 = 2;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DF_1_PIE: u64 = 0x0800_0000;
const NT_GNU_ABI_TAG: u64 = 1;
const NT_GNU_BUILD_ID: u64 = 3;

/// Adds to what the rules said of the header.
pub(super) fn describe(said: &str, content: &dyn ReadAt) -> String {
    let Some(elf) = Elf::open(content) else {
        return said.to_owned();
    };
    let facts = elf.facts();
    let mut text = said.to_owned();
    if facts.pie {
        text = text.replace("shared object", "pie executable");
    }
    if facts.programs > 0 && !elf.is_core() {
        text.push_str(match (facts.dynamic, facts.pie && facts.interpreter.is_none()) {
            (true, true) => ", static-pie linked",
            (true, false) => ", dynamically linked",
            (false, _) => ", statically linked",
        });
    }
    if let Some(interpreter) = &facts.interpreter {
        text.push_str(&format!(", interpreter {interpreter}"));
    }
    text.push_str(&facts.notes);
    if let Some(stripped) = facts.symbols {
        text.push_str(stripped);
    }
    text
}

#[derive(Default)]
struct Facts {
    programs: u64,
    dynamic: bool,
    pie: bool,
    interpreter: Option<String>,
    notes: String,
    symbols: Option<&'static str>,
}

/// The fields of the header that lead to the tables.
struct Elf<'a> {
    content: &'a dyn ReadAt,
    wide: bool,
    big: bool,
    kind: u64,
    program_table: (u64, u64, u64),
    section_table: (u64, u64, u64),
    names_section: u64,
}

/// An unsigned number of the bytes at `at`, or `None` past the end.
fn number(bytes: &[u8], at: usize, width: usize, big: bool) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(width)?)?;
    let fold = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
    Some(if big { field.iter().fold(0, fold) } else { field.iter().rev().fold(0, fold) })
}

impl<'a> Elf<'a> {
    fn open(content: &'a dyn ReadAt) -> Option<Self> {
        let length = usize::try_from(content.len().min(64)).ok()?;
        let header = content.read_vec(0, length).ok()?;
        let (wide, big) = (header.get(4) == Some(&2), header.get(5) == Some(&2));
        let field = |narrow: usize, narrow_width: usize, at: usize, width: usize| {
            if wide { number(&header, at, width, big) } else { number(&header, narrow, narrow_width, big) }
        };
        Some(Self {
            content,
            wide,
            big,
            kind: field(16, 2, 16, 2)?,
            program_table: (field(28, 4, 32, 8)?, field(42, 2, 54, 2)?, field(44, 2, 56, 2)?),
            section_table: (field(32, 4, 40, 8)?, field(46, 2, 58, 2)?, field(48, 2, 60, 2)?),
            names_section: field(50, 2, 62, 2)?,
        })
    }

    fn is_core(&self) -> bool {
        self.kind == 4
    }

    /// The entries of a table of headers, as far as they can be read.
    fn table(&self, (offset, size, count): (u64, u64, u64)) -> Vec<Vec<u8>> {
        let smallest = if self.wide { 56 } else { 32 };
        let length = size.saturating_mul(count);
        if size < smallest || length > LARGEST_TABLE {
            return Vec::new();
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        self.part(offset, length, LARGEST_TABLE).chunks_exact(size).map(<[u8]>::to_vec).collect()
    }

    /// At most `limit` bytes of a part of the file; empty when it cannot be read.
    fn part(&self, offset: u64, length: u64, limit: u64) -> Vec<u8> {
        let length = usize::try_from(length.min(limit)).unwrap_or(0);
        self.content.read_vec(offset, length).unwrap_or_default()
    }

    /// A field that has other places in 32-bit and 64-bit files; addresses and sizes are as wide as those.
    fn field(&self, bytes: &[u8], narrow: usize, wide: usize) -> u64 {
        let (at, width) = if self.wide { (wide, 8) } else { (narrow, 4) };
        number(bytes, at, width, self.big).unwrap_or(0)
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        for header in self.table(self.program_table) {
            facts.programs += 1;
            let (offset, length) = (self.field(&header, 4, 8), self.field(&header, 16, 32));
            match number(&header, 0, 4, self.big).unwrap_or(0) {
                PT_DYNAMIC => {
                    facts.dynamic = true;
                    facts.pie |= self.is_pie(&self.part(offset, length, LARGEST_SEGMENT));
                }
                PT_INTERP => {
                    let name = self.part(offset, length, 256);
                    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                    facts.interpreter = Some(String::from_utf8_lossy(name).into_owned());
                }
                PT_NOTE => self.notes(&self.part(offset, length, LARGEST_SEGMENT), &mut facts.notes),
                _ => {}
            }
        }
        facts.symbols = self.symbols();
        facts
    }

    fn is_pie(&self, dynamic: &[u8]) -> bool {
        let size = if self.wide { 16 } else { 8 };
        let mut entries = dynamic.chunks_exact(size);
        self.kind == ET_DYN
            && entries
                .any(|entry| self.field(entry, 0, 0) == DT_FLAGS_1 && self.field(entry, 4, 8) & DF_1_PIE != 0)
    }

    fn notes(&self, mut rest: &[u8], text: &mut String) {
        let word = |bytes: &[u8], at| number(bytes, at, 4, self.big);
        while let (Some(name), Some(length), Some(kind)) = (word(rest, 0), word(rest, 4), word(rest, 8)) {
            let aligned = |length: u64| usize::try_from(length.next_multiple_of(4)).unwrap_or(usize::MAX);
            let description = aligned(name).saturating_add(12);
            let end = description.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            let (Some(b"GNU\0"), Some(value)) = (rest.get(12..16), rest.get(description..end)) else {
                return;
            };
            match kind {
                NT_GNU_BUILD_ID => {
                    let hash = if value.len() == 20 {
                        "sha1"
                    } else if value.len() == 16 {
                        "md5/uuid"
                    } else {
                        "xxHash"
                    };
                    let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                    text.push_str(&format!(", BuildID[{hash}]={digits}"));
                }
                NT_GNU_ABI_TAG if word(value, 0) == Some(0) => {
                    let part = |at| word(value, at).unwrap_or(0);
                    text.push_str(&format!(", for GNU/Linux {}.{}.{}", part(4), part(8), part(12)));
                }
                _ => {}
            }
            rest = rest.get(description.saturating_add(aligned(length))..).unwrap_or_default();
        }
    }

    /// Whether the table of symbols is there; `None` when the sections cannot be read.
    fn symbols(&self) -> Option<&'static str> {
        if self.section_table.0 == 0 {
            return Some(", no section header");
        }
        let sections = self.table(self.section_table);
        if sections.is_empty() {
            return Some(", missing section headers");
        }
        let kind = |section: &Vec<u8>| number(section, 4, 4, self.big).unwrap_or(0);
        let names = sections.get(usize::try_from(self.names_section).ok()?);
        let names =
            names.map(|names| self.part(self.field(names, 16, 24), self.field(names, 20, 32), LARGEST_TABLE));
        let debug = sections.iter().filter(|section| kind(section) == SHT_PROGBITS).any(|section| {
            let at = number(section, 0, 4, self.big).and_then(|at| usize::try_from(at).ok());
            let name = at.and_then(|at| names.as_deref()?.get(at..));
            name.is_some_and(|name| name.starts_with(b".debug_info\0"))
        });
        let stripped = !sections.iter().any(|section| kind(section) == SHT_SYMTAB);
        Some(match (debug, stripped) {
            (true, true) => ", with debug_info, stripped",
            (true, false) => ", with debug_info, not stripped",
            (false, true) => ", stripped",
            (false, false) => ", not stripped",
        })
    }
}
