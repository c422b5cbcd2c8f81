//! Where log lines go: a bounded buffer, written by one background thread.
//!
//! Logging never waits for the reader of standard output. The thread writes
//! every 100 ms, at 64 KiB, or at once after an ERROR; lines beyond the bound
//! are dropped and counted.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use file_rotate::compression::Compression;
use file_rotate::suffix::AppendCount;
use file_rotate::{ContentLimit, FileRotate};
use metrics::Counter;

use crate::clock;
use crate::metrics::{TELEMETRY_DROPPED, TELEMETRY_EXPORTED};

const CAPACITY: usize = 4 << 20;
const BATCH: usize = 64 << 10;
const INTERVAL: Duration = Duration::from_millis(100);
const FILE_SIZE: usize = 10_000_000;
const FILES: usize = 5;

#[derive(Default)]
struct State {
    buffer: Vec<u8>,
    lines: u64,
    urgent: bool,
    /// Flushes asked for, and done, so that one can wait for its own.
    asked: u64,
    done: u64,
}

/// The buffer that log lines are appended to.
pub(crate) struct Sink {
    state: Mutex<State>,
    wake: Condvar,
    written: Condvar,
    dropped: Counter,
    exported: Counter,
}

impl Sink {
    /// Starts the thread that writes to standard output and, if given, to a
    /// file that is rotated at 10 MB, five files kept.
    pub(crate) fn start(file: Option<PathBuf>) -> io::Result<Arc<Self>> {
        let sink = Arc::new(Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            written: Condvar::new(),
            dropped: TELEMETRY_DROPPED.counter_handle(&["log_lines"]),
            exported: TELEMETRY_EXPORTED.counter_handle(&["log_lines"]),
        });
        let mut file = file.map(|path| {
            FileRotate::new(
                path,
                AppendCount::new(FILES - 1),
                ContentLimit::BytesSurpassed(FILE_SIZE),
                Compression::None,
                None,
            )
        });
        let writer = Arc::clone(&sink);
        thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run(file.as_mut()))?;
        Ok(sink)
    }

    /// Appends one line (with its newline); drops and counts it when the
    /// buffer is full.
    pub(crate) fn append(&self, line: &[u8], urgent: bool) {
        let mut state = self.lock();
        if state.buffer.len() + line.len() > CAPACITY {
            drop(state);
            self.dropped.increment(1);
            return;
        }
        let before = state.buffer.len();
        state.buffer.extend_from_slice(line);
        state.lines += 1;
        state.urgent |= urgent;
        let wake = urgent || (before < BATCH && state.buffer.len() >= BATCH);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Waits until all lines so far are written, for `timeout` at most.
    pub(crate) fn flush(&self, timeout: Duration) {
        let mut state = self.lock();
        state.asked += 1;
        let mine = state.asked;
        self.wake.notify_one();
        let _ = self
            .written
            .wait_timeout_while(state, timeout, |state| state.done < mine)
            .unwrap_or_else(PoisonError::into_inner);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut file: Option<&mut FileRotate<AppendCount>>) {
        let mut batch = Vec::new();
        loop {
            clock::anchor();
            let due = Instant::now() + INTERVAL;
            let mut state = self.lock();
            while !state.urgent
                && state.asked == state.done
                && state.buffer.len() < BATCH
                && (state.buffer.is_empty() || Instant::now() < due)
            {
                let wait = due.saturating_duration_since(Instant::now());
                state = if state.buffer.is_empty() {
                    // Idle: sleep until a line comes, looking in now and then
                    // so that appending a line need not wake anybody.
                    self.wake
                        .wait_timeout(state, INTERVAL)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                } else {
                    self.wake
                        .wait_timeout(state, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                };
            }
            std::mem::swap(&mut batch, &mut state.buffer);
            let lines = std::mem::take(&mut state.lines);
            let asked = state.asked;
            state.urgent = false;
            drop(state);

            if write(&batch, file.as_deref_mut()).is_ok() {
                self.exported.increment(lines);
            } else {
                self.dropped.increment(lines);
            }
            batch.clear();
            batch.shrink_to(BATCH * 4);
            self.lock().done = asked;
            self.written.notify_all();
        }
    }
}

fn write(batch: &[u8], file: Option<&mut FileRotate<AppendCount>>) -> io::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    if let Some(file) = file {
        // A full disk must not silence standard output.
        let _ = file.write_all(batch);
    }
    let mut output = io::stdout().lock();
    output.write_all(batch)?;
    output.flush()
}
