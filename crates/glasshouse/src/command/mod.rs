//! What each subcommand does.

pub mod backing;
mod database;
pub mod down;
pub mod follow;
pub mod journey;
pub mod load;
pub mod logs;
pub mod redrive;
pub mod reviews;
pub mod status;

use std::path::Path;

use anyhow::{Context, Result};

use crate::state::{RunState, StateFile};

/// The system that runs in a folder.
fn running(home: &Path) -> Result<RunState> {
    StateFile::in_folder(home)
        .load()
        .filter(RunState::is_alive)
        .context(
            "Glasshouse is not running here; --brokers or --database-url-file names another system",
        )
}
