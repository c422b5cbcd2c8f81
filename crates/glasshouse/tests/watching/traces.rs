//! Which traces are kept, what is counted of all of them, and how one is found.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::planted::{Planted, SERVICE};
use super::stack::{Stack, eventually};

async fn trace(stack: &Stack, id: &str) -> Option<Value> {
    let found = stack
        .get("jaeger", &format!("/api/traces/{id}"), &[])
        .await?;
    let spans = found["data"][0]["spans"].as_array()?;
    (!spans.is_empty()).then(|| found.clone())
}

/// How many traces were decided against so far.
async fn dropped(stack: &Stack) -> Option<f64> {
    let count = r#"sum(otelcol_processor_tail_sampling_global_count_traces_sampled_total{sampled="false"})"#;
    let found = stack.query(count).await;
    found.first()?["value"][1].as_str()?.parse().ok()
}

/// With a share of nothing, what is kept is what speaks for itself.
pub async fn kept(stack: &Stack) {
    let before = dropped(stack).await.unwrap_or_default();
    let failed = Planted::new("failed", 0.01).failed();
    let slow = Planted::new("slow", 1.5);
    let debug = Planted::new("debug", 0.01).with("glasshouse.debug", true);
    let plain = Planted::new("plain", 0.01);
    for planted in [&plain, &failed, &slow, &debug] {
        planted.send(stack).await;
    }
    for planted in [&failed, &slow, &debug] {
        let what = format!("a trace that is {}, in Jaeger", planted.name);
        eventually(&what, async || trace(stack, &planted.trace_id).await).await;
    }

    // Counted are all four, as this is before the choice.
    let counted = format!(
        r#"sum by (span_name) (traces_span_metrics_calls_total{{service_name="{SERVICE}"}})"#
    );
    eventually("all counted", async || {
        let found = stack.query(&counted).await;
        let names = found
            .iter()
            .filter_map(|sample| sample["metric"]["span_name"].as_str());
        let names: BTreeSet<_> = names.collect();
        let all = ["debug", "failed", "plain", "slow"];
        names.iter().eq(all.iter()).then_some(())
    })
    .await;
    eventually("one decided against", async || {
        (dropped(stack).await? > before).then_some(())
    })
    .await;
    assert_eq!(trace(stack, &plain.trace_id).await, None, "not kept");
}

/// From a point of a histogram to the trace it is of.
pub async fn exemplar(stack: &Stack) {
    let slow = Planted::new("exemplary", 1.5);
    slow.send(stack).await;
    let now = chrono::Utc::now().timestamp();
    let (start, end) = ((now - 300).to_string(), (now + 120).to_string());
    let query = r#"traces_span_metrics_duration_seconds_bucket{span_name="exemplary"}"#;
    let id = eventually("an exemplar in Prometheus", async || {
        let query = [
            ("query", query),
            ("start", start.as_str()),
            ("end", end.as_str()),
        ];
        let found = stack
            .get("prometheus", "/api/v1/query_exemplars", &query)
            .await?;
        let labels = &found["data"][0]["exemplars"][0]["labels"];
        Some(labels["trace_id"].as_str()?.to_owned())
    })
    .await;
    assert_eq!(id, slow.trace_id);
    eventually("its trace in Jaeger", || trace(stack, &id)).await;
}

/// Jaeger's own page of rates, errors and durations, from the span metrics.
pub async fn performance(stack: &Stack) {
    let asked = [
        ("service", SERVICE),
        ("spanKind", "server"),
        ("groupByOperation", "true"),
        ("ratePer", "60000"),
        ("step", "5000"),
        ("lookback", "60000"),
    ];
    let operation = json!({ "name": "operation", "value": "performed" });
    // A rate needs more than one scrape, so that there have to be spans between.
    let newest = async |path: &str, more: &[(&str, &str)]| -> Option<f64> {
        Planted::new("performed", 0.2).failed().send(stack).await;
        let query = [&asked[..], more].concat();
        let found = stack.get("jaeger", path, &query).await?;
        let metrics = found["metrics"].as_array()?;
        let ours = metrics.iter().find(|metric| {
            metric["labels"]
                .as_array()
                .is_some_and(|labels| labels.contains(&operation))
        })?;
        let point = ours["metricPoints"].as_array()?.last()?;
        let value = point["gaugeValue"]["doubleValue"].as_f64()?;
        (value > 0.0).then_some(value)
    };
    eventually("a rate in Jaeger", || newest("/api/metrics/calls", &[])).await;
    let errors = eventually("errors in Jaeger", || newest("/api/metrics/errors", &[])).await;
    assert!((errors - 1.0).abs() < 1e-9, "every one failed: {errors}");
    let quantile = [("quantile", "0.95")];
    let p95 = eventually("durations in Jaeger", || {
        newest("/api/metrics/latencies", &quantile)
    })
    .await;
    assert!(
        (0.1..=0.25).contains(&p95),
        "0.2 s each, in the bucket up to 0.25 s: {p95}"
    );
}
