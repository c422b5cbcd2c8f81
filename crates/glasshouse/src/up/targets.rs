//! Tells Prometheus whom to scrape.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::backing::Place;

/// The folder that Prometheus reads targets from, one file for each job.
#[derive(Clone)]
pub(super) struct Targets(PathBuf);

impl Targets {
    /// The folder, empty: what an earlier run scraped is gone.
    pub(super) fn begin(place: &Place) -> Result<Self> {
        let folder = place.folder("prometheus")?.join("targets");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }

    /// Has a job's groups of targets scraped from now on.
    pub(super) fn add(&self, job: &str, groups: &Value) -> Result<()> {
        let file = self.0.join(format!("{job}.json"));
        // Written aside, for Prometheus looks at once.
        let new = file.with_extension("new");
        fs::write(&new, groups.to_string())?;
        fs::rename(&new, &file).with_context(|| file.display().to_string())
    }
}
