//! Dashboards, their panels, and who links to them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::alerts::alerts;
use crate::files::{json, read, texts};

/// The panels of a dashboard, those within rows too.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().into_iter().flatten() {
        found.push(panel);
        found.extend(panel["panels"].as_array().into_iter().flatten());
    }
    found
}

/// The ids of the panels of every dashboard, by uid.
fn by_uid() -> BTreeMap<String, BTreeSet<u64>> {
    let dashboards = texts("dashboards", "json");
    dashboards
        .iter()
        .map(|(name, text)| {
            let dashboard = json(name, text);
            let uid = dashboard["uid"].as_str().expect("a uid").to_owned();
            let ids: Vec<u64> = panels(&dashboard)
                .iter()
                .map(|panel| panel["id"].as_u64().expect("an id"))
                .collect();
            let distinct: BTreeSet<u64> = ids.iter().copied().collect();
            assert_eq!(distinct.len(), ids.len(), "{name}: an id twice");
            (uid, distinct)
        })
        .collect()
}

#[test]
fn every_alert_links_to_a_panel_that_is_there() {
    let dashboards = by_uid();
    for (_, rule) in alerts() {
        let place = rule.place();
        let url = &rule.annotations["dashboard_url"];
        let path = url
            .strip_prefix("http://127.0.0.1:3000/d/")
            .unwrap_or_else(|| panic!("{place}: {url}"));
        let (uid, panel) = path
            .split_once("?viewPanel=panel-")
            .unwrap_or_else(|| panic!("{place}: {url} names no panel"));
        let panels = dashboards
            .get(uid)
            .unwrap_or_else(|| panic!("{place}: no dashboard {uid}"));
        let panel: u64 = panel.parse().expect("a panel's number");
        assert!(
            panels.contains(&panel),
            "{place}: {uid} has no panel {panel}"
        );
    }
}

#[test]
fn every_dashboard_is_listed_with_its_question() {
    let list = read("dashboards/README.md");
    let dashboards = texts("dashboards", "json");
    assert!(!dashboards.is_empty());
    for (name, text) in &dashboards {
        let dashboard = json(name, text);
        let uid = dashboard["uid"].as_str().expect("a uid");
        let row = list
            .lines()
            .find(|line| line.contains(&format!("]({name}.json)")))
            .unwrap_or_else(|| panic!("dashboards/README.md does not list {name}.json"));
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{row}");
        assert!(
            cells[1].ends_with('?'),
            "{name}: {:?} is no question",
            cells[1]
        );
        assert_eq!(cells[2], format!("`{uid}`"), "{name}");
    }
    let listed = list.matches(".json)").count();
    assert_eq!(
        listed,
        dashboards.len(),
        "dashboards/README.md lists one that is not there"
    );
}
