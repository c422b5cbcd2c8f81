//! Queries of Prometheus, read by a real parser.

use std::collections::BTreeSet;
use std::time::Duration;

use promql_parser::label::{METRIC_NAME, MatchOp};
use promql_parser::parser::{self, AggregateExpr, Call, Expr, LabelModifier, VectorSelector};

use super::catalogue::{Catalogue, Form};

/// Reads a query.
pub(super) fn parse(query: &str) -> Result<Expr, String> {
    parser::parse(query).map_err(|error| format!("is no PromQL: {}", error.trim()))
}

/// What an expression is made of.
pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(aggregate) => vec![aggregate.expr.as_ref()],
        Expr::Unary(unary) => vec![unary.expr.as_ref()],
        Expr::Binary(binary) => vec![binary.lhs.as_ref(), binary.rhs.as_ref()],
        Expr::Paren(paren) => vec![paren.expr.as_ref()],
        Expr::Subquery(subquery) => vec![subquery.expr.as_ref()],
        Expr::Call(call) => call.args.args.iter().map(AsRef::as_ref).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

/// The name that a selector has, in front of its braces or in them.
pub(super) fn name(selector: &VectorSelector) -> Option<String> {
    selector.name.clone().or_else(|| {
        let named = selector.matchers.find_matchers(METRIC_NAME);
        let named = named.into_iter().next()?;
        matches!(named.op, MatchOp::Equal).then_some(named.value)
    })
}

/// The names of all series in an expression.
pub(super) fn names(expr: &Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        found.extend(selector(expr).and_then(name));
        left.extend(children(expr));
    }
    found
}

/// What a plain or a range selector selects.
pub(super) fn selector(expr: &Expr) -> Option<&VectorSelector> {
    match expr {
        Expr::VectorSelector(selector) => Some(selector),
        Expr::MatrixSelector(matrix) => Some(&matrix.vs),
        _ => None,
    }
}

/// What is wrong with an expression, whatever the data.
pub(super) fn faults(expr: &Expr, catalogue: &Catalogue, scrape: Duration) -> Vec<String> {
    let mut found = Vec::new();
    look(expr, catalogue, scrape, &mut found);
    found
}

fn look(expr: &Expr, catalogue: &Catalogue, scrape: Duration, found: &mut Vec<String>) {
    match expr {
        Expr::MatrixSelector(matrix) if matrix.range < scrape * 4 => found.push(format!(
            "a range of {} s is under four scrape intervals of {} s",
            matrix.range.as_secs_f64(),
            scrape.as_secs_f64()
        )),
        Expr::Call(call) => of_call(call, catalogue, found),
        Expr::Aggregate(aggregate) => of_aggregate(aggregate, catalogue, found),
        _ => {}
    }
    for child in children(expr) {
        look(child, catalogue, scrape, found);
    }
}

fn of_call(call: &Call, catalogue: &Catalogue, found: &mut Vec<String>) {
    let function = call.func.name;
    match function {
        "rate" | "irate" | "increase" => {
            for name in call.args.args.iter().flat_map(|argument| names(argument)) {
                match catalogue.form(&name) {
                    Some(Form::Gauge) => found.push(format!("{function} over the gauge {name}")),
                    Some(Form::Quantile) => {
                        found.push(format!("{function} over a quantile of the summary {name}"));
                    }
                    Some(Form::Counter) | None => {}
                }
            }
        }
        "delta" | "idelta" | "deriv" | "predict_linear" => {
            for name in call.args.args.iter().flat_map(|argument| names(argument)) {
                if catalogue.form(&name) == Some(Form::Counter) {
                    found.push(format!(
                        "{function} over the counter {name}, which starts again at zero"
                    ));
                }
            }
        }
        "histogram_quantile" => {
            if let Some(buckets) = call.args.args.last() {
                of_quantile(buckets, catalogue, found);
            }
        }
        _ => {}
    }
}

/// `histogram_quantile` needs buckets, of which the increase is taken and the
/// bounds are kept.
fn of_quantile(buckets: &Expr, catalogue: &Catalogue, found: &mut Vec<String>) {
    for name in names(buckets) {
        if catalogue.form(&name) == Some(Form::Quantile) {
            found.push(format!("a quantile over the summary {name}"));
        } else if !name.ends_with("_bucket") {
            found.push(format!("a quantile over {name}, which has no buckets"));
        }
    }
    let mut raw = true;
    let mut left = vec![buckets];
    while let Some(expr) = left.pop() {
        match expr {
            Expr::Call(call) if matches!(call.func.name, "rate" | "irate" | "increase") => {
                raw = false;
            }
            Expr::Aggregate(aggregate) if !keeps(aggregate, "le") => {
                found.push(format!(
                    "{} loses le, and with it the buckets",
                    aggregate.op
                ));
            }
            _ => {}
        }
        left.extend(children(expr));
    }
    if raw {
        found.push("a quantile over raw buckets: of all time, and not of now".to_owned());
    }
}

fn keeps(aggregate: &AggregateExpr, label: &str) -> bool {
    match &aggregate.modifier {
        Some(LabelModifier::Include(labels)) => labels.labels.iter().any(|kept| kept == label),
        Some(LabelModifier::Exclude(labels)) => labels.labels.iter().all(|lost| lost != label),
        None => false,
    }
}

fn of_aggregate(aggregate: &AggregateExpr, catalogue: &Catalogue, found: &mut Vec<String>) {
    let operator = aggregate.op.to_string();
    if matches!(
        operator.as_str(),
        "max" | "min" | "topk" | "bottomk" | "count"
    ) {
        return;
    }
    for name in names(&aggregate.expr) {
        if catalogue.form(&name) == Some(Form::Quantile) {
            found.push(format!(
                "{operator} over a quantile of the summary {name}: quantiles cannot be combined"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults_of(query: &str) -> Vec<String> {
        let mut catalogue = Catalogue::default();
        catalogue.add_metadata(&json!({"data": {
            "asked_total": [{"type": "counter"}],
            "waiting": [{"type": "gauge"}],
            "wait_seconds": [{"type": "histogram"}],
            "gc_seconds": [{"type": "summary"}],
        }}));
        faults(&parse(query).unwrap(), &catalogue, Duration::from_secs(5))
    }

    #[test]
    fn sound_queries_have_no_faults() {
        for query in [
            "sum by (job) (rate(asked_total[20s]))",
            "histogram_quantile(0.95, sum by (le, job) (rate(wait_seconds_bucket[1m])))",
            "histogram_quantile(0.5, sum without (instance) (increase(wait_seconds_bucket[5m])))",
            "sum(rate(wait_seconds_sum[1m])) / sum(rate(wait_seconds_count[1m]))",
            "max by (job) (waiting) or vector(0)",
            "max(gc_seconds{quantile=\"0.5\"})",
            "rate(gc_seconds_sum[1m])",
            "max_over_time(waiting[1m])",
        ] {
            assert_eq!(faults_of(query), Vec::<String>::new(), "{query}");
        }
    }

    #[test]
    fn each_planted_mistake_is_named() {
        for (query, fault) in [
            ("rate(waiting[1m])", "rate over the gauge waiting"),
            (
                "sum(increase({__name__=\"waiting\"}[1m]))",
                "increase over the gauge",
            ),
            (
                "delta(asked_total[1m])",
                "delta over the counter asked_total",
            ),
            ("rate(asked_total[19s])", "under four scrape intervals"),
            (
                "histogram_quantile(0.9, sum by (le) (rate(gc_seconds[1m])))",
                "a quantile over the summary gc_seconds",
            ),
            (
                "avg(gc_seconds{quantile=\"0.9\"})",
                "quantiles cannot be combined",
            ),
            (
                "histogram_quantile(0.9, sum by (le) (wait_seconds_bucket))",
                "raw buckets",
            ),
            (
                "histogram_quantile(0.9, sum by (job) (rate(wait_seconds_bucket[1m])))",
                "loses le",
            ),
            (
                "histogram_quantile(0.9, sum(rate(wait_seconds_bucket[1m])))",
                "loses le",
            ),
            (
                "histogram_quantile(0.9, sum by (le) (rate(wait_seconds_sum[1m])))",
                "no buckets",
            ),
        ] {
            let faults = faults_of(query);
            assert!(
                faults.iter().any(|said| said.contains(fault)),
                "{query}: {faults:?}"
            );
        }
        assert!(parse("sum by (job) (rate(asked_total[1m])").is_err());
    }
}
