//! Do the queries of the runbooks run?

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::alerts::{RUNBOOKS, texts};
use super::ask::{Http, Window};
use super::catalogue::Catalogue;
use super::outcome::Outcome;
use super::places::Places;
use super::promql;

/// How far back logs are looked at.
const BACK: f64 = 900.0;

/// A query in a runbook.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    language: Language,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Language {
    Prom,
    Log,
}

/// Sends each of them. An empty answer is right where all is well; an error is
/// not, and neither is a metric that nobody exposes.
pub(super) async fn run(
    project: &Path,
    catalogue: &Catalogue,
    http: &Http,
    places: &Places,
) -> Result<Outcome> {
    let runbooks = texts(&project.join(RUNBOOKS), "md")?;
    let mut outcome = Outcome::new("runbook queries");
    for (name, queries) in read(&runbooks) {
        if queries.is_empty() {
            outcome.fails(format!("{name}: no query at all"));
        }
        for query in queries {
            let faults = match query.language {
                Language::Prom => {
                    let mut faults = unknown(&query.text, catalogue);
                    let answer = http.instant(places.prometheus()?, &query.text).await;
                    faults.extend(answer.err().map(|error| format!("{error:#}")));
                    faults
                }
                Language::Log => {
                    let window = Window::last(BACK, 60.0);
                    let answer = http.logs(places.loki()?, &query.text, window).await;
                    answer
                        .err()
                        .map(|error| format!("{error:#}"))
                        .into_iter()
                        .collect()
                }
            };
            let place = format!("{name}: {}", query.text);
            outcome.judge(&place, faults);
        }
    }
    Ok(outcome)
}

fn unknown(query: &str, catalogue: &Catalogue) -> Vec<String> {
    match promql::parse(query) {
        Ok(expr) => {
            let names = promql::names(&expr).into_iter();
            let unknown = names.filter(|name| !catalogue.knows(name));
            unknown
                .map(|name| format!("nobody exposes {name}"))
                .collect()
        }
        Err(error) => vec![error],
    }
}

/// The fenced blocks of each runbook.
fn read(runbooks: &BTreeMap<String, String>) -> BTreeMap<&str, Vec<Query>> {
    let all = runbooks.iter().filter(|(name, _)| *name != "README");
    all.map(|(name, text)| (name.as_str(), queries(text)))
        .collect()
}

fn queries(text: &str) -> Vec<Query> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let language = match line.trim() {
            "```promql" => Language::Prom,
            "```logql" => Language::Log,
            _ => continue,
        };
        let block: Vec<_> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .collect();
        found.push(Query {
            language,
            text: block.join("\n"),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_queries_are_found() {
        let text =
            "# A\n```promql\nsum(\n  up)\n```\nthen\n```logql\n{a=\"b\"}\n```\n```sh\nls\n```\n";
        let found = queries(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text, "sum(\n  up)");
        assert_eq!(found[1].language, Language::Log);
    }

    #[test]
    fn a_metric_that_nobody_exposes_is_named() {
        let mut catalogue = Catalogue::default();
        catalogue.add_names(["up".to_owned()]);
        assert!(unknown("sum(up)", &catalogue).is_empty());
        assert_eq!(unknown("sum(upp)", &catalogue), ["nobody exposes upp"]);
    }
}
