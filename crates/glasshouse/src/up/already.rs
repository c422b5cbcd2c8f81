//! A second `up` while one runs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::output;
use crate::state::StateFile;

/// Says so. Nothing is started, and that is a failure to whoever relies on it.
pub(super) fn running(home: &Path) -> Result<ExitCode> {
    let state = StateFile::in_folder(home).load();
    let who = state.filter(crate::state::RunState::is_alive).map(|run| {
        let pid = run
            .supervisor
            .as_ref()
            .map_or(0, |supervisor| supervisor.pid);
        let since = run
            .started_at
            .with_timezone(&chrono::Local)
            .format("%H:%M:%S");
        let page = run
            .address("chat-gateway")
            .map(|page| format!(", {page}"))
            .unwrap_or_default();
        format!(" (process {pid}, since {since}{page})")
    });
    output::aside(&format!(
        "Glasshouse is running here already{}.\n`glasshouse status` shows it, `glasshouse down` ends it.",
        who.unwrap_or_default()
    ));
    Ok(ExitCode::FAILURE)
}
