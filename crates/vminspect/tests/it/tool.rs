//! Runs the program.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// What a run came to.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("output is UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.text(), self.err))
    }

    /// The run, when it ended with `code`.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", String::from_utf8_lossy(&self.out), self.err);
        self
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vminspect"));
    command.env_remove("NO_COLOR").current_dir(root()).stdin(Stdio::null());
    command
}

pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    finished(program().args(arguments).output().expect("the program runs"))
}

pub(crate) fn finished(output: Output) -> Run {
    Run {
        code: output.status.code().expect("no signal"),
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A directory with the sample hives of `fixtures/registry`, unpacked.
pub(crate) fn hives() -> &'static Path {
    static HIVES: LazyLock<PathBuf> = LazyLock::new(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hives");
        fs::create_dir_all(&directory).unwrap();
        for entry in fs::read_dir(root().join("fixtures/registry")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(hive) = name.strip_suffix(".gz").filter(|name| name.contains(".hive")) {
                unpack(&name, &directory.join(hive));
            }
        }
        directory
    });
    &HIVES
}

/// Writes a sample hive, or a log of one, to a file.
pub(crate) fn unpack(name: &str, to: &Path) {
    let packed = fs::read(root().join("fixtures/registry").join(name)).unwrap();
    let mut bytes = vec![0; 4 << 20];
    let length = libdeflater::Decompressor::new().gzip_decompress(&packed, &mut bytes).unwrap();
    fs::write(to, &bytes[..length]).unwrap();
}

pub(crate) const BEFORE: &str = "fixtures/samples/before.qcow2";
pub(crate) const AFTER: &str = "fixtures/samples/after.qcow2";
pub(crate) const WINDOWS_BEFORE: &str = "fixtures/windows/before.qcow2";
pub(crate) const WINDOWS_AFTER: &str = "fixtures/windows/after.qcow2";
pub(crate) const WINDOWS_REGISTRY: &str = "fixtures/windows_registry/gpt.qcow2";
pub(crate) const WINDOWS_REGISTRY_2: &str = "fixtures/windows_registry/mbr.qcow2";

/// What a fixture holds that is packed with zstd, by its path in `fixtures`.
pub(crate) fn zstd(name: &str) -> Vec<u8> {
    let file = fs::File::open(root().join("fixtures").join(name)).expect(name);
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(file).expect("a zstd frame");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut decoder, &mut bytes).expect("a whole frame");
    bytes
}

/// Names of the fixtures in a directory that end so, without that end, sorted.
pub(crate) fn fixtures(directory: &str, end: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join("fixtures").join(directory)).expect(directory);
    let names = entries.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(end).map(str::to_owned)).collect();
    names.sort();
    assert!(!names.is_empty(), "no fixture {directory}/*{end}");
    names
}
