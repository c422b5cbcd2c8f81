//! Queries, wherever they are written.

use promql_parser::label::MatchOp;
use promql_parser::parser::{Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use regex::Regex;
use serde::Deserialize;

use crate::alerts::rules;
use crate::files::{json, read, texts};

/// A query and where it is.
pub struct Query {
    pub place: String,
    pub text: String,
}

/// Every PromQL query of rules, dashboards, runbooks and objectives.
pub fn queries() -> Vec<Query> {
    let mut all = Vec::new();
    let mut add = |place: String, text: &str| {
        let text = text.to_owned();
        all.push(Query { place, text });
    };
    for rule in rules() {
        add(rule.place(), &rule.expr);
    }
    let values = Regex::new(r"^label_values\((.+),\s*\w+\)$").expect("a pattern");
    for (name, text) in texts("dashboards", "json") {
        let dashboard = json(&name, &text);
        for panel in crate::dashboards::panels(&dashboard) {
            let title = panel["title"].as_str().unwrap_or_default();
            for target in panel["targets"].as_array().into_iter().flatten() {
                let source = target.get("datasource").unwrap_or(&panel["datasource"]);
                if source["type"] == "prometheus" {
                    let expr = target["expr"].as_str().expect("a query");
                    add(format!("dashboards/{name}.json: {title}"), expr);
                }
            }
        }
        for annotation in dashboard["annotations"]["list"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if annotation["datasource"]["type"] == "prometheus" {
                let expr = annotation["expr"]
                    .as_str()
                    .or(annotation["target"]["expr"].as_str());
                add(
                    format!("dashboards/{name}.json: annotation"),
                    expr.expect("a query"),
                );
            }
        }
        for variable in dashboard["templating"]["list"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let query = &variable["query"];
            let Some(query) = query.as_str().or(query["query"].as_str()) else {
                continue;
            };
            if let Some(found) = values.captures(query) {
                add(
                    format!("dashboards/{name}.json: ${}", variable["name"]),
                    &found[1],
                );
            }
        }
    }
    let fenced = Regex::new(r"(?s)```promql\n(.+?)```").expect("a pattern");
    for (name, text) in texts("alerts/runbooks", "md") {
        for found in fenced.captures_iter(&text) {
            add(format!("alerts/runbooks/{name}.md"), &found[1]);
        }
    }
    for objective in objectives() {
        for selector in objective
            .bad
            .iter()
            .chain(&objective.good)
            .chain([&objective.total])
        {
            add(format!("alerts/slo.toml: {}", objective.name), selector);
        }
    }
    all
}

/// What is counted for an objective.
#[derive(Deserialize)]
pub struct Objective {
    pub name: String,
    bad: Option<String>,
    good: Option<String>,
    total: String,
}

/// Every objective.
pub fn objectives() -> Vec<Objective> {
    #[derive(Deserialize)]
    struct File {
        slo: Vec<Objective>,
    }
    let file: File = toml::from_str(&read("alerts/slo.toml")).expect("objectives");
    file.slo
}

impl Query {
    /// As a tree. What Grafana puts in is put in.
    pub fn parsed(&self) -> Expr {
        let text = self
            .text
            .replace("$__rate_interval", "5m")
            .replace("$__interval", "1m")
            .replace("$__range", "1h");
        promql_parser::parser::parse(&text)
            .unwrap_or_else(|error| panic!("{}: {error}: {text}", self.place))
    }

    /// The names of its series.
    pub fn names(&self) -> Vec<String> {
        struct Names(Vec<String>);
        impl ExprVisitor for Names {
            type Error = ();
            fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
                match expr {
                    Expr::VectorSelector(selector) => self.0.extend(names(selector)),
                    Expr::MatrixSelector(matrix) => self.0.extend(names(&matrix.vs)),
                    _ => {}
                }
                Ok(true)
            }
        }
        let mut found = Names(Vec::new());
        // It never fails.
        let _ = walk_expr(&mut found, &self.parsed());
        found.0
    }
}

fn names(selector: &VectorSelector) -> Vec<String> {
    if let Some(name) = &selector.name {
        return vec![name.clone()];
    }
    let named = selector.matchers.find_matchers("__name__");
    let names = named.iter().flat_map(|matcher| match matcher.op {
        MatchOp::Equal | MatchOp::Re(_) => matcher.value.split('|').collect(),
        MatchOp::NotEqual | MatchOp::NotRe(_) => Vec::new(),
    });
    names.map(ToOwned::to_owned).collect()
}
