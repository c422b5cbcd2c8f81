//! Building the tools.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::{Tool, Tools};
use crate::backing::programs;
use crate::progress::{Progress, Step};
use crate::supervise::last_lines;

/// From this version on, Go fetches by itself the version a module asks for.
const OLDEST_GO: (u32, u32) = (1, 21);

/// Builds what is missing or out of date; all of them, or those named.
///
/// # Errors
/// When there is no suitable Go, a name is unknown, or a build fails.
pub async fn build(tools: &Tools, names: &[String], progress: &Progress) -> Result<()> {
    let mut wanted = Vec::new();
    for name in names {
        let known = || {
            tools
                .tool
                .iter()
                .map(|tool| tool.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        wanted.push(
            tools
                .get(name)
                .with_context(|| format!("no tool {name}; there are {}", known()))?,
        );
    }
    if names.is_empty() {
        wanted = tools.tool.iter().collect();
    }
    let (built, missing): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|tool| tools.is_built(tool));
    for tool in built {
        progress.say(&format!("  {} {} is up to date", tool.title, tool.version));
    }
    if missing.is_empty() {
        return Ok(());
    }
    if missing
        .iter()
        .any(|tool| tool.command.iter().any(|word| word == "go"))
    {
        check_go()?;
    }
    let minutes = missing
        .iter()
        .map(|tool| tool.seconds)
        .sum::<u64>()
        .div_ceil(60);
    progress.say(&format!(
        "building {} of them: about {minutes} min on two cores, once",
        missing.len()
    ));
    // One after the other: each keeps every core busy by itself.
    for tool in missing {
        let step = progress.step(&tool.name);
        match build_one(tools, tool, &step).await {
            Ok(()) => step.done(&format!("{} {}", tool.title, tool.version)),
            Err(error) => {
                step.failed(&tool.title);
                return Err(error.context(format!("building {}", tool.title)));
            }
        }
    }
    Ok(())
}

fn check_go() -> Result<()> {
    let go = programs::find("go").context(
        "these are built with Go, and there is no `go` on PATH: install Go 1.21 or later \
         (https://go.dev/dl, or the package golang of a recent distribution)",
    )?;
    let answer = std::process::Command::new(go).arg("version").output()?;
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    let version = answer
        .split_whitespace()
        .find_map(|word| word.strip_prefix("go1."));
    let minor = version.and_then(|rest| rest.split(['.', 'r', 'b', '-']).next()?.parse().ok());
    let recent = minor.is_none_or(|minor| (1, minor) >= OLDEST_GO);
    ensure!(
        recent,
        "these need Go 1.21 or later; this is {}",
        answer.trim()
    );
    Ok(())
}

async fn build_one(tools: &Tools, tool: &Tool, step: &Step) -> Result<()> {
    let scratch = tools.cache.join("build").join(&tool.name);
    let log = tools.cache.join("build").join(format!("{}.log", tool.name));
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    fs::create_dir_all(tools.cache.join("bin"))?;
    // Of what is there now: a change during the build must lead to another.
    let stamp = tools.stamp(tool)?;

    let place = scratch.display().to_string();
    let mut words = tool
        .command
        .iter()
        .map(|word| word.replace("{scratch}", &place));
    let program = words.next().context("an empty command")?;
    let output = File::create(&log).with_context(|| log.display().to_string())?;
    let child = Command::new(program)
        .args(words)
        .envs(&tools.env)
        .current_dir(tools.folder.join(&tool.dir))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()?;
    wait(child, tool, step, &log).await?;

    fs::rename(scratch.join(&tool.name), tools.program(&tool.name))?;
    fs::write(tools.stamp_file(tool), stamp)?;
    fs::remove_dir_all(&scratch)?;
    fs::remove_file(&log)?;
    Ok(())
}

async fn wait(mut child: Child, tool: &Tool, step: &Step, log: &Path) -> Result<()> {
    let since = Instant::now();
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            () = sleep(Duration::from_secs(1)) => {
                let share = 100 * since.elapsed().as_secs() / tool.seconds.max(1);
                let doing = last_lines(log, 1).pop().unwrap_or_default();
                let doing: String = doing.chars().take(50).collect();
                step.note(&format!("{}% of about {} s  {doing}", share.min(99), tool.seconds));
            }
        }
    };
    if !status.success() {
        bail!(
            "{status}\n    {}\n  (all of it: {})",
            last_lines(log, 12).join("\n    "),
            log.display()
        );
    }
    Ok(())
}
