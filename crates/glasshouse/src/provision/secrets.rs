//! Passwords, keys and tokens, each in the folder of those who need it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::ALERT_TOKEN;
use crate::backing::random_secret;
use crate::output;
use crate::signing;

/// Where containers find PostgreSQL.
const POSTGRES: &str = "postgres:5432";
/// A service, and its database with the role of the same name.
const DATABASES: [(&str, &str); 3] = [
    ("todo-api", "todo"),
    ("chat-gateway", "chat"),
    ("event-worker", "worker"),
];

/// Makes whatever is missing below `root`; what is there stays, so that a
/// second start finds the databases of the first.
///
/// Every container mounts the folder of its own alone, which is what keeps a
/// secret from others: the files in it may be read by whatever user it runs as.
///
/// # Errors
/// When a folder is missing or cannot be written.
pub fn secrets(root: &Path) -> Result<()> {
    let folder = |name: &str| root.join(name);
    keep(&folder("postgres").join("admin"), random_secret)?;
    for (service, database) in DATABASES {
        let password = keep(&folder("postgres").join(database), random_secret)?;
        let url = format!("postgres://{database}:{password}@{POSTGRES}/{database}");
        write(&folder(service).join("database-url"), &url)?;
    }
    let exporter = keep(&folder("postgres").join("exporter"), random_secret)?;
    write(&folder("postgres-exporter").join("password"), &exporter)?;

    let private = folder("chat-gateway").join("auth-private.pem");
    let pem = match fs::read_to_string(&private) {
        Ok(pem) => pem,
        Err(_) => {
            let pem = signing::generate()?;
            write(&private, &pem)?;
            pem
        }
    };
    let public = signing::public_of(&pem).context("auth-private.pem")?;
    write(&folder("todo-api").join("auth-public.pem"), &public)?;

    let token = keep(&folder("chat-gateway").join(ALERT_TOKEN), random_secret)?;
    write(&folder("alertmanager").join(ALERT_TOKEN), &token)?;
    output::line(&format!("secrets are in {}", root.display()));
    Ok(())
}

/// What is there, or else what `make` makes.
fn keep(path: &Path, make: fn() -> String) -> Result<String> {
    if let Ok(found) = fs::read_to_string(path) {
        return Ok(found);
    }
    let made = make();
    write(path, &made)?;
    Ok(made)
}

/// Written aside and renamed: a start that is cut off leaves no half secret.
/// Whoever has the folder may read it.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write(path: &Path, content: &str) -> Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, content)
        .and_then(|()| fs::set_permissions(&aside, fs::Permissions::from_mode(0o444)))
        .and_then(|()| fs::rename(&aside, path))
        .with_context(|| path.display().to_string())
}
