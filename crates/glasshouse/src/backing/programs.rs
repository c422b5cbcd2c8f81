//! Finding the machine's own programs.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where distributions put programs that are on root's PATH only.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/usr/local/bin"];

/// Finds an executable by name: on PATH, or where system programs are.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| is_executable(candidate))
}

/// Whether this is a file that may be executed by somebody.
pub fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Asks a program for its version: the first thing in its answer that looks
/// like one.
pub fn version(program: &Path, argument: &str) -> Option<String> {
    let answer = Command::new(program).arg(argument).output().ok()?;
    let text = [answer.stdout, answer.stderr].concat();
    first_version(&String::from_utf8_lossy(&text))
}

/// The first word like `1.2` or `v1.2.3-rc.1`, without the `v`.
fn first_version(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || ",;()=\"".contains(c))
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(|word| word.split('+').next().unwrap_or(word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::first_version;

    #[test]
    fn versions_are_found_in_what_programs_answer() {
        for (answer, version) in [
            (
                "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)",
                "15.13",
            ),
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0",
                "7.0.15",
            ),
            (
                "prometheus, version 2.42.0+ds (branch: debian/sid)",
                "2.42.0",
            ),
            ("otelcol version v0.159.0", "0.159.0"),
        ] {
            assert_eq!(first_version(answer).as_deref(), Some(version));
        }
        assert_eq!(first_version("no version here"), None);
    }
}
