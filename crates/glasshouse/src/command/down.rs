//! `glasshouse down`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::backing::{self, Place};
use crate::output;
use crate::state::{Lock, RunState, StateFile};

/// The launcher ends everything in ten seconds; then it is ended itself.
const PATIENCE: Duration = Duration::from_secs(12);

/// Ends the run of a folder, and whatever a crashed run left in it.
///
/// # Errors
/// When something could not be ended.
pub async fn run(home: &Path) -> Result<ExitCode> {
    if !home.exists() {
        output::line("Nothing was running.");
        return Ok(ExitCode::SUCCESS);
    }
    let place = Place::open(home)?;
    let supervisor = StateFile::in_folder(home)
        .load()
        .filter(RunState::is_alive)
        .and_then(|run| run.supervisor);
    let mut ended = Vec::new();
    if let Some(supervisor) = supervisor {
        output::line(&format!(
            "ending the launcher (process {}) and everything it started",
            supervisor.pid
        ));
        tokio::task::spawn_blocking(move || supervisor.end(PATIENCE)).await?;
        ended.push("everything".to_owned());
    }
    let free = Lock::take(home)?.is_some();
    ensure!(free, "another launcher is just starting here; try again");
    ended.extend(backing::clean(&place)?);
    let what = if ended.is_empty() {
        "Nothing was running.".into()
    } else {
        format!("ended {}", ended.join(", "))
    };
    output::line(&what);
    Ok(ExitCode::SUCCESS)
}
