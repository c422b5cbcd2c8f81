//! Reads what is added to a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Remembers how far a file has been read. A file that is replaced by a shorter
/// one is read from its start again.
pub struct Follower {
    path: PathBuf,
    position: u64,
    unfinished: Vec<u8>,
}

impl Follower {
    /// Follows a file from its start.
    pub fn from_start(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            position: 0,
            unfinished: Vec::new(),
        }
    }

    /// Follows a file from where it ends now.
    pub fn from_end(path: &Path) -> Self {
        let position = path.metadata().map_or(0, |file| file.len());
        Self {
            position,
            ..Self::from_start(path)
        }
    }

    /// The lines that were finished since the last call.
    pub fn new_lines(&mut self) -> Vec<String> {
        // A file that is not there yet has no lines yet.
        let _ = self.read();
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.unfinished.split_off(end + 1);
        let finished = std::mem::replace(&mut self.unfinished, rest);
        String::from_utf8_lossy(&finished)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn read(&mut self) -> std::io::Result<()> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.position {
            self.position = 0;
            self.unfinished.clear();
        }
        file.seek(SeekFrom::Start(self.position))?;
        self.position += file.read_to_end(&mut self.unfinished)? as u64;
        Ok(())
    }
}
