//! The services' own programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::plan::SERVICES;
use crate::backing::programs::is_executable;
use crate::progress::Progress;
use crate::project;

/// Where the services' programs are: beside this one.
pub(super) fn folder() -> Result<PathBuf> {
    let program = env::current_exe()?;
    Ok(program
        .parent()
        .context("a program without a folder")?
        .to_owned())
}

/// Builds the services unless their programs are there.
pub(super) async fn ensure(project: &Path, progress: &Progress) -> Result<()> {
    let folder = folder()?;
    let missing = |name: &str| !is_executable(&folder.join(name));
    let missing: Vec<_> = SERVICES
        .iter()
        .map(|service| service.name)
        .filter(|name| missing(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    progress.say(&format!("building {} with cargo", missing.join(", ")));
    let mut command = Command::new("cargo");
    command.args(["build", "--workspace"]).current_dir(project);
    // cargo names the folder of its profile `dev` after what it was for.
    let profile = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let profile = if profile == "debug" {
        "dev"
    } else {
        profile.as_str()
    };
    command.args(["--profile", profile]);
    for variable in project::variables_of_cargo_run() {
        command.env_remove(variable);
    }
    let mut command = tokio::process::Command::from(command);
    let status = command.kill_on_drop(true).status().await.context("cargo")?;
    ensure!(status.success(), "cargo build: {status}");
    for name in missing {
        ensure!(
            is_executable(&folder.join(name)),
            "cargo did not put {name} into {}",
            folder.display()
        );
    }
    Ok(())
}
