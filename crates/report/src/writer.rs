use std::io::{self, Write};

use crate::{decimal, escape};

/// Bytes that are collected before they are sent on.
const MOST_BUFFERED: usize = 64 << 10;

/// How JSON is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Indented by two spaces a level.
    Indented,
    /// On one line, without spaces.
    Line,
}

/// Writes JSON as it comes. Commas, line ends and indentation are its business; that keys and values
/// alternate is the caller's, and so is [`JsonWriter::flush`] at the end.
pub struct JsonWriter<W> {
    out: W,
    /// What is not sent on yet. Small pieces are cheaper to collect here than to hand to `out` one by one.
    buffer: Vec<u8>,
    layout: Layout,
    /// One entry an open array or object: whether it is empty so far.
    open: Vec<bool>,
    after_key: bool,
}

impl<W: Write> JsonWriter<W> {
    /// Begins a document.
    pub fn new(out: W, layout: Layout) -> Self {
        Self { out, buffer: Vec::new(), layout, open: Vec::new(), after_key: false }
    }

    /// Opens an object.
    ///
    /// # Errors
    /// Those of the output, as for every method here.
    pub fn begin_object(&mut self) -> io::Result<()> {
        self.begin(b'{')
    }

    /// Closes an object.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end_object(&mut self) -> io::Result<()> {
        self.end(b'}')
    }

    /// Opens an array.
    ///
    /// # Errors
    /// Those of the output.
    pub fn begin_array(&mut self) -> io::Result<()> {
        self.begin(b'[')
    }

    /// Closes an array.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end_array(&mut self) -> io::Result<()> {
        self.end(b']')
    }

    /// Writes a key of an object.
    ///
    /// # Errors
    /// Those of the output.
    pub fn key(&mut self, key: &str) -> io::Result<()> {
        self.separate()?;
        escape::json(&mut self.buffer, key)?;
        self.buffer.write_all(if self.layout == Layout::Indented { b": " } else { b":" })?;
        self.after_key = true;
        Ok(())
    }

    /// Writes a key that stands in its quotes, with a colon behind them, and needs no escapes: where there are many objects
    /// with the same keys.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn quoted_key(&mut self, quoted: &'static str) -> io::Result<()> {
        debug_assert!(quoted.starts_with('"') && quoted.ends_with("\":"), "{quoted} is no key");
        self.separate()?;
        self.buffer.extend_from_slice(quoted.as_bytes());
        if self.layout == Layout::Indented {
            self.buffer.push(b' ');
        }
        self.after_key = true;
        Ok(())
    }

    /// Writes a string that needs no escapes.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn plain_string(&mut self, text: &'static str) -> io::Result<()> {
        debug_assert!(escape::is_plain_json(text.as_bytes()), "{text} needs escapes");
        self.separate()?;
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.push(b'"');
        Ok(())
    }

    /// Writes a string.
    ///
    /// # Errors
    /// Those of the output.
    pub fn string(&mut self, text: &str) -> io::Result<()> {
        self.separate()?;
        escape::json(&mut self.buffer, text)
    }

    /// Writes a string whose inside `write` appends, with all that JSON asks to escape escaped.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn string_by(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.separate()?;
        self.buffer.push(b'"');
        write(&mut self.buffer);
        self.buffer.push(b'"');
        Ok(())
    }

    /// Writes a number as its digits stand in `digits`.
    ///
    /// # Errors
    /// Those of the output.
    pub(crate) fn digits(&mut self, digits: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.separate()?;
        self.buffer.write_fmt(digits)
    }

    /// Writes a whole number.
    ///
    /// # Errors
    /// Those of the output.
    pub fn number(&mut self, number: u64) -> io::Result<()> {
        self.separate()?;
        decimal::push(&mut self.buffer, number);
        Ok(())
    }

    /// Writes `true` or `false`.
    ///
    /// # Errors
    /// Those of the output.
    pub fn boolean(&mut self, value: bool) -> io::Result<()> {
        self.separate()?;
        self.buffer.write_all(if value { b"true" } else { b"false" })
    }

    /// Writes `null`.
    ///
    /// # Errors
    /// Those of the output.
    pub fn null(&mut self) -> io::Result<()> {
        self.separate()?;
        self.buffer.write_all(b"null")
    }

    /// Writes bytes as a string of lower-case hexadecimal digits.
    ///
    /// # Errors
    /// Those of the output.
    pub fn hex(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.separate()?;
        self.buffer.write_all(b"\"")?;
        escape::hex(&mut self.buffer, bytes)?;
        self.buffer.write_all(b"\"")
    }

    /// Writes a key and a string.
    ///
    /// # Errors
    /// Those of the output.
    pub fn text_field(&mut self, key: &str, text: &str) -> io::Result<()> {
        self.key(key)?;
        self.string(text)
    }

    /// Writes a key and a string, or `null`.
    ///
    /// # Errors
    /// Those of the output.
    pub fn optional_text_field(&mut self, key: &str, text: Option<&str>) -> io::Result<()> {
        self.key(key)?;
        match text {
            Some(text) => self.string(text),
            None => self.null(),
        }
    }

    /// Writes a key and a number.
    ///
    /// # Errors
    /// Those of the output.
    pub fn number_field(&mut self, key: &str, number: u64) -> io::Result<()> {
        self.key(key)?;
        self.number(number)
    }

    /// Writes a key and a number, or `null`.
    ///
    /// # Errors
    /// Those of the output.
    pub fn optional_number_field(&mut self, key: &str, number: Option<u64>) -> io::Result<()> {
        self.key(key)?;
        match number {
            Some(number) => self.number(number),
            None => self.null(),
        }
    }

    /// Ends the document, or one line of JSON Lines, after which the next document may begin.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end_line(&mut self) -> io::Result<()> {
        self.buffer.write_all(b"\n")
    }

    /// Sends on everything that was written.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.out.flush()
    }

    fn begin(&mut self, bracket: u8) -> io::Result<()> {
        self.separate()?;
        self.open.push(true);
        self.buffer.write_all(&[bracket])
    }

    fn end(&mut self, bracket: u8) -> io::Result<()> {
        let empty = self.open.pop().unwrap_or(true);
        if !empty {
            self.line_break()?;
        }
        self.buffer.write_all(&[bracket])
    }

    fn send(&mut self) -> io::Result<()> {
        let sent = self.out.write_all(&self.buffer);
        self.buffer.clear();
        sent
    }

    /// What goes before a key or a value.
    fn separate(&mut self) -> io::Result<()> {
        if self.buffer.len() > MOST_BUFFERED {
            self.send()?;
        }
        if std::mem::take(&mut self.after_key) {
            return Ok(());
        }
        let Some(empty) = self.open.last_mut() else {
            return Ok(());
        };
        if !std::mem::take(empty) {
            self.buffer.write_all(b",")?;
        }
        self.line_break()
    }

    fn line_break(&mut self) -> io::Result<()> {
        const SPACES: &[u8] = b"\n                                        ";
        if self.layout == Layout::Line {
            return Ok(());
        }
        let width = (1 + 2 * self.open.len()).min(SPACES.len());
        self.buffer.write_all(&SPACES[..width])
    }
}
