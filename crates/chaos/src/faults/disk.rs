//! A disk that is full: no file of the server may grow, by the limit that the
//! kernel has for that (`prlimit --fsize`). A write that would make one longer
//! fails, as it does on a full disk.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use glasshouse::supervise::Account;

use super::{Came, process};
use crate::fault::{Store, Target};
use crate::world::{World, store_process, tree};

/// Fills it for a while; then starts the server again, if it did not survive.
pub async fn fill(world: &World, store: Store, lasts: Duration) -> Result<Came> {
    let server = store_process(&world.ground, store)?;
    let account = server.spec().account.as_ref();
    let all = server.pid().map(tree).unwrap_or_default();
    let limited = limit(&all, "0:", account).await;
    if limited.is_ok() {
        tokio::time::sleep(lasts).await;
    }
    // What the server has started meanwhile inherited the limit.
    let all = server.pid().map(tree).unwrap_or_default();
    let lifted = limit(&all, "unlimited:", account).await;
    if let Err(why) = limited.and(lifted) {
        return Ok(Came::Skipped(why));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let target = Target::Store(store);
    let survived = server.pid().is_some();
    if !survived {
        process::comeback(world, target).await?;
    }
    let what = if survived {
        "it lived on"
    } else {
        "it ended, and was started again"
    };
    Ok(Came::Done(what.to_owned()))
}

/// As the server's own user: nobody else may, not even root without more rights.
async fn limit(pids: &[u32], size: &str, account: Option<&Account>) -> Result<(), String> {
    for pid in pids {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &pid.to_string(), &format!("--fsize={size}")]);
        if let Some(account) = account {
            account.apply(&mut command);
        }
        let output = tokio::process::Command::from(command).output().await;
        let output = output.map_err(|error| format!("prlimit cannot be run: {error}"))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            // A connection may have ended meanwhile.
            if why.contains("No such process") {
                continue;
            }
            return Err(format!("prlimit was refused: {}", why.trim()));
        }
    }
    Ok(())
}
