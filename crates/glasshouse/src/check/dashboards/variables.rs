//! What stands for a variable in a query.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use regex::Regex;
use url::Url;

use super::model::{Dashboard, Variable};
use crate::check::ask::Http;

/// Values by name.
pub(in crate::check) type Scope = BTreeMap<String, String>;

static USED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\$\{(?<braces>\w+)(?::\w+)?\}|\$(?<plain>\w+)|\[\[(?<old>\w+)\]\]").ok()
});

/// Grafana's own, for a panel of a quarter of an hour with a point every five
/// seconds over a data source that is scraped as often: the tightest there is.
fn built_in(scrape_seconds: u64) -> Scope {
    let rate = scrape_seconds * 4;
    [
        ("__rate_interval", format!("{rate}s")),
        ("__interval", format!("{scrape_seconds}s")),
        ("__interval_ms", format!("{scrape_seconds}000")),
        ("__auto", "60s".to_owned()),
        ("__range", "900s".to_owned()),
        ("__range_s", "900".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The names used in a text.
pub(in crate::check) fn used(text: &str) -> BTreeSet<String> {
    let found = USED.iter().flat_map(|used| used.captures_iter(text));
    let name = |captures: regex::Captures<'_>| {
        let name = captures.name("braces").or(captures.name("plain"));
        Some(name.or(captures.name("old"))?.as_str().to_owned())
    };
    found.filter_map(name).collect()
}

/// The text with values in place of names; a name without a value is the error.
pub(in crate::check) fn fill(text: &str, scope: &Scope) -> Result<String, String> {
    if let Some(name) = used(text).iter().find(|name| !scope.contains_key(*name)) {
        return Err(format!("uses the variable {name}, which is not there"));
    }
    let Some(pattern) = USED.as_ref() else {
        return Ok(text.to_owned());
    };
    let value = |captures: &regex::Captures<'_>| {
        let names = ["braces", "plain", "old"];
        let name = names.into_iter().find_map(|name| captures.name(name));
        let value = name.and_then(|name| scope.get(name.as_str()));
        value.cloned().unwrap_or_default()
    };
    Ok(pattern.replace_all(text, value).into_owned())
}

/// Values for what needs no running system: each choice is "all".
pub(in crate::check) fn anything(dashboard: &Dashboard, scrape_seconds: u64) -> Scope {
    let mut scope = built_in(scrape_seconds);
    for variable in &dashboard.templating.list {
        let value = match variable.kind.as_str() {
            "query" => ".*".to_owned(),
            _ => chosen(variable),
        };
        scope.insert(variable.name.clone(), value);
    }
    scope
}

/// Values from the running system, and what is wrong with each variable.
pub(in crate::check) async fn resolve(
    dashboard: &Dashboard,
    scrape_seconds: u64,
    http: &Http,
    prometheus: &Url,
) -> (Scope, Vec<(String, Result<usize>)>) {
    let mut scope = built_in(scrape_seconds);
    let mut found = Vec::new();
    for variable in &dashboard.templating.list {
        let values = match variable.kind.as_str() {
            "query" => values(variable, &scope, http, prometheus).await,
            _ => Ok(vec![chosen(variable)]),
        };
        let value = match &values {
            Ok(values) if variable.include_all => match &variable.all_value {
                Some(all) if !all.is_empty() => all.clone(),
                _ => format!("({})", values.join("|")),
            },
            Ok(values) => values.first().cloned().unwrap_or_default(),
            Err(_) => String::new(),
        };
        scope.insert(variable.name.clone(), value);
        found.push((variable.name.clone(), values.map(|values| values.len())));
    }
    (scope, found)
}

/// What is chosen before anybody has chosen.
fn chosen(variable: &Variable) -> String {
    let current = variable.current["value"].as_str();
    let first = variable.query().split(',').next().unwrap_or_default();
    current.unwrap_or(first).trim().to_owned()
}

/// `label_values(metric{…}, label)` or `label_values(label)`.
async fn values(
    variable: &Variable,
    scope: &Scope,
    http: &Http,
    prometheus: &Url,
) -> Result<Vec<String>> {
    let query = fill(variable.query(), scope).map_err(anyhow::Error::msg)?;
    let (of, label) = label_values(&query).with_context(|| {
        format!("{query:?} is not label_values(metric, label), which is all that is understood")
    })?;
    let matching: Vec<_> = of.map(|of| ("match[]", of)).into_iter().collect();
    let path = format!("/api/v1/label/{label}/values");
    let answer = http.get(prometheus, &path, &matching).await?;
    let values = answer["data"].as_array().into_iter().flatten();
    let values: Vec<_> = values
        .filter_map(|value| value.as_str().map(ToOwned::to_owned))
        .collect();
    ensure!(!values.is_empty(), "{query} has no values");
    Ok(values)
}

fn label_values(query: &str) -> Option<(Option<&str>, &str)> {
    let inner = query
        .trim()
        .strip_prefix("label_values(")?
        .strip_suffix(')')?;
    Some(match inner.rsplit_once(',') {
        Some((of, label)) => (Some(of.trim()), label.trim()),
        None => (None, inner.trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_each_spelling() {
        let text = "a{b=~\"$one\", c=\"${two:regex}\"}[$__rate_interval] [[three]] \"x$\"";
        let names: Vec<_> = used(text).into_iter().collect();
        assert_eq!(names, ["__rate_interval", "one", "three", "two"]);
    }

    #[test]
    fn a_name_without_a_value_is_told() {
        let scope = built_in(5);
        assert_eq!(
            fill("rate(a[$__rate_interval])", &scope).unwrap(),
            "rate(a[20s])"
        );
        let error = fill("a{service=~\"$service\"}", &scope).unwrap_err();
        assert!(error.contains("variable service"), "{error}");
    }

    #[test]
    fn label_values_is_understood() {
        assert_eq!(
            label_values("label_values(up{a=\"b\", c=\"d\"}, job)"),
            Some((Some("up{a=\"b\", c=\"d\"}"), "job"))
        );
        assert_eq!(label_values("label_values(job)"), Some((None, "job")));
        assert_eq!(label_values("query_result(up)"), None);
    }
}
