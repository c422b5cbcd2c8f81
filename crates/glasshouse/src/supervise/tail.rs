//! The end of a log file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How much of the end is looked at for each line that is wanted: few lines are
/// longer.
const WINDOW: u64 = 2 * 1024;

/// The last `count` lines of a file; empty when it cannot be read.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let window = WINDOW * (count as u64 + 8);
    let text = read_end(path, window).unwrap_or_default();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let skip = lines.len().saturating_sub(count);
    lines[skip..].iter().map(ToString::to_string).collect()
}

fn read_end(path: &Path, window: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(window)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
