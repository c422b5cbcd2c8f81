//! What a query's value is measured in, as its metrics' names say, and whether a
//! panel's unit agrees.

use promql_parser::parser::{AggregateExpr, BinaryExpr, Call, Expr};

use crate::check::promql;

/// A value's dimensions. Counts have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::check) struct Quantity {
    /// Powers of seconds: 1 is a time, -1 is something per second.
    time: i8,
    /// Powers of bytes.
    bytes: i8,
    /// It may be called a share: one was divided by another of its kind.
    share: bool,
    /// It was multiplied by a number: it is no longer in base units.
    scaled: bool,
}

const COUNT: Quantity = Quantity {
    time: 0,
    bytes: 0,
    share: false,
    scaled: false,
};
const TIME: Quantity = Quantity { time: 1, ..COUNT };
const BYTES: Quantity = Quantity { bytes: 1, ..COUNT };
const SHARE: Quantity = Quantity {
    share: true,
    ..COUNT
};

/// What an expression yields; `None` if its names do not say.
pub(in crate::check) fn quantity(expr: &Expr) -> Option<Quantity> {
    match expr {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => {
            of_name(&promql::selector(expr).and_then(promql::name)?)
        }
        Expr::Paren(paren) => quantity(&paren.expr),
        Expr::Unary(unary) => quantity(&unary.expr),
        Expr::Subquery(subquery) => quantity(&subquery.expr),
        Expr::Aggregate(aggregate) => of_aggregate(aggregate),
        Expr::Binary(binary) => of_binary(binary),
        Expr::Call(call) => of_call(call),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => None,
    }
}

/// By the conventions of Prometheus: base units at the end of the name, and in
/// the names of rules `level:metric:operations`.
fn of_name(name: &str) -> Option<Quantity> {
    let mut parts = name.rsplitn(3, ':');
    if let (Some(operations), Some(metric)) = (parts.next(), parts.next()) {
        if operations.starts_with("ratio") || metric.ends_with("ratio") {
            return Some(SHARE);
        }
        let quantity = of_name(metric)?;
        let rate = operations.starts_with("rate");
        return Some(if rate {
            quantity.per_second()
        } else {
            quantity
        });
    }
    if name.ends_with("_count") || name.ends_with("_bucket") {
        return Some(COUNT);
    }
    let base = name.strip_suffix("_total").unwrap_or(name);
    let base = base.strip_suffix("_sum").unwrap_or(base);
    let word = |word: &str| base.rsplit('_').next() == Some(word);
    if base.contains("timestamp") || base.ends_with("time_seconds") || name.ends_with("_info") {
        None
    } else if word("seconds") {
        Some(TIME)
    } else if word("rss") || base.split('_').any(|part| part.starts_with("bytes")) {
        // cAdvisor leaves it at the name of what is counted in bytes.
        Some(BYTES)
    } else if word("ratio") {
        Some(SHARE)
    } else if ["milliseconds", "ms", "percent", "celsius", "percentage"]
        .into_iter()
        .any(word)
    {
        None
    } else {
        Some(COUNT)
    }
}

fn of_aggregate(aggregate: &AggregateExpr) -> Option<Quantity> {
    match aggregate.op.to_string().as_str() {
        "count" | "count_values" | "group" => Some(COUNT),
        _ => quantity(&aggregate.expr),
    }
}

fn of_call(call: &Call) -> Option<Quantity> {
    let inner = || {
        call.args
            .args
            .iter()
            .find_map(|argument| quantity(argument))
    };
    match call.func.name {
        "rate" | "irate" | "deriv" => inner().map(Quantity::per_second),
        "histogram_quantile" => {
            let buckets = call.args.args.last()?;
            let names = promql::names(buckets);
            of_name(names.first()?.strip_suffix("_bucket")?)
        }
        "time" => Some(TIME),
        "timestamp" => None,
        "absent" | "absent_over_time" | "changes" | "count_over_time" | "resets" => Some(COUNT),
        _ => inner(),
    }
}

fn of_binary(binary: &BinaryExpr) -> Option<Quantity> {
    let (left, right) = (quantity(&binary.lhs), quantity(&binary.rhs));
    let either = left.or(right);
    let number = |expr: &Expr| match bare(expr) {
        Expr::NumberLiteral(number) => Some(number.val),
        _ => None,
    };
    let operator = binary.op.to_string();
    match operator.as_str() {
        "*" | "/" if number(&binary.rhs).is_some_and(|n| n == 1.0 || n == 0.0) => left,
        "*" if number(&binary.lhs).is_some() || number(&binary.rhs).is_some() => {
            either.map(Quantity::scaled)
        }
        "/" if number(&binary.rhs).is_some() => left.map(Quantity::scaled),
        "/" if number(&binary.lhs).is_some() => None,
        "*" => Some(left?.times(right?)),
        "/" => Some(left?.over(right?)),
        "%" | "^" | "atan2" => None,
        _ if binary.op.is_comparison_operator() && binary.return_bool() => Some(COUNT),
        _ => either,
    }
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => bare(&paren.expr),
        Expr::Unary(unary) => bare(&unary.expr),
        _ => expr,
    }
}

impl Quantity {
    fn per_second(self) -> Self {
        Self {
            time: self.time.saturating_sub(1),
            // Seconds a second: the share of the time.
            share: self.time == 1 && self.bytes == 0,
            ..self
        }
    }

    fn scaled(self) -> Self {
        Self {
            scaled: true,
            ..self
        }
    }

    fn times(self, other: Self) -> Self {
        Self {
            time: self.time.saturating_add(other.time),
            bytes: self.bytes.saturating_add(other.bytes),
            share: self.share && other.share,
            scaled: self.scaled || other.scaled,
        }
    }

    fn over(self, other: Self) -> Self {
        let (time, bytes) = (
            self.time.saturating_sub(other.time),
            self.bytes.saturating_sub(other.bytes),
        );
        Self {
            time,
            bytes,
            share: time == 0 && bytes == 0,
            scaled: self.scaled || other.scaled,
        }
    }

    fn words(self) -> &'static str {
        match (self.time, self.bytes) {
            (1, 0) => "seconds",
            (0, 1) => "bytes",
            (-1, 0) => "something per second",
            (-1, 1) => "bytes per second",
            (0, 0) if self.share => "a share",
            (0, 0) => "a count",
            _ => "something else",
        }
    }
}

/// What is wrong with showing a value in a unit of Grafana's.
pub(in crate::check) fn contradiction(unit: &str, value: Quantity) -> Option<String> {
    let fits = match unit {
        "" | "none" | "short" | "locale" | "sishort" | "bool" | "bool_yes_no" | "bool_on_off" => {
            // "Per second" has to be said somewhere; bytes and times have units.
            value.time == 0 && value.bytes == 0
        }
        "percentunit" => value.time == 0 && value.bytes == 0 && value.share && !value.scaled,
        "percent" => value.time == 0 && value.bytes == 0 && value.scaled,
        "s" | "dtdurations" | "dthms" | "clocks" => value.time == 1 && value.bytes == 0,
        "ms" | "µs" | "ns" | "m" | "h" | "d" => value.time == 1 && value.scaled,
        "bytes" | "decbytes" => value.time == 0 && value.bytes == 1,
        "Bps" | "binBps" => value.time == -1 && value.bytes == 1,
        "ops" | "reqps" | "rps" | "wps" | "iops" | "cps" | "mps" | "eps" | "recps" | "hertz" => {
            value.time == -1 && value.bytes == 0
        }
        "opm" | "reqpm" | "rpm" | "wpm" | "cpm" | "mpm" => value.scaled,
        suffix if suffix.starts_with("suffix:") || suffix.starts_with("prefix:") => {
            value.scaled || (value.time == 0 && value.bytes == 0)
        }
        unknown => return Some(format!("the checker does not know the unit {unknown:?}")),
    };
    // Who multiplies by a number has chosen another unit, and says so in the title.
    let fits = fits || (value.scaled && unit != "percentunit");
    (!fits).then(|| {
        format!(
            "the unit {unit:?} for what is {} by its name",
            value.words()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(unit: &str, query: &str) -> Option<String> {
        contradiction(unit, quantity(&promql::parse(query).unwrap())?)
    }

    #[test]
    fn units_that_agree() {
        for (unit, query) in [
            (
                "s",
                "histogram_quantile(0.9, sum by (le) (rate(wait_seconds_bucket[1m])))",
            ),
            (
                "s",
                "sum(rate(wait_seconds_sum[1m])) / sum(rate(wait_seconds_count[1m]))",
            ),
            ("s", "max by (job) (scrape_duration_seconds)"),
            ("ms", "wait_seconds * 1000"),
            ("reqps", "sum(rate(http_requests_total[1m])) or vector(0)"),
            ("short", "sum(increase(dead_letters_total[5m]))"),
            ("short", "sum(rate(created_total[5m])) * 3600"),
            (
                "percentunit",
                "1 - avg(rate(node_cpu_seconds_total{mode=\"idle\"}[1m]))",
            ),
            ("percentunit", "1 - free_bytes / size_bytes"),
            ("percentunit", "memory_rss / (limit_bytes > 0)"),
            (
                "percentunit",
                "max(tasks{status=\"completed\"}) / clamp_min(sum(tasks), 1)",
            ),
            ("percentunit", "slo:error_budget_remaining:ratio"),
            ("percentunit", "service:http_requests_5xx:ratio_rate2m"),
            (
                "short",
                "slo:sli_error:ratio_rate1h / on (slo) group_left () (1 - slo:objective:ratio)",
            ),
            ("bytes", "sum(jvm_memory_used_bytes{area=\"heap\"})"),
            ("Bps", "sum(rate(broker_bytesin_total{topic!=\"\"}[1m]))"),
            ("reqps", "service:http_requests:rate2m"),
            ("s", "time() - max(journey_last_seconds)"),
            (
                "suffix: cores",
                "sum by (service) (rate(process_cpu_seconds_total[1m]))",
            ),
        ] {
            assert_eq!(said(unit, query), None, "{unit}: {query}");
        }
    }

    #[test]
    fn units_that_contradict_the_name() {
        for (unit, query) in [
            ("ms", "wait_seconds"),
            ("short", "wait_seconds"),
            ("s", "rate(process_cpu_seconds_total[1m])"),
            ("bytes", "rate(sent_bytes_total[1m])"),
            ("s", "held_bytes"),
            ("percentunit", "sum(tasks)"),
            ("percentunit", "slo:objective:ratio * 100"),
            ("short", "rate(http_requests_total[1m])"),
            ("reqps", "increase(http_requests_total[1m])"),
            ("bytes", "sum(tasks)"),
            ("furlongs", "sum(tasks)"),
        ] {
            assert!(said(unit, query).is_some(), "{unit}: {query}");
        }
    }
}
