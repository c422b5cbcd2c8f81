//! Prometheus with the project's rules.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::plan::PROMETHEUS;
use super::ahead::{Ahead, Site, Start, answers, at, url};
use crate::backing::Port;
use crate::slo::{self, Preset};
use crate::tools::Found;

impl Site<'_> {
    pub(super) fn prometheus(self, found: Found, port: Port) -> Result<Ahead> {
        let folder = self.place.folder("prometheus")?;
        let config = folder.join("prometheus.yml");
        // A copy, as it looks for targets beside its configuration.
        let source = self.infra("prometheus").join("prometheus.yml");
        fs::copy(&source, &config).with_context(|| source.display().to_string())?;
        copy_rules(self.project, &folder.join("rules"), self.preset)?;
        let start = Start {
            name: PROMETHEUS,
            found,
            arguments: vec![
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", folder.join("data").display()),
                format!("--web.listen-address={}", port.address()),
                "--enable-feature=exemplar-storage".to_owned(),
                "--storage.tsdb.retention.time=15d".to_owned(),
                "--log.level=warn".to_owned(),
            ],
            environment: Vec::new(),
            ready: answers(port, "/-/ready")?,
        };
        Ok(self.ahead(start, url(port), vec![port], vec![(PROMETHEUS, at(port))]))
    }
}

/// The rules as they are now: what an earlier run had is gone.
fn copy_rules(project: &Path, to: &Path, preset: Preset) -> Result<()> {
    let from = project.join("alerts/rules");
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(&from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        match preset {
            Preset::Standard => drop(fs::copy(entry.path(), copy)?),
            Preset::Workshop => {
                let text = fs::read_to_string(entry.path())?;
                let sooner = sooner(&text).with_context(|| entry.path().display().to_string())?;
                fs::write(copy, sooner)?;
            }
        }
    }
    if preset == Preset::Workshop {
        let objectives = slo::load(&project.join(slo::OBJECTIVES))?;
        let rules = slo::generate(&objectives, preset);
        let name = Path::new(slo::RULES).file_name().unwrap_or_default();
        fs::write(to.join(name), rules)?;
    }
    Ok(())
}

/// The same rules, each alert waiting for a thirtieth of its time. The ranges
/// of their queries stay: under four scrape intervals a rate means nothing. As
/// JSON, which is YAML too.
fn sooner(rules: &str) -> Result<String> {
    let mut rules: Value = serde_saphyr::from_str(rules)?;
    let groups = rules["groups"].as_array_mut();
    let rules_of = |group: &mut Value| group["rules"].as_array_mut().map(std::mem::take);
    for group in groups.into_iter().flatten() {
        let mut scaled = rules_of(group).unwrap_or_default();
        for rule in &mut scaled {
            if let Some(wait) = rule.get_mut("for") {
                slo::shorten(wait)?;
            }
        }
        group["rules"] = scaled.into();
    }
    Ok(rules.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_workshop_alerts_wait_for_seconds_and_are_otherwise_the_same() {
        let rules = "
groups:
  - name: g
    rules:
      - {record: a, expr: 'rate(b[5m])'}
      - {alert: A, expr: 'a > 1', for: 2m, labels: {severity: critical}}
      - {alert: B, expr: 'a > 2', labels: {severity: none}}
";
        let same = |rules: &str| serde_saphyr::from_str::<Value>(rules).unwrap();
        assert_eq!(
            same(&sooner(rules).unwrap()),
            same(&rules.replace("2m", "4s"))
        );
    }
}
