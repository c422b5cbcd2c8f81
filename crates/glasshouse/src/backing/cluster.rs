//! Creating a PostgreSQL data directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::place::write_secret;
use super::programs;
use crate::supervise::{self, Account};

/// Debian and its kin install each major version here and put none on PATH.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

/// The folder of the server programs: of the version that wrote `data` if there
/// is data already, else the newest.
pub(super) fn programs_for(data: &Path) -> Result<PathBuf> {
    let candidates = installed();
    let Ok(wanted) = fs::read_to_string(data.join("PG_VERSION")) else {
        let newest = candidates.into_iter().next_back();
        return newest.map(|(_, folder)| folder).context(
            "no PostgreSQL server on this machine (looked for initdb and postgres on PATH and in \
             /usr/lib/postgresql): install the package postgresql, or run `make demo`, which does",
        );
    };
    let wanted = wanted.trim();
    let same = candidates
        .into_iter()
        .find(|(version, _)| version.to_string() == wanted);
    same.map(|(_, folder)| folder).with_context(|| {
        let folder = data.display();
        format!("{folder} was written by PostgreSQL {wanted}, which is not installed; remove it to begin anew")
    })
}

/// Major versions and folders, oldest first.
fn installed() -> Vec<(u32, PathBuf)> {
    let debian = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().flatten();
    let debian = debian.map(|entry| entry.path().join("bin"));
    let on_path = programs::find("postgres")
        .and_then(|program| fs::canonicalize(program).ok())
        .and_then(|program| Some(program.parent()?.to_owned()));
    let mut found: Vec<_> = debian
        .chain(on_path)
        .filter(|folder| programs::is_executable(&folder.join("initdb")))
        .filter_map(|folder| {
            let version = programs::version(&folder.join("postgres"), "--version")?;
            Some((version.split('.').next()?.parse().ok()?, folder))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Creates `<folder>/data` unless it is there.
pub(super) async fn create(
    bin: &Path,
    folder: &Path,
    account: Option<&Account>,
    admin: &str,
    password: &str,
) -> Result<()> {
    let data = folder.join("data");
    if data.join("PG_VERSION").exists() {
        return Ok(());
    }
    // Created aside and renamed when whole: an interrupted creation leaves
    // nothing that looks like data.
    let unfinished = folder.join("data.new");
    let _ = fs::remove_dir_all(&unfinished);
    let password_file = folder.join("password");
    write_secret(&password_file, password)?;
    if let Some(account) = account {
        account.own(&password_file)?;
    }
    let mut command = Command::new(bin.join("initdb"));
    command
        .arg("--pgdata")
        .arg(&unfinished)
        .arg("--pwfile")
        .arg(&password_file)
        .args(["--username", admin, "--auth=scram-sha-256"])
        .args([
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ])
        .current_dir(folder);
    if let Some(account) = account {
        account.apply(&mut command);
    }
    let created = supervise::run(command).await;
    let _ = fs::remove_file(&password_file);
    created?;
    fs::rename(&unfinished, &data).with_context(|| data.display().to_string())
}
