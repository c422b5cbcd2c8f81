//! Which metrics there are, and of what type.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::alerts::texts;

/// The services' metrics: made of their catalogues, and tested to be current.
const METRICS: &str = "docs/metrics.md";

/// What others expose, a file for each job.
const EXPORTED: &str = "infra/prometheus/exported";

/// What a metric says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

/// What one series of a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It only grows: a rate of it means something.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A quantile that its process worked out: it can be combined with no other.
    Quantile,
}

/// Names with their types.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    kinds: BTreeMap<String, Kind>,
    /// Names whose type nobody tells.
    names: BTreeSet<String>,
}

impl Catalogue {
    /// The services' own metrics.
    pub(super) fn of_services(project: &Path) -> Result<Self> {
        let file = project.join(METRICS);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(Self::parse(&text))
    }

    /// Names that others expose, some of which are there only once something has
    /// happened: as they were captured.
    pub(super) fn add_exported(&mut self, project: &Path) -> Result<()> {
        for text in texts(&project.join(EXPORTED), "txt")?.into_values() {
            let names = text.lines().filter(|line| !line.starts_with('#'));
            self.names.extend(names.map(|name| name.trim().to_owned()));
        }
        Ok(())
    }

    /// Rows such as "| `tasks` | gauge | …".
    fn parse(text: &str) -> Self {
        let mut catalogue = Self::default();
        for line in text.lines() {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (Some(name), Some(kind)) = (cells.next(), cells.next()) else {
                continue;
            };
            let name = name.trim_matches('`');
            if let Some(kind) = kind_of(kind) {
                catalogue.kinds.insert(name.to_owned(), kind);
            }
        }
        catalogue
    }

    /// Adds what Prometheus was told by those it scrapes (`/api/v1/metadata`);
    /// what the catalogue says itself stays.
    pub(super) fn add_metadata(&mut self, answer: &Value) {
        for (name, told) in answer["data"].as_object().into_iter().flatten() {
            let mut told = told.as_array().into_iter().flatten();
            let kind = told.find_map(|one| kind_of(one["type"].as_str()?));
            if let Some(kind) = kind {
                self.kinds.entry(name.clone()).or_insert(kind);
            }
        }
    }

    /// Adds names of which no more is known.
    pub(super) fn add_names(&mut self, names: impl IntoIterator<Item = String>) {
        self.names.extend(names);
    }

    /// Whether there is such a series.
    pub(super) fn knows(&self, series: &str) -> bool {
        self.names.contains(series) || self.form(series).is_some()
    }

    /// What a series is, by its metric's type; `None` if nobody says.
    pub(super) fn form(&self, series: &str) -> Option<Form> {
        if let Some(kind) = self.kinds.get(series) {
            return Some(match kind {
                Kind::Counter => Form::Counter,
                // A histogram has no series of its own name.
                Kind::Gauge | Kind::Histogram => Form::Gauge,
                Kind::Summary => Form::Quantile,
            });
        }
        let part = |suffix: &str| {
            let family = series.strip_suffix(suffix)?;
            self.kinds.get(family).copied()
        };
        let counts = match (part("_sum"), part("_count")) {
            (Some(kind), _) | (_, Some(kind)) => matches!(kind, Kind::Histogram | Kind::Summary),
            (None, None) => false,
        };
        let counter = counts
            || part("_bucket") == Some(Kind::Histogram)
            // In OpenMetrics a counter's name is without its suffix.
            || part("_total") == Some(Kind::Counter);
        counter.then_some(Form::Counter)
    }
}

fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_series_is_what_its_metric_makes_of_it() {
        let mut catalogue = Catalogue::parse(
            "| metric | type |\n|---|---|\n| `tasks` | gauge | `status` |\n| `wait_seconds` | histogram |\n",
        );
        catalogue.add_metadata(&json!({"data": {
            "go_gc_duration_seconds": [{"type": "summary"}],
            "calls": [{"type": "counter"}],
            "tasks": [{"type": "counter"}],
            "odd": [{"type": "unknown"}],
        }}));
        assert_eq!(catalogue.form("tasks"), Some(Form::Gauge));
        assert_eq!(catalogue.form("wait_seconds_bucket"), Some(Form::Counter));
        assert_eq!(catalogue.form("wait_seconds_sum"), Some(Form::Counter));
        assert_eq!(
            catalogue.form("go_gc_duration_seconds"),
            Some(Form::Quantile)
        );
        assert_eq!(
            catalogue.form("go_gc_duration_seconds_count"),
            Some(Form::Counter)
        );
        assert_eq!(catalogue.form("calls_total"), Some(Form::Counter));
        assert_eq!(catalogue.form("odd"), None);
        assert!(!catalogue.knows("odd"));
        catalogue.add_names(["odd".to_owned()]);
        assert!(catalogue.knows("odd"));
    }
}
