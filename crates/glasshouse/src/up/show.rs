//! Shows what happens to each part: on the terminal, and on the board.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::backing::Note;
use crate::components::{Board, Component, State};
use crate::progress::Progress;
use crate::supervise::{self, Event, Process};

/// Where it is shown.
#[derive(Clone)]
pub(super) struct Show {
    pub board: Board,
    pub progress: Progress,
}

impl Show {
    /// Shows a start while it goes on, and its outcome on the board.
    pub(super) async fn bring<T, F>(
        &self,
        name: &str,
        start: impl FnOnce(Note) -> F,
        describe: impl FnOnce(&T, &mut Component),
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.board.update(name, |row| row.state = State::Starting);
        let step = Arc::new(self.progress.step(name));
        let noting = Arc::clone(&step);
        let result = start(Arc::new(move |text: &str| noting.note(text))).await;
        match &result {
            Ok(started) => {
                self.board.update(name, |row| {
                    describe(started, row);
                    row.state = State::Running;
                });
                let address = self
                    .board
                    .get(name)
                    .and_then(|row| row.address.or(row.admin));
                step.done(&address.unwrap_or_default());
            }
            Err(error) => {
                let reason = format!("{error:#}");
                let reason = reason.lines().next().unwrap_or_default().to_owned();
                self.board.update(name, |row| {
                    row.state = State::Failed;
                    row.notes.push(reason);
                });
                step.failed("failed");
            }
        }
        result.with_context(|| name.to_owned())
    }

    /// Keeps a process alive, and tells of its deaths and returns.
    pub(super) async fn watch(self, process: Process) {
        let watched = process.clone();
        supervise::watch(process, |event| self.report(&watched, event)).await;
    }

    fn report(&self, process: &Process, event: &Event) {
        let name = &process.spec().name;
        match event {
            Event::Died {
                status,
                last_lines,
                again_in,
            } => {
                self.board.update(name, |row| {
                    row.state = State::Restarting;
                    row.pid = None;
                });
                let lines = last_lines.join("\n    ");
                let pause = again_in.as_secs_f64();
                self.progress.say(&format!(
                    "✗ {name} died ({status}); starting it again in {pause} s\n    {lines}"
                ));
            }
            Event::StillDown { reason, again_in } => {
                self.progress.say(&format!(
                    "✗ {name} is still down, again in {} s: {reason}",
                    again_in.as_secs_f64()
                ));
            }
            Event::Back => {
                self.board.update(name, |row| {
                    row.state = State::Running;
                    row.pid = process.pid();
                });
                self.progress.say(&format!("✓ {name} is back"));
            }
        }
    }
}
