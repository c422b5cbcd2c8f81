//! A command that runs to its end.

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command to its end; it is killed if nobody waits for it any more.
///
/// # Errors
/// When it cannot be started or fails; with what it wrote.
pub async fn run(command: Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.with_context(|| name.clone())?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        bail!("{name}: {}\n{}", output.status, text.trim());
    }
    Ok(output)
}
