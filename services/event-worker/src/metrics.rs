//! The worker's metrics and queries.

use std::sync::LazyLock;

use metrics::{Counter, Histogram};
use telemetry::database::Query;
use telemetry::metrics::{Label, Metric, SLOW};

const REMINDERS_FIRED: Metric = Metric::counter(
    "reminders_fired_total",
    "Reminders that came due and were fired.",
    &[],
);
const REMINDER_LATENESS: Metric = Metric::histogram(
    "reminder_lateness_seconds",
    "From the time a reminder was set for to its notification being committed.",
    &[],
    SLOW,
);
const NOTIFICATIONS_SENT: Metric = Metric::counter(
    "notifications_sent_total",
    "Notifications handed to the outbox, or given up.",
    &[
        Label::known("kind", &["reminder"]),
        Label::known("status", &["success", "failure"]),
    ],
);

/// Every metric of the worker's own.
pub const CATALOGUE: &[&Metric] = &[&REMINDERS_FIRED, &REMINDER_LATENESS, &NOTIFICATIONS_SENT];

/// Notes what an event says of a task's reminders.
pub(crate) static REMINDER_UPSERT: Query = Query::new("reminder_upsert", "INSERT", "reminders");
/// Takes reminders that are due.
pub(crate) static REMINDERS_CLAIM: Query = Query::new("reminders_claim", "SELECT", "reminders");
/// Marks them fired, and writes their notifications to the outbox.
pub(crate) static REMINDERS_FIRE: Query = Query::new("reminders_fire", "UPDATE", "reminders");
/// Asks when the next one is due.
pub(crate) static REMINDERS_NEXT: Query = Query::new("reminders_next", "SELECT", "reminders");
/// Forgets tasks that have not changed for long.
pub(crate) static REMINDERS_PURGE: Query = Query::new("reminders_purge", "DELETE", "reminders");

/// The queries of the worker's own tables.
pub const QUERIES: &[&Query] = &[
    &REMINDER_UPSERT,
    &REMINDERS_CLAIM,
    &REMINDERS_FIRE,
    &REMINDERS_NEXT,
    &REMINDERS_PURGE,
];

pub(crate) static FIRED: LazyLock<Counter> = LazyLock::new(|| REMINDERS_FIRED.counter_handle(&[]));
pub(crate) static LATENESS: LazyLock<Histogram> =
    LazyLock::new(|| REMINDER_LATENESS.histogram_handle(&[]));
pub(crate) static SENT: LazyLock<Counter> =
    LazyLock::new(|| NOTIFICATIONS_SENT.counter_handle(&["reminder", "success"]));
pub(crate) static NOT_SENT: LazyLock<Counter> =
    LazyLock::new(|| NOTIFICATIONS_SENT.counter_handle(&["reminder", "failure"]));
