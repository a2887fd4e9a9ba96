//! Progress on standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vminspect::{Progress, Silent, Stage};

use crate::arguments::{Global, ProgressMode};

/// Time between two reports.
const PAUSE: Duration = Duration::from_millis(100);

/// Progress as the user wants it. A bar is shown only where nothing else is written to the terminal at the
/// same time, which `rows_on_terminal` tells.
pub(crate) fn start(global: &Global, rows_on_terminal: bool) -> Box<dyn Progress> {
    match global.progress {
        ProgressMode::Json => Box::new(Lines::new()),
        ProgressMode::Auto if !global.quiet && !rows_on_terminal && io::stderr().is_terminal() => {
            Box::new(Bar::new())
        }
        _ => Box::new(Silent),
    }
}

/// A bar for people.
struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        bar.enable_steady_tick(PAUSE);
        Self { bar }
    }
}

/// The look of a stage: bytes have units, files are counted, and without a total there is no bar.
fn style(stage: Stage, total: u64) -> ProgressStyle {
    let bytes = matches!(stage, Stage::Comparing | Stage::Hashing);
    let template = match (bytes, total) {
        (true, 0) => "{spinner} {msg} {bytes} ({bytes_per_sec})",
        (true, _) => "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} ({bytes_per_sec}, {eta} left)",
        (false, 0) => "{spinner} {msg} {human_pos} files",
        (false, _) => "{spinner} {msg} [{bar:30}] {human_pos}/{human_len} files",
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

impl Progress for Bar {
    fn stage(&self, stage: Stage, total: u64) {
        self.bar.reset();
        self.bar.set_style(style(stage, total));
        if total > 0 {
            self.bar.set_length(total);
        } else {
            self.bar.unset_length();
        }
        self.bar.set_message(stage.as_str());
    }

    fn advance(&self, amount: u64) {
        self.bar.inc(amount);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Lines of JSON for programs: `{"stage":"hashing","done":1048576,"total":4194304}`.
struct Lines {
    done: AtomicU64,
    current: Mutex<Current>,
}

struct Current {
    stage: Option<Stage>,
    total: u64,
    told: Instant,
}

impl Lines {
    fn new() -> Self {
        Self {
            done: AtomicU64::new(0),
            current: Mutex::new(Current { stage: None, total: 0, told: Instant::now() }),
        }
    }

    fn tell(&self, current: &mut Current) {
        let Some(stage) = current.stage else {
            return;
        };
        current.told = Instant::now();
        let done = self.done.load(Ordering::Relaxed);
        let line =
            format!("{{\"stage\":\"{}\",\"done\":{done},\"total\":{}}}\n", stage.as_str(), current.total);
        // Progress that nobody hears is no reason to stop.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

impl Progress for Lines {
    fn stage(&self, stage: Stage, total: u64) {
        if let Ok(mut current) = self.current.lock() {
            self.tell(&mut current);
            self.done.store(0, Ordering::Relaxed);
            current.stage = Some(stage);
            current.total = total;
            self.tell(&mut current);
        }
    }

    fn advance(&self, amount: u64) {
        self.done.fetch_add(amount, Ordering::Relaxed);
        // Whoever holds the lock is telling already.
        if let Ok(mut current) = self.current.try_lock()
            && current.told.elapsed() >= PAUSE
        {
            self.tell(&mut current);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Ok(mut current) = self.current.lock() {
            self.tell(&mut current);
        }
    }
}
