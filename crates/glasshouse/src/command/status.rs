//! `glasshouse status`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::components::State;
use crate::state::{Phase, RunState, StateFile};
use crate::{output, table};

/// Shows the run of a folder: as a table, or as JSON for programs. Succeeds when
/// it is ready and nothing in it is down.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn run(home: &Path, json: bool) -> Result<ExitCode> {
    let run = StateFile::in_folder(home).load().map(as_it_is);
    if json {
        output::line(&serde_json::to_string_pretty(&run)?);
    } else {
        match &run {
            Some(run) if run.phase != Phase::Stopped => output::line(&table::render(run)),
            _ => output::line("Glasshouse is not running here; `glasshouse up` starts it."),
        }
    }
    let well = |run: &RunState| {
        let fine = |state| matches!(state, State::Running | State::Off);
        run.phase == Phase::Ready && run.components.iter().all(|row| fine(row.state))
    };
    let code = if run.as_ref().is_some_and(well) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    Ok(code)
}

/// A launcher that crashed could not write that it ended.
fn as_it_is(mut run: RunState) -> RunState {
    if !run.is_alive() {
        run.phase = Phase::Stopped;
        run.supervisor = None;
        for row in &mut run.components {
            row.state = State::Stopped;
            row.pid = None;
        }
    }
    run
}
