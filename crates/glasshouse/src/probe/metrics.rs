//! What the probe counts. Its hops are those of the journey.

use std::sync::LazyLock;

use metrics::{Counter, Gauge};
use telemetry::metrics::{FAST, Label, Metric};

const RUNS: Metric = Metric::counter(
    "journey_runs_total",
    "Journeys made through the whole system.",
    &[Label::known("result", &["success", "failure"])],
);
const SUCCESS: Metric = Metric::gauge(
    "journey_success",
    "Whether the last journey arrived: 1 or 0.",
    &[],
);
const LAST_RUN: Metric = Metric::gauge(
    "journey_last_run_timestamp_seconds",
    "When the last journey ended, as Unix time.",
    &[],
);
/// Bounded: the hops are constants of the journey.
pub(super) const HOP_DURATION: Metric = Metric::histogram(
    "journey_hop_duration_seconds",
    "Time of one hop of a journey that it passed.",
    &[Label::open("hop")],
    FAST,
);

/// Every metric of the probe's own.
pub const CATALOGUE: &[&Metric] = &[&RUNS, &SUCCESS, &LAST_RUN, &HOP_DURATION];

pub(super) static ARRIVED: LazyLock<Counter> = LazyLock::new(|| RUNS.counter_handle(&["success"]));
pub(super) static FAILED: LazyLock<Counter> = LazyLock::new(|| RUNS.counter_handle(&["failure"]));
pub(super) static LAST_ARRIVED: LazyLock<Gauge> = LazyLock::new(|| SUCCESS.gauge_handle(&[]));
pub(super) static LAST_ENDED: LazyLock<Gauge> = LazyLock::new(|| LAST_RUN.gauge_handle(&[]));
