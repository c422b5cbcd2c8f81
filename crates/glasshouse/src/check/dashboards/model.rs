//! What of a dashboard's JSON is looked at. That all of it is what Grafana
//! understands is shown by its own types (dashboards/test).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// Where the dashboards are, below the project's root.
pub(in crate::check) const FOLDER: &str = "dashboards";

/// A dashboard.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::check) struct Dashboard {
    pub uid: String,
    pub title: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub templating: Templating,
    #[serde(default)]
    pub panels: Vec<Panel>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::check) struct Templating {
    #[serde(default)]
    pub list: Vec<Variable>,
}

/// What is chosen above the panels.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::check) struct Variable {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub query: Value,
    #[serde(default)]
    pub include_all: bool,
    #[serde(default)]
    pub all_value: Option<String>,
    #[serde(default)]
    pub current: Value,
}

impl Variable {
    /// The query's text: both forms are in use.
    pub(in crate::check) fn query(&self) -> &str {
        let nested = self.query["query"].as_str();
        nested.or(self.query.as_str()).unwrap_or_default()
    }
}

/// A panel.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::check) struct Panel {
    pub id: u64,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub grid_pos: Value,
    #[serde(default)]
    pub datasource: Option<Source>,
    #[serde(default)]
    pub targets: Vec<Target>,
    #[serde(default)]
    pub field_config: FieldConfig,
    /// Of a row: what is folded into it.
    #[serde(default)]
    pub panels: Vec<Panel>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(in crate::check) struct FieldConfig {
    #[serde(default)]
    pub defaults: Value,
    #[serde(default)]
    pub overrides: Vec<Override>,
}

#[derive(Clone, Debug, Deserialize)]
pub(in crate::check) struct Override {
    #[serde(default)]
    matcher: Value,
    #[serde(default)]
    properties: Vec<Value>,
}

/// A data source, by its uid.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::check) struct Source {
    #[serde(default)]
    pub uid: String,
}

/// One query of a panel.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::check) struct Target {
    pub ref_id: String,
    #[serde(default)]
    pub datasource: Option<Source>,
    #[serde(default)]
    pub expr: Option<String>,
    #[serde(default)]
    pub legend_format: String,
    /// Of Jaeger: whose traces.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub limit: Option<u64>,
}

/// A file and what is in it.
#[derive(Clone, Debug)]
pub(in crate::check) struct File {
    /// Without its ending.
    pub name: String,
    pub dashboard: Dashboard,
}

/// All of a folder, by name.
pub(in crate::check) fn load(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let dashboard = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        files.push(File {
            name: name.into_owned(),
            dashboard,
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

impl Dashboard {
    /// All panels that show something, those folded into rows too.
    pub(in crate::check) fn shown(&self) -> impl Iterator<Item = &Panel> {
        let all = self.panels.iter();
        let all = all.flat_map(|panel| std::iter::once(panel).chain(&panel.panels));
        all.filter(|panel| !matches!(panel.kind.as_str(), "row" | "text"))
    }
}

impl Panel {
    /// What a query's values are shown in.
    pub(in crate::check) fn unit(&self, target: &Target) -> &str {
        let of_target = |rule: &&Override| {
            rule.matcher["id"] == "byFrameRefID" && rule.matcher["options"] == *target.ref_id
        };
        let rules = self.field_config.overrides.iter().filter(of_target);
        let mut properties = rules.flat_map(|rule| &rule.properties);
        let unit = properties.find(|one| one["id"] == "unit");
        let unit = unit.and_then(|one| one["value"].as_str());
        let default = self.field_config.defaults["unit"].as_str();
        unit.or(default).unwrap_or_default()
    }

    /// Whom a query asks.
    pub(in crate::check) fn source<'a>(&'a self, target: &'a Target) -> &'a str {
        let source = target.datasource.as_ref().or(self.datasource.as_ref());
        source.map_or("", |source| source.uid.as_str())
    }
}
