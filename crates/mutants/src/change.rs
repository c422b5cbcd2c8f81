//! What can be changed in an expression: comparisons, numbers, durations, label
//! matchers, aggregations, and how two sides are put together.

use std::time::Duration;

use promql_parser::label::{Labels, MatchOp, Matcher, Matchers};
use promql_parser::parser::token::{
    T_AVG, T_COUNT, T_EQL, T_EQL_REGEX, T_EQLC, T_GROUP, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE,
    T_LUNLESS, T_MAX, T_MIN, T_NEQ, T_NEQ_REGEX, T_SUM, TokenId, TokenType,
};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, MatrixSelector, NumberLiteral, Offset,
    ParenExpr, SubqueryExpr, UnaryExpr, VectorSelector,
};
use promql_parser::util::display_duration;

/// An expression with one change.
#[derive(Debug)]
pub struct Change {
    /// Before and after, as a person would point at it.
    pub text: String,
    /// The whole expression, changed.
    pub expr: Expr,
}

/// Every expression that differs from this one in one place.
pub fn changes(expr: &Expr) -> Vec<Change> {
    let mut out = own(expr);
    match expr {
        Expr::Aggregate(node) => {
            nested(&mut out, expr, &node.expr, |inner| {
                Expr::Aggregate(AggregateExpr {
                    expr: inner,
                    ..node.clone()
                })
            });
            if let Some(param) = &node.param {
                nested(&mut out, expr, param, |param| {
                    Expr::Aggregate(AggregateExpr {
                        param: Some(param),
                        ..node.clone()
                    })
                });
            }
        }
        Expr::Binary(node) => {
            nested(&mut out, expr, &node.lhs, |lhs| {
                Expr::Binary(BinaryExpr {
                    lhs,
                    ..node.clone()
                })
            });
            nested(&mut out, expr, &node.rhs, |rhs| {
                Expr::Binary(BinaryExpr {
                    rhs,
                    ..node.clone()
                })
            });
        }
        Expr::Call(node) => {
            for (index, arg) in node.args.args.iter().enumerate() {
                nested(&mut out, expr, arg, |arg| {
                    let mut call = node.clone();
                    call.args.args[index] = arg;
                    Expr::Call(call)
                });
            }
        }
        Expr::Paren(node) => nested(&mut out, expr, &node.expr, |inner| {
            Expr::Paren(ParenExpr { expr: inner })
        }),
        Expr::Unary(node) => nested(&mut out, expr, &node.expr, |inner| {
            Expr::Unary(UnaryExpr { expr: inner })
        }),
        Expr::Subquery(node) => nested(&mut out, expr, &node.expr, |inner| {
            Expr::Subquery(SubqueryExpr {
                expr: inner,
                ..node.clone()
            })
        }),
        // The parser makes no extension.
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => {}
    }
    out
}

/// Half of it and twice as much.
pub fn durations(duration: Duration) -> [Duration; 2] {
    [duration / 2, duration * 2]
}

/// The changes of a part, within the whole. A number says little without what it is compared with.
fn nested(out: &mut Vec<Change>, whole: &Expr, part: &Expr, within: impl Fn(Box<Expr>) -> Expr) {
    for change in changes(part) {
        let expr = within(Box::new(change.expr));
        let text = match part {
            Expr::NumberLiteral(_) => from_to(whole, &expr),
            _ => change.text,
        };
        out.push(Change { text, expr });
    }
}

fn own(expr: &Expr) -> Vec<Change> {
    match expr {
        Expr::Aggregate(node) => aggregation(node),
        Expr::Binary(node) => binary(node),
        Expr::Call(node) => over_time(node),
        Expr::NumberLiteral(node) => numbers(node.val)
            .into_iter()
            .map(|val| Change {
                text: String::new(),
                expr: Expr::NumberLiteral(NumberLiteral { val }),
            })
            .collect(),
        Expr::VectorSelector(node) => selector(node)
            .into_iter()
            .map(|vs| of(expr, Expr::VectorSelector(vs)))
            .collect(),
        Expr::MatrixSelector(node) => {
            let ranges = durations(node.range).map(|range| MatrixSelector {
                range,
                ..node.clone()
            });
            let selectors = selector(&node.vs)
                .into_iter()
                .map(|vs| MatrixSelector { vs, ..node.clone() });
            ranges
                .into_iter()
                .chain(selectors)
                .map(|node| of(expr, Expr::MatrixSelector(node)))
                .collect()
        }
        Expr::Subquery(node) => durations(node.range)
            .map(|range| SubqueryExpr {
                range,
                ..node.clone()
            })
            .map(|node| of(expr, Expr::Subquery(node)))
            .into(),
        Expr::Paren(_) | Expr::Unary(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

/// A tenth less and a tenth more; for 0, one less and one more.
fn numbers(value: f64) -> [f64; 2] {
    if value == 0.0 {
        return [-1.0, 1.0];
    }
    // Without the noise that binary fractions add.
    [0.9, 1.1].map(|factor| (value * factor * 1e9).round() / 1e9)
}

fn binary(node: &BinaryExpr) -> Vec<Change> {
    let whole = Expr::Binary(node.clone());
    let others: &[TokenId] = match node.op.id() {
        T_GTR => &[T_GTE, T_LSS],
        T_GTE => &[T_GTR, T_LSS],
        T_LSS => &[T_LTE, T_GTR],
        T_LTE => &[T_LSS, T_GTR],
        T_EQLC => &[T_NEQ, T_GTR],
        T_NEQ => &[T_EQLC],
        T_LAND => &[T_LOR, T_LUNLESS],
        T_LOR => &[T_LAND, T_LUNLESS],
        T_LUNLESS => &[T_LAND, T_LOR],
        _ => &[],
    };
    let mut out = Vec::new();
    for &other in others {
        // In parentheses, as another operator may bind more or less tightly.
        let changed = BinaryExpr {
            op: TokenType::new(other),
            lhs: parentheses(&node.lhs),
            rhs: parentheses(&node.rhs),
            modifier: node.modifier.clone(),
        };
        out.push(Change {
            text: format!(
                "{} {} {} → {}",
                short(&node.lhs),
                node.op,
                short(&node.rhs),
                TokenType::new(other)
            ),
            expr: *parentheses(&Expr::Binary(changed)),
        });
    }
    if let Some(matching) = node.modifier.as_ref().and_then(|it| it.matching.as_ref()) {
        for fewer in fewer(matching) {
            let mut changed = node.clone();
            if let Some(modifier) = &mut changed.modifier {
                modifier.matching = Some(fewer);
            }
            out.push(of(&whole, Expr::Binary(changed)));
        }
    }
    out
}

fn aggregation(node: &AggregateExpr) -> Vec<Change> {
    let others: &[TokenId] = match node.op.id() {
        T_SUM => &[T_MAX, T_AVG],
        T_MAX => &[T_MIN, T_SUM],
        T_MIN => &[T_MAX, T_SUM],
        T_AVG => &[T_MAX, T_MIN],
        T_COUNT => &[T_GROUP, T_SUM],
        _ => &[],
    };
    let operations = others.iter().map(|&other| AggregateExpr {
        op: TokenType::new(other),
        ..node.clone()
    });
    let groupings = node.modifier.iter().flat_map(fewer);
    let whole = Expr::Aggregate(node.clone());
    operations
        .chain(groupings.map(|modifier| AggregateExpr {
            modifier: Some(modifier),
            ..node.clone()
        }))
        .map(|node| of(&whole, Expr::Aggregate(node)))
        .collect()
}

/// Aggregations over time are functions.
fn over_time(node: &Call) -> Vec<Change> {
    let others: &[&'static str] = match node.func.name {
        "avg_over_time" => &["max_over_time", "min_over_time"],
        "sum_over_time" => &["max_over_time", "avg_over_time"],
        "max_over_time" => &["min_over_time", "avg_over_time"],
        "min_over_time" => &["max_over_time", "avg_over_time"],
        _ => &[],
    };
    let whole = Expr::Call(node.clone());
    others
        .iter()
        .map(|other| {
            let mut changed = node.clone();
            changed.func.name = other;
            of(&whole, Expr::Call(changed))
        })
        .collect()
}

/// With each of the labels left out.
fn fewer(modifier: &LabelModifier) -> Vec<LabelModifier> {
    let labels = &modifier.labels().labels;
    let without = |index: usize| {
        let mut labels = labels.clone();
        labels.remove(index);
        Labels { labels }
    };
    (0..labels.len())
        .map(without)
        .map(|labels| match modifier {
            LabelModifier::Include(_) => LabelModifier::Include(labels),
            LabelModifier::Exclude(_) => LabelModifier::Exclude(labels),
        })
        .collect()
}

/// Each matcher turned round, without one of its alternatives, or left out; each offset changed.
fn selector(node: &VectorSelector) -> Vec<VectorSelector> {
    let mut out = Vec::new();
    let mut with = |matchers: Vec<Matcher>| {
        out.push(VectorSelector {
            matchers: Matchers::new(matchers),
            ..node.clone()
        });
    };
    for (index, matcher) in node.matchers.matchers.iter().enumerate() {
        let mut matchers = node.matchers.matchers.clone();
        for other in matchers_like(matcher) {
            matchers[index] = other;
            with(matchers.clone());
        }
        matchers.remove(index);
        with(matchers);
    }
    if let Some(offset) = &node.offset {
        let offsets = match offset {
            Offset::Pos(offset) => durations(*offset).map(Offset::Pos),
            Offset::Neg(offset) => durations(*offset).map(Offset::Neg),
        };
        out.extend(offsets.map(|offset| VectorSelector {
            offset: Some(offset),
            ..node.clone()
        }));
    }
    out
}

fn matchers_like(matcher: &Matcher) -> Vec<Matcher> {
    let (same, opposite) = match matcher.op {
        MatchOp::Equal => (T_EQL, T_NEQ),
        MatchOp::NotEqual => (T_NEQ, T_EQL),
        MatchOp::Re(_) => (T_EQL_REGEX, T_NEQ_REGEX),
        MatchOp::NotRe(_) => (T_NEQ_REGEX, T_EQL_REGEX),
    };
    let mut others = vec![(opposite, matcher.value.clone())];
    let alternatives: Vec<&str> = matcher.value.split('|').collect();
    if matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_)) && alternatives.len() > 1 {
        for index in 0..alternatives.len() {
            let mut fewer = alternatives.clone();
            fewer.remove(index);
            others.push((same, fewer.join("|")));
        }
    }
    others
        .into_iter()
        // One that cannot be written is none.
        .filter_map(|(op, value)| Matcher::new_matcher(op, matcher.name.clone(), value).ok())
        .collect()
}

fn parentheses(expr: &Expr) -> Box<Expr> {
    let inside = Box::new(expr.clone());
    match expr {
        Expr::Binary(_) => Box::new(Expr::Paren(ParenExpr { expr: inside })),
        _ => inside,
    }
}

fn of(before: &Expr, after: Expr) -> Change {
    Change {
        text: from_to(before, &after),
        expr: after,
    }
}

fn from_to(before: &Expr, after: &Expr) -> String {
    format!("{} → {}", short(before), short(after))
}

/// Enough of an expression to know it by.
fn short(expr: &Expr) -> String {
    const HEAD: usize = 64;
    const TAIL: usize = 16;
    let text = expr.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text: Vec<char> = words.join(" ").chars().collect();
    if text.len() <= HEAD + TAIL {
        return text.into_iter().collect();
    }
    let head: String = text[..HEAD].iter().collect();
    let tail: String = text[text.len() - TAIL..].iter().collect();
    format!("{head}…{tail}")
}

/// A duration as Prometheus writes it.
pub fn shown(duration: Duration) -> String {
    display_duration(&duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(promql: &str) -> Vec<String> {
        let expr = promql_parser::parser::parse(promql).unwrap();
        changes(&expr)
            .iter()
            .map(|change| {
                // What is printed can be read again, and is not what it was.
                let again = promql_parser::parser::parse(&change.expr.to_string()).unwrap();
                assert_ne!(again, expr, "{}", change.text);
                change.expr.to_string()
            })
            .collect()
    }

    #[test]
    fn a_threshold_moves_and_its_comparison_turns() {
        assert_eq!(
            texts("a > 0.5"),
            ["(a >= 0.5)", "(a < 0.5)", "a > 0.45", "a > 0.55"]
        );
        assert_eq!(texts("a == 0")[2..], ["a == -1", "a == 1"]);
    }

    #[test]
    fn a_matcher_turns_round_loses_an_alternative_or_goes() {
        assert_eq!(
            texts("a{b=~\"c|d\"}"),
            ["a{b!~\"c|d\"}", "a{b=~\"d\"}", "a{b=~\"c\"}", "a"]
        );
    }

    #[test]
    fn an_aggregation_becomes_another_and_loses_labels() {
        let found = texts("sum by (b, c) (rate(a[5m]))");
        for changed in ["max by (b, c)", "avg by (b, c)", "by (c)", "by (b)"] {
            assert!(found.iter().any(|it| it.contains(changed)), "{changed}");
        }
        for range in ["[2m30s]", "[10m]"] {
            assert!(found.iter().any(|it| it.contains(range)), "{range}");
        }
    }

    #[test]
    fn precedence_stays_where_it_was() {
        let found = texts("a > 1 or b and c");
        assert!(
            found.contains(&"(a > 1 and (b and c))".to_owned())
                || found.contains(&"((a > 1) and (b and c))".to_owned()),
            "{found:?}"
        );
    }
}
