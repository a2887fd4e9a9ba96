//! The keys of one hive, one after another.

use std::collections::HashSet;
use std::io;

use vminspect_artefact::registry::{
    CellOffset, Confidence, DeletedKey, DeletedValue, Hive, Key, Place, Remains, Step, Value, Walk,
};
use vminspect_bytes::security::SecurityDescriptor;
use vminspect_bytes::{ReadError, Timestamp};
use vminspect_guest::Coverage;

use super::place::{FoundKey, join, path_budget};

/// Problems of one hive that are told one by one.
const MOST_PROBLEMS: usize = 1000;

/// What is known of something deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeletedRow {
    /// Where it lies.
    pub place: Place,
    /// How sure it is that it was where its path says.
    pub confidence: Confidence,
}

/// A key of a listing.
#[derive(Clone, Copy, Debug)]
pub struct KeyRow<'r> {
    /// Where it is: names with `\` between them, as WTF-8, after where the hive is mounted. A name is `?` where
    /// a deleted key's place is not known.
    pub path: &'r [u8],
    /// The key. `None` for deleted values of a key that is listed already, or not known.
    pub key: Option<&'r Key<'r>>,
    /// Its class name as WTF-8, if it has one.
    pub class: Option<&'r [u8]>,
    /// Whether it is deleted.
    pub deleted: Option<DeletedRow>,
    /// Values that a deleted key had besides those that follow.
    pub lost_values: u32,
}

impl KeyRow<'_> {
    /// When the key was last written.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.key.map(Key::last_written)
    }
}

/// A value of a listing, of the key before it.
#[derive(Clone, Copy, Debug)]
pub struct ValueRow<'r> {
    /// The value.
    pub value: &'r Value<'r>,
    /// Its name as WTF-8; empty for the default value.
    pub name: &'r [u8],
    /// Its data, as far as they can be read. `None` when they are overwritten.
    pub data: Option<&'r [u8]>,
    /// Whether it is deleted.
    pub deleted: Option<DeletedRow>,
}

/// Takes the keys of a listing, each followed by its values.
pub trait KeySink {
    /// Takes a key.
    ///
    /// # Errors
    /// Those of the output, as for every method here.
    fn begin_key(&mut self, key: &KeyRow<'_>) -> io::Result<()>;

    /// Takes a value of the key.
    ///
    /// # Errors
    /// Those of the output.
    fn value(&mut self, value: &ValueRow<'_>) -> io::Result<()>;

    /// Ends the key.
    ///
    /// # Errors
    /// Those of the output.
    fn end_key(&mut self) -> io::Result<()>;
}

/// What a listing has, and in which order.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListingOptions<'o, 'h> {
    /// List this key and what is below it alone.
    pub from: Option<&'o FoundKey<'h>>,
    /// Order keys by the times at which they were last written, instead of as they are stored.
    pub sorted: bool,
    /// List deleted keys and values, too: after the others, or by their times.
    pub deleted: bool,
    /// Where something of the hive is damaged, list also keys in use that nothing leads to any more, after the
    /// others: damage cuts off whole branches.
    pub unreferenced: bool,
}

/// A listing of the keys of a hive.
pub struct Listing<'h> {
    hive: &'h Hive,
    /// Path of the key that is being listed, after where the hive is mounted.
    path: PathStack,
    mount: Vec<u8>,
    problems: Problems,
    /// Bytes of paths that may still be listed.
    paths_left: usize,
    /// Places of the security descriptors that were looked at: keys share them.
    descriptors: HashSet<usize>,
    name: Vec<u8>,
}

impl<'h> Listing<'h> {
    /// A listing of `hive`, whose root is shown as `mount`. In the coverage the hive is `place` in `image`.
    #[must_use]
    pub fn new(hive: &'h Hive, mount: &[u8], image: &str, place: &[u8]) -> Self {
        let mut problems = Problems::new(image, place);
        let all = hive.problems().iter().cloned().chain(hive.check_cells());
        all.for_each(|problem| problems.add(b"", &problem));
        Self {
            hive,
            path: PathStack { bytes: mount.to_vec(), ends: Vec::new() },
            mount: mount.to_vec(),
            problems,
            paths_left: path_budget(hive),
            descriptors: HashSet::new(),
            name: Vec::new(),
        }
    }

    /// Hands the keys to `sink`.
    ///
    /// # Errors
    /// Those of `sink`. What cannot be read of the hive is no error here but stands in the coverage.
    pub fn run(mut self, options: ListingOptions<'_, 'h>, sink: &mut dyn KeySink) -> io::Result<Coverage> {
        let below = options.from.map_or(&b""[..], |from| &from.path);
        let mut walk = options.from.map_or_else(|| Walk::new(self.hive), |from| Walk::from_key(from.key));
        if !below.is_empty() {
            join(&mut self.path.bytes, |path| path.extend_from_slice(below));
        }
        let remains = if options.deleted { Remains::of(self.hive) } else { Remains::default() };
        if options.sorted {
            self.run_sorted(&mut walk, &remains.keys, below, sink)?;
        } else {
            self.run_as_stored(&mut walk, sink)?;
            for key in remains.keys.iter().filter(|key| is_below(&key.path, below)) {
                self.emit_deleted(key, sink)?;
            }
        }
        if options.unreferenced && !options.deleted && options.from.is_none() && self.problems.has_damage() {
            for key in Remains::of(self.hive).keys.iter().filter(|key| key.place == Place::Unreferenced) {
                self.emit_deleted(key, sink)?;
            }
        }
        for lost in remains.values.iter().filter(|lost| is_below(&lost.path, below)) {
            self.set_path(&lost.path);
            if self.may_list() {
                let row =
                    KeyRow { path: &self.path.bytes, key: None, class: None, deleted: None, lost_values: 0 };
                sink.begin_key(&row)?;
                self.emit_deleted_values(&lost.values, sink)?;
                sink.end_key()?;
            }
        }
        Ok(self.problems.finish())
    }

    fn run_as_stored(&mut self, walk: &mut Walk<'h>, sink: &mut dyn KeySink) -> io::Result<()> {
        while let Some(Step { key, depth, values }) = walk.step() {
            self.path.enter(depth, &key);
            if !self.may_list() {
                break;
            }
            self.emit(&key, values, sink)?;
            self.take_problems(walk, Some(&key));
        }
        self.take_problems(walk, None);
        Ok(())
    }

    fn run_sorted(
        &mut self,
        walk: &mut Walk<'h>,
        deleted: &[DeletedKey<'h>],
        below: &[u8],
        sink: &mut dyn KeySink,
    ) -> io::Result<()> {
        let mut collected = Collected::default();
        while let Some(Step { key, depth, values }) = walk.step() {
            self.path.enter(depth, &key);
            collected.add(&key, depth, values);
            self.take_problems(walk, Some(&key));
        }
        self.take_problems(walk, None);
        self.path.leave();
        let start = self.path.bytes.clone();
        let deleted: Vec<_> = deleted.iter().filter(|key| is_below(&key.path, below)).collect();
        let mut values = Vec::new();
        for row in collected.by_time(&deleted) {
            let index = match row {
                Row::Deleted(index) => {
                    self.emit_deleted(deleted[index], sink)?;
                    continue;
                }
                Row::Live(index) => index,
            };
            self.path.bytes.clone_from(&start);
            for offset in collected.ancestry(index).into_iter().rev() {
                if let Ok(key) = self.hive.key_at(offset) {
                    join(&mut self.path.bytes, |path| key.name().push_to(path));
                }
            }
            if !self.may_list() {
                break;
            }
            // They could be read just now.
            let Ok(key) = self.hive.key_at(collected.keys[index].offset) else { continue };
            values.clear();
            let offsets = collected.values(index).iter();
            values.extend(offsets.filter_map(|offset| self.hive.value_at(*offset).ok()));
            self.emit(&key, &values, sink)?;
        }
        Ok(())
    }

    /// Whether the paths that were listed so far leave room for the next.
    fn may_list(&mut self) -> bool {
        match self.paths_left.checked_sub(self.path.bytes.len()) {
            Some(left) => {
                self.paths_left = left;
                true
            }
            None => {
                if std::mem::take(&mut self.paths_left) > 0 {
                    let error = ReadError::corrupt("registry hive");
                    self.problems.add(b"", &error.found("paths that are too long to list them all"));
                }
                false
            }
        }
    }

    /// Hands over a key, whose path is known already.
    fn emit(&mut self, key: &Key<'h>, values: &[Value<'h>], sink: &mut dyn KeySink) -> io::Result<()> {
        let class = key.class().unwrap_or_else(|error| {
            self.problems.add(&self.path.bytes, &error);
            None
        });
        self.check_security(key);
        sink.begin_key(&KeyRow {
            path: &self.path.bytes,
            key: Some(key),
            class: class.as_deref(),
            deleted: None,
            lost_values: 0,
        })?;
        for value in values {
            let data = value.data();
            let name = name_of(value, &mut self.name);
            if let Some(error) = data.problem {
                self.problems.add(&self.path.bytes, &error.in_structure(described(name)));
            }
            sink.value(&ValueRow { value, name, data: Some(&data.bytes), deleted: None })?;
        }
        sink.end_key()
    }

    fn emit_deleted(&mut self, deleted: &DeletedKey<'h>, sink: &mut dyn KeySink) -> io::Result<()> {
        self.set_path(&deleted.path);
        if !self.may_list() {
            return Ok(());
        }
        sink.begin_key(&KeyRow {
            path: &self.path.bytes,
            key: Some(&deleted.key),
            // Whether its cell is another's by now is not known.
            class: None,
            deleted: Some(DeletedRow { place: deleted.place, confidence: deleted.confidence }),
            lost_values: deleted.lost_values,
        })?;
        self.emit_deleted_values(&deleted.values, sink)?;
        sink.end_key()
    }

    fn emit_deleted_values(&mut self, values: &[DeletedValue<'h>], sink: &mut dyn KeySink) -> io::Result<()> {
        for deleted in values {
            let name = name_of(&deleted.value, &mut self.name);
            let row = DeletedRow { place: deleted.place, confidence: deleted.confidence };
            let data = deleted.data();
            sink.value(&ValueRow { value: &deleted.value, name, data: data.as_deref(), deleted: Some(row) })?;
        }
        Ok(())
    }

    fn set_path(&mut self, names: &[Vec<u8>]) {
        self.path.bytes.clone_from(&self.mount);
        for name in names {
            join(&mut self.path.bytes, |path| path.extend_from_slice(name));
        }
    }

    /// Tells when the security descriptor of a key cannot be read.
    fn check_security(&mut self, key: &Key<'h>) {
        match key.security_descriptor() {
            Ok(None) => {}
            Ok(Some(descriptor)) => {
                if self.descriptors.insert(descriptor.as_ptr().addr())
                    && let Err(error) = SecurityDescriptor::parse(descriptor, 0)
                {
                    let error = error.in_structure("security descriptor of a key");
                    self.problems.add(&self.path.bytes, &error);
                }
            }
            Err(error) => self.problems.add(&self.path.bytes, &error),
        }
    }

    /// Takes what the walk found wrong on its way to a key, and in it.
    fn take_problems(&mut self, walk: &mut Walk<'h>, key: Option<&Key<'h>>) {
        for problem in walk.take_problems() {
            let is_the_key_s = key.is_some_and(|key| match problem.structure() {
                "key node" => problem.offset() == Some(key.offset().in_file()),
                structure => structure.contains("value"),
            });
            let place = if is_the_key_s { &self.path.bytes[..] } else { b"" };
            self.problems.add(place, &problem);
        }
    }
}

/// The name of a value as WTF-8, in `room` where it is stored otherwise.
fn name_of<'n>(value: &Value<'n>, room: &'n mut Vec<u8>) -> &'n [u8] {
    let name = value.name();
    match name.as_ascii() {
        Some(ascii) => ascii.as_bytes(),
        None => {
            room.clear();
            name.push_to(room);
            room
        }
    }
}

/// Whether names are those of a key at or below a path.
fn is_below(names: &[Vec<u8>], path: &[u8]) -> bool {
    if path.is_empty() {
        return true;
    }
    let above: Vec<&[u8]> = path.split(|byte| *byte == b'\\').collect();
    names.len() >= above.len() && names.iter().zip(above).all(|(name, above)| name == above)
}

fn described(name: &[u8]) -> String {
    match name {
        b"" => "data of the default value".to_owned(),
        name => format!("data of the value {:?}", vminspect_bytes::decode_wtf8(name).0),
    }
}

/// The path of a key in a walk.
struct PathStack {
    bytes: Vec<u8>,
    /// Where the paths of the keys above end.
    ends: Vec<usize>,
}

impl PathStack {
    /// Goes on to a key. That with which the walk began has the path that stands already.
    fn enter(&mut self, depth: usize, key: &Key<'_>) {
        if let Some(end) = depth.checked_sub(1).and_then(|above| self.ends.get(above)) {
            self.bytes.truncate(*end);
            join(&mut self.bytes, |path| key.name().push_to(path));
        }
        self.ends.truncate(depth);
        self.ends.push(self.bytes.len());
    }

    /// Goes back to where the walk began.
    fn leave(&mut self) {
        if let Some(end) = self.ends.first() {
            self.bytes.truncate(*end);
        }
        self.ends.clear();
    }
}

/// What has to be kept of the keys of a hive to list them in another order.
#[derive(Default)]
struct Collected {
    keys: Vec<CollectedKey>,
    values: Vec<CellOffset>,
    /// The last key of each level.
    levels: Vec<usize>,
}

struct CollectedKey {
    ticks: u64,
    offset: CellOffset,
    /// The key above it. That with which the walk began has none.
    parent: Option<usize>,
    first_value: usize,
}

impl Collected {
    fn add(&mut self, key: &Key<'_>, depth: usize, values: &[Value<'_>]) {
        let parent = depth.checked_sub(1).and_then(|above| self.levels.get(above)).copied();
        self.levels.truncate(depth);
        self.levels.push(self.keys.len());
        self.keys.push(CollectedKey {
            ticks: key.last_written_ticks(),
            offset: key.offset(),
            parent,
            first_value: self.values.len(),
        });
        self.values.extend(values.iter().map(Value::offset));
    }

    fn by_time(&self, deleted: &[&DeletedKey<'_>]) -> Vec<Row> {
        let live = self.keys.iter().enumerate().map(|(index, key)| (key.ticks, Row::Live(index)));
        let deleted = deleted.iter().enumerate();
        let deleted = deleted.map(|(index, each)| (each.key.last_written_ticks(), Row::Deleted(index)));
        let mut rows: Vec<(u64, Row)> = live.chain(deleted).collect();
        rows.sort_by_key(|(ticks, _)| *ticks);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn values(&self, index: usize) -> &[CellOffset] {
        let end = self.keys.get(index + 1).map_or(self.values.len(), |next| next.first_value);
        &self.values[self.keys[index].first_value..end]
    }

    /// A key and those above it, without that with which the walk began.
    fn ancestry(&self, index: usize) -> Vec<CellOffset> {
        let mut path = Vec::new();
        let mut next = Some(index);
        while let Some(key) = next.map(|index| &self.keys[index]) {
            if key.parent.is_some() {
                path.push(key.offset);
            }
            next = key.parent;
        }
        path
    }
}

/// A row of a listing in another order, by its place in what was collected.
#[derive(Clone, Copy)]
enum Row {
    Live(usize),
    Deleted(usize),
}

/// What could not be read of a hive, up to a number of problems.
struct Problems {
    coverage: Coverage,
    image: String,
    place: Vec<u8>,
    told: usize,
    untold: usize,
}

impl Problems {
    fn new(image: &str, place: &[u8]) -> Self {
        Self {
            coverage: Coverage::default(),
            image: image.to_owned(),
            place: place.to_vec(),
            told: 0,
            untold: 0,
        }
    }

    /// Adds a problem of the key at a path, or of the hive as a whole.
    fn add(&mut self, path: &[u8], error: &ReadError) {
        if self.told == MOST_PROBLEMS {
            self.untold = self.untold.saturating_add(1);
            return;
        }
        self.told += 1;
        let place = if path.is_empty() { &self.place } else { path };
        self.coverage.add_read_error(&self.image, place, error);
    }

    fn has_damage(&self) -> bool {
        self.coverage.has_failures()
    }

    fn finish(mut self) -> Coverage {
        if self.untold > 0 {
            let rest = format!("{} more that is damaged", self.untold);
            let error = ReadError::corrupt("registry hive").found(rest);
            self.coverage.add_read_error(&self.image, &self.place, &error);
        }
        self.coverage
    }
}
