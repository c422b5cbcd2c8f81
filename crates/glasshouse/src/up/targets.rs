//! Tells Prometheus whom to scrape.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::backing::Place;

const PROMETHEUS: &str = "prometheus";
const FOLDER: &str = "targets";

fn file(job: &str) -> String {
    format!("{job}.json")
}

/// Where a run in this folder has Prometheus look for the targets of a job.
pub(crate) fn of_job(home: &Path, job: &str) -> PathBuf {
    home.join(PROMETHEUS).join(FOLDER).join(file(job))
}

/// The folder that Prometheus reads targets from, one file for each job.
#[derive(Clone)]
pub(super) struct Targets(PathBuf);

impl Targets {
    /// The folder, empty: what an earlier run scraped is gone.
    pub(super) fn begin(place: &Place) -> Result<Self> {
        let folder = place.folder(PROMETHEUS)?.join(FOLDER);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }

    /// Has a job's groups of targets scraped from now on.
    pub(super) fn add(&self, job: &str, groups: &Value) -> Result<()> {
        let file = self.0.join(file(job));
        // Written aside, for Prometheus looks at once.
        let new = file.with_extension("new");
        fs::write(&new, groups.to_string())?;
        fs::rename(&new, &file).with_context(|| file.display().to_string())
    }
}
