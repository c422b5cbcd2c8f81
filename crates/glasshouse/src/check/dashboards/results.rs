//! What the panels were answered, for whoever draws them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use super::model::Dashboard;
use super::panels::{Answer, Filled};
use crate::check::ask::Series;

/// All dashboards as they were seen at one time.
#[derive(Debug, Serialize)]
pub(in crate::check) struct Results {
    seen_at: String,
    dashboards: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct Shown {
    uid: String,
    title: String,
    description: String,
    panels: Vec<Drawn>,
}

#[derive(Debug, Serialize)]
struct Drawn {
    id: u64,
    title: String,
    description: String,
    kind: String,
    grid: Value,
    field: Value,
    answers: Vec<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    unit: String,
    /// A name for each series, in their order.
    names: Vec<String>,
    #[serde(flatten)]
    answer: Answer,
}

impl Results {
    pub(super) fn begin() -> Self {
        Self {
            seen_at: chrono::Utc::now().to_rfc3339(),
            dashboards: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, dashboard: &Dashboard, filled: &[Filled<'_>]) {
        self.dashboards.push(Shown {
            uid: dashboard.uid.clone(),
            title: dashboard.title.clone(),
            description: dashboard.description.clone(),
            panels: filled.iter().map(drawn).collect(),
        });
    }

    /// Writes them as JSON.
    pub(in crate::check) fn write(&self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_vec(self)?).with_context(|| file.display().to_string())
    }
}

fn drawn(filled: &Filled<'_>) -> Drawn {
    let panel = filled.panel;
    let told = filled.answers.iter().filter_map(|(target, answer)| {
        let answer = answer.as_ref().ok()?.clone();
        let names = match &answer {
            Answer::Series(series) => series
                .iter()
                .map(|series| legend(&target.legend_format, series))
                .collect(),
            Answer::Lines(_) | Answer::Traces(_) => Vec::new(),
        };
        Some(Told {
            unit: panel.unit(target).to_owned(),
            names,
            answer,
        })
    });
    Drawn {
        id: panel.id,
        title: panel.title.clone(),
        description: panel.description.clone(),
        kind: panel.kind.clone(),
        grid: panel.grid_pos.clone(),
        field: panel.field_config.defaults.clone(),
        answers: told.collect(),
    }
}

/// "{{service}} p95" with the labels' values.
fn legend(format: &str, series: &Series) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((label, after)) = after.split_once("}}") else {
            break;
        };
        text.push_str(before);
        let value = series.labels.get(label.trim());
        text.push_str(value.map_or("", String::as_str));
        rest = after;
    }
    text.push_str(rest);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_has_the_labels_values() {
        let series = Series {
            labels: [("service", "todo-api"), ("le", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            points: Vec::new(),
        };
        assert_eq!(legend("{{service}} p95", &series), "todo-api p95");
        assert_eq!(legend("{{ le }}{{gone}}", &series), "1");
        assert_eq!(legend("open {{", &series), "open {{");
    }
}
