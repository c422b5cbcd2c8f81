//! The data sources that Grafana is provisioned with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// The file, below the project's root.
const FILE: &str = "infra/grafana/provisioning/datasources/datasources.yaml";

/// One of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::check) struct Source {
    pub uid: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// How it leads to others.
    #[serde(default)]
    pub json_data: Value,
}

#[derive(Deserialize)]
struct File {
    datasources: Vec<Source>,
}

/// All of them.
pub(in crate::check) fn load(project: &Path) -> Result<Vec<Source>> {
    let file = project.join(FILE);
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    parse(&text).with_context(|| file.display().to_string())
}

/// In such a file a dollar is written as two.
pub(super) fn parse(text: &str) -> Result<Vec<Source>> {
    let file: File = serde_saphyr::from_str(&text.replace("$$", "$"))?;
    Ok(file.datasources)
}
