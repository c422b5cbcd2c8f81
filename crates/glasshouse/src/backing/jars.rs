//! Kafka's jars: fetched once, by Maven, into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{Note, programs};
use crate::{project, supervise};

/// Where the jars are, and the version of Kafka among them.
#[derive(Clone, Debug)]
pub(super) struct Jars {
    pub folder: PathBuf,
    pub version: String,
}

/// Why there can be no real Kafka on this machine.
pub(super) fn obstacle() -> Option<&'static str> {
    match (programs::find("java"), programs::find("mvn")) {
        (None, _) => Some("no Java"),
        (_, None) => Some("no Maven"),
        _ => None,
    }
}

/// The jars that `pom` names, fetched unless the cache holds just these.
pub(super) async fn get(pom: &Path, note: &Note) -> Result<Jars> {
    let content = fs::read_to_string(pom).with_context(|| pom.display().to_string())?;
    let version = between(&content, "<kafka.version>", "</kafka.version>");
    let version = version.with_context(|| format!("no kafka.version in {}", pom.display()))?;
    let home = project::cache()?.join(format!("kafka-{version}"));
    let folder = home.join("libs");
    let stamp = home.join("pom.sha256");
    let digest = Sha256::digest(&content);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&digest) || !folder.exists() {
        note("fetching Kafka's jars with Maven: 57 MB, once");
        fetch(pom, &home, &folder).await?;
        fs::write(&stamp, digest)?;
    }
    let version = version.to_owned();
    Ok(Jars { folder, version })
}

async fn fetch(pom: &Path, home: &Path, folder: &Path) -> Result<()> {
    let maven = programs::find("mvn").context("no mvn")?;
    // Fetched aside and renamed when whole; two runs at once do not meet.
    let aside = home.join(format!("libs.{}", std::process::id()));
    fs::create_dir_all(&aside).with_context(|| aside.display().to_string())?;
    let mut command = Command::new(maven);
    command
        .args(["-q", "-B", "dependency:copy-dependencies", "-f"])
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", aside.display()));
    let fetched = supervise::run(command).await;
    if let Err(error) = fetched {
        let _ = fs::remove_dir_all(&aside);
        return Err(error.context("Maven could not fetch Kafka's jars"));
    }
    let _ = fs::remove_dir_all(folder);
    fs::rename(&aside, folder).with_context(|| folder.display().to_string())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}
