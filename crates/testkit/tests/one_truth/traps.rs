//! The mistakes that alert rules are known for.

use std::time::Duration;

use promql_parser::parser::token::{T_DIV, T_SUM};
use promql_parser::parser::{Expr, LabelModifier};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::alerts::rules;
use crate::promql::Query;

/// Outside of the demonstration targets are scraped every 15 s.
const SCRAPE: Duration = Duration::from_secs(15);

struct Traps {
    place: String,
    found: Vec<String>,
}

impl ExprVisitor for Traps {
    type Error = ();

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
        match expr {
            Expr::Call(call) if call.func.name == "histogram_quantile" => {
                let of = call.args.args.get(1).map(|arg| without_parentheses(arg));
                if !of.is_some_and(sum_by_le_of_a_rate) {
                    self.found.push(format!(
                        "{}: a quantile of no sum by (le, …) (rate(…))",
                        self.place
                    ));
                }
            }
            Expr::Aggregate(node) if node.op.id() == T_SUM => {
                if let Expr::Binary(inner) = without_parentheses(&node.expr)
                    && inner.op.id() == T_DIV
                {
                    self.found.push(format!("{}: a sum of ratios", self.place));
                }
            }
            Expr::MatrixSelector(node) if node.range < 4 * SCRAPE => {
                self.found
                    .push(format!("{}: {node} is under four scrapes", self.place));
            }
            _ => {}
        }
        Ok(true)
    }
}

fn sum_by_le_of_a_rate(expr: &Expr) -> bool {
    let Expr::Aggregate(node) = expr else {
        return false;
    };
    let by_le = matches!(&node.modifier, Some(LabelModifier::Include(labels)) if labels.labels.iter().any(|label| label == "le"));
    let rate =
        matches!(without_parentheses(&node.expr), Expr::Call(call) if call.func.name == "rate");
    node.op.id() == T_SUM && by_le && rate
}

fn without_parentheses(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(node) => without_parentheses(&node.expr),
        _ => expr,
    }
}

fn traps(place: String, text: String) -> Vec<String> {
    let mut traps = Traps {
        place: place.clone(),
        found: Vec::new(),
    };
    // It never fails.
    let _ = walk_expr(&mut traps, &Query { place, text }.parsed());
    traps.found
}

#[test]
fn no_rule_falls_into_a_known_trap() {
    let mut found = Vec::new();
    for rule in rules() {
        found.extend(traps(rule.place(), rule.expr.clone()));
        for (name, value) in &rule.labels {
            // A label that changes with the value makes a new alert each time.
            if value.contains("$value") {
                found.push(format!("{}: the value in the label {name}", rule.place()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_traps_are_seen() {
    for text in [
        "histogram_quantile(0.95, x_bucket)",
        "histogram_quantile(0.95, sum by (service) (rate(x_bucket[5m])))",
        "sum(a / b)",
        "rate(a[30s])",
    ] {
        assert_eq!(traps("here".to_owned(), text.to_owned()).len(), 1, "{text}");
    }
}
