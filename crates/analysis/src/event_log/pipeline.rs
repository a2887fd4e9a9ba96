//! Work on many threads, whose results are taken in order, of which only so many wait.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Results that may wait, for each thread.
const AHEAD: u64 = 4;
/// Stack of a thread. The decoder follows nested structures as deep as it allows.
const STACK: usize = 16 << 20;

struct State<I, T> {
    units: I,
    given: u64,
    taken: u64,
    is_exhausted: bool,
    is_stopped: bool,
    results: BTreeMap<u64, T>,
}

/// What the threads share.
pub(super) struct Pipeline<I, T> {
    state: Mutex<State<I, T>>,
    changed: Condvar,
    window: u64,
}

impl<I: Iterator, T> Pipeline<I, T> {
    fn lock(&self) -> MutexGuard<'_, State<I, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<I, T>>) -> MutexGuard<'a, State<I, T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of work, with its number.
    pub(super) fn next(&self) -> Option<(u64, I::Item)> {
        let mut state = self.lock();
        loop {
            if state.is_stopped || state.is_exhausted {
                return None;
            }
            if state.given < state.taken.saturating_add(self.window) {
                let Some(unit) = state.units.next() else {
                    state.is_exhausted = true;
                    self.changed.notify_all();
                    return None;
                };
                let number = state.given;
                state.given += 1;
                return Some((number, unit));
            }
            state = self.wait(state);
        }
    }

    /// Hands in the result of a piece of work.
    pub(super) fn put(&self, number: u64, result: T) {
        self.lock().results.insert(number, result);
        self.changed.notify_all();
    }

    fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            let number = state.taken;
            if let Some(result) = state.results.remove(&number) {
                state.taken += 1;
                self.changed.notify_all();
                return Some(result);
            }
            if state.is_stopped || (state.is_exhausted && state.given == state.taken) {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }
}

/// Lets the others end when a thread does so before its time.
struct StopOnPanic<'a, I: Iterator, T>(&'a Pipeline<I, T>);

impl<I: Iterator, T> Drop for StopOnPanic<'_, I, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

/// Runs `work` on as many threads as the current pool has. Each calls [`Pipeline::next`] and [`Pipeline::put`] until
/// there is nothing left; `take` gets the results in the order of the units.
///
/// # Errors
/// The first of `take`, which ends it; and when no thread can be started.
pub(super) fn run<I, T>(
    units: I,
    work: impl Fn(&Pipeline<I, T>) + Sync,
    mut take: impl FnMut(T) -> std::io::Result<()>,
) -> std::io::Result<()>
where
    I: Iterator + Send,
    T: Send,
{
    let threads = rayon::current_num_threads().max(1);
    let state =
        State { units, given: 0, taken: 0, is_exhausted: false, is_stopped: false, results: BTreeMap::new() };
    let window = AHEAD.saturating_mul(threads as u64);
    let pipeline = Pipeline { state: Mutex::new(state), changed: Condvar::new(), window };
    thread::scope(|scope| {
        let stop = StopOnPanic(&pipeline);
        let mut started = Ok(());
        for number in 0..threads {
            let body = || {
                let _stop = StopOnPanic(&pipeline);
                work(&pipeline);
            };
            let thread = thread::Builder::new().name("event logs".to_owned()).stack_size(STACK);
            if let Err(error) = thread.spawn_scoped(scope, body) {
                // Those that run do the work.
                started = if number == 0 { Err(error) } else { Ok(()) };
                break;
            }
        }
        let result = started.and_then(|()| {
            while let Some(result) = pipeline.take() {
                take(result)?;
            }
            Ok(())
        });
        pipeline.stop();
        drop(stop);
        result
    })
}
