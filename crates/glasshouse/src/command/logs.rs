//! `glasshouse logs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::sleep;

use super::follow::Follower;
use crate::output;
use crate::supervise::last_lines;

/// Shows the end of the logs, and what is added when `follow` is set. Without a
/// name, of all parts together.
///
/// # Errors
/// When there is no such log.
pub async fn run(home: &Path, name: Option<&str>, follow: bool, count: usize) -> Result<()> {
    let logs = find(&home.join("logs"), name)?;
    let width = logs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let alone = name.is_some();
    let show = |name: &str, line: &str| {
        if alone {
            output::line(line);
        } else {
            output::line(&format!("{name:width$} | {line}"));
        }
    };
    let mut followers: Vec<_> = logs
        .iter()
        .map(|(_, path)| Follower::from_end(path))
        .collect();
    for (name, path) in &logs {
        let lines = last_lines(path, count);
        lines.iter().for_each(|line| show(name, line));
    }
    if !follow {
        return Ok(());
    }
    loop {
        for ((name, _), follower) in logs.iter().zip(&mut followers) {
            follower
                .new_lines()
                .iter()
                .for_each(|line| show(name, line));
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn find(folder: &Path, wanted: Option<&str>) -> Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut logs: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .filter_map(|path| Some((path.file_stem()?.to_string_lossy().into_owned(), path)))
        .collect();
    logs.sort();
    if logs.is_empty() {
        bail!("there are no logs yet; `glasshouse up` writes them");
    }
    let Some(wanted) = wanted else {
        return Ok(logs);
    };
    let names: Vec<_> = logs.iter().map(|(name, _)| name.clone()).collect();
    logs.retain(|(name, _)| name == wanted);
    if logs.is_empty() {
        bail!("no log of {wanted}; there are {}", names.join(", "));
    }
    Ok(logs)
}
