//! Temporary folders for private services, swept when their owner is gone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::Place;
use crate::supervise::pid_file;

const PREFIX: &str = "glasshouse-backing-";
/// The file, beside the pid files, that names who the folder belongs to.
const OWNER: &str = "owner";

/// A new temporary place, after removing those whose owner has died.
///
/// # Errors
/// When it cannot be created.
pub fn scratch() -> Result<Place> {
    sweep();
    let mut unique = uuid::Uuid::new_v4().simple().to_string();
    unique.truncate(8);
    let root = std::env::temp_dir().join(format!("{PREFIX}{unique}"));
    let place = Place::open(&root)?;
    pid_file::write(&place.run().join(OWNER), std::process::id())?;
    Ok(place)
}

/// Leftovers are a convenience to remove: nothing fails because of them.
fn sweep() {
    let entries = fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if ours && is_left_over(&entry.path()) {
            let _ = Place::open(&entry.path()).and_then(|place| {
                clean(&place)?;
                place.remove()
            });
        }
    }
}

/// A folder without an owner is just being made or just being removed; unless
/// that was interrupted long ago.
fn is_left_over(root: &Path) -> bool {
    match pid_file::read(&root.join("run").join(OWNER)) {
        Some(owner) => !owner.is_alive(),
        None => {
            let changed = root.metadata().and_then(|root| root.modified());
            let age = changed.ok().and_then(|changed| changed.elapsed().ok());
            age.is_some_and(|age| age > Duration::from_secs(3600))
        }
    }
}

/// Ends every process that a place still has a pid file of. Returns their names.
///
/// # Errors
/// When the pid files cannot be read.
pub fn clean(place: &Place) -> Result<Vec<String>> {
    let mut ended = Vec::new();
    for entry in fs::read_dir(place.run())?.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "pid") {
            continue;
        }
        if pid_file::clean(&path, Duration::from_secs(3))?.is_some() {
            ended.push(
                path.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    Ok(ended)
}
