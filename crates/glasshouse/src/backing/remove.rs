//! Folders with a hundred thousand files, as a run of tests leaves them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io, thread};

/// On a disk that is told of each block that becomes free, the end of a file is
/// a wait, and waits go on side by side.
const HANDS: usize = 16;

/// Removes a folder with all that is in it; if there is none, all is well.
///
/// # Errors
/// When something cannot be removed.
pub(super) fn remove(root: &Path) -> io::Result<()> {
    let mut innermost = Vec::new();
    absent(collect(root, &mut innermost))?;
    let left = Mutex::new(innermost);
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::scope(|scope| {
        for _ in 0..HANDS {
            scope.spawn(|| {
                while let Some(folder) = next() {
                    // What it could not do is tried once more below, and told.
                    let _ = fs::remove_dir_all(folder);
                }
            });
        }
    });
    absent(fs::remove_dir_all(root))
}

/// The folders without folders in them.
fn collect(folder: &Path, innermost: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut alone = true;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            alone = false;
            collect(&entry.path(), innermost)?;
        }
    }
    if alone {
        innermost.push(folder.to_owned());
    }
    Ok(())
}

fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_and_nothing_beyond_a_link_is_touched() {
        let place = tempfile::tempdir().unwrap();
        let (root, beyond) = (place.path().join("root"), place.path().join("beyond"));
        for number in 0..100 {
            let folder = root.join(format!("base/{number}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), "x").unwrap();
        }
        fs::create_dir(&beyond).unwrap();
        std::os::unix::fs::symlink(&beyond, root.join("base/link")).unwrap();
        remove(&root).unwrap();
        assert!(!root.exists() && beyond.exists());
        remove(&root).unwrap();
    }
}
