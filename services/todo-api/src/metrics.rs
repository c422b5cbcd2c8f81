//! Every metric and query of this service.

use std::sync::LazyLock;

use ::metrics::Counter;
use telemetry::{
    database::Query,
    metrics::{Label, Metric},
};

use crate::tasks::Operation;

/// Operations carried out.
pub const TASK_OPERATIONS: Metric = Metric::counter(
    "task_operations_total",
    "Changes made to tasks. A repeated completion changes nothing and is not counted.",
    &[Label::known(
        "operation",
        &["create", "update", "delete", "complete", "reopen"],
    )],
);
/// Tasks in the database.
pub const TASKS: Metric = Metric::gauge(
    "tasks",
    "Tasks in the database, by status. Every instance reports the same total.",
    &[Label::known("status", &["open", "completed"])],
);
/// Features used.
pub const FEATURE_USAGE: Metric = Metric::counter(
    "feature_usage_total",
    "Requests that used a feature.",
    &[Label::known(
        "feature",
        &[
            "reminder",
            "snooze",
            "recurrence",
            "tag",
            "priority",
            "due_date",
            "time_zone",
            "filter",
            "search",
            "sort",
            "bulk",
            "export",
            "import",
        ],
    )],
);

/// Requests that had an `Idempotency-Key`.
pub const IDEMPOTENT_REQUESTS: Metric = Metric::counter(
    "idempotent_requests_total",
    "Requests with an Idempotency-Key: done, answered as before, refused with nothing kept, still running, or another request's key.",
    &[Label::known(
        "outcome",
        &["executed", "replayed", "released", "running", "mismatched"],
    )],
);

/// All of the above.
pub const CATALOGUE: &[&Metric] = &[
    &TASK_OPERATIONS,
    &TASKS,
    &FEATURE_USAGE,
    &IDEMPOTENT_REQUESTS,
];

/// A new task and its event.
pub static TASK_INSERT: Query = Query::new("task_insert", "INSERT", "tasks");
/// One task.
pub static TASK_GET: Query = Query::new("task_get", "SELECT", "tasks");
/// A page of tasks.
pub static TASK_LIST: Query = Query::new("task_list", "SELECT", "tasks");
/// How many tasks there are, by what they have.
pub static TASK_COUNTS: Query = Query::new("task_counts", "SELECT", "tasks");
/// One task, locked because others keep changing it.
pub static TASK_LOCK: Query = Query::new("task_lock", "SELECT", "tasks");
/// The end of the transaction that locked it.
pub static TASK_COMMIT: Query = Query::new("task_commit", "COMMIT", "tasks");
/// A changed task and its event.
pub static TASK_UPDATE: Query = Query::new("task_update", "UPDATE", "tasks");
/// A task's end and its event.
pub static TASK_DELETE: Query = Query::new("task_delete", "DELETE", "tasks");
/// The begin of an import's transaction.
pub static TASK_IMPORT_BEGIN: Query = Query::new("task_import_begin", "BEGIN", "tasks");
/// Who is imported for the first time.
pub static TASK_IMPORT_CLAIM: Query = Query::new("task_import_claim", "INSERT", "task_imports");
/// Imported tasks and their events.
pub static TASK_IMPORT: Query = Query::new("task_import", "INSERT", "tasks");
/// The count behind the gauge `tasks`.
pub static TASK_COUNT: Query = Query::new("task_count", "SELECT", "tasks");
/// A look for an idempotency key, and its lock.
pub static IDEMPOTENCY_CLAIM: Query = Query::new("idempotency_claim", "SELECT", "idempotency_keys");
/// The answer that goes with a key.
pub static IDEMPOTENCY_KEEP: Query = Query::new("idempotency_keep", "INSERT", "idempotency_keys");
/// The end of the transaction of a key and of what was asked for.
pub static IDEMPOTENCY_COMMIT: Query =
    Query::new("idempotency_commit", "COMMIT", "idempotency_keys");
/// The end of keys that are a day old.
pub static IDEMPOTENCY_CLEAN: Query = Query::new("idempotency_clean", "DELETE", "idempotency_keys");

/// All of the above.
pub const QUERIES: &[&Query] = &[
    &TASK_INSERT,
    &TASK_GET,
    &TASK_LIST,
    &TASK_COUNTS,
    &TASK_LOCK,
    &TASK_COMMIT,
    &TASK_UPDATE,
    &TASK_DELETE,
    &TASK_IMPORT_BEGIN,
    &TASK_IMPORT_CLAIM,
    &TASK_IMPORT,
    &TASK_COUNT,
    &IDEMPOTENCY_CLAIM,
    &IDEMPOTENCY_KEEP,
    &IDEMPOTENCY_COMMIT,
    &IDEMPOTENCY_CLEAN,
];

/// A feature that is counted when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// A reminder was set.
    Reminder,
    /// A reminder was put off.
    Snooze,
    /// A task was given a recurrence rule.
    Recurrence,
    /// Tags were given.
    Tag,
    /// A priority was chosen.
    Priority,
    /// A due date was given.
    DueDate,
    /// A time zone was given.
    TimeZone,
    /// A list was filtered.
    Filter,
    /// Words were searched for.
    Search,
    /// An order was chosen.
    Sort,
    /// Many tasks were changed at once.
    Bulk,
    /// Tasks were written to a file.
    Export,
    /// Tasks were read from a file.
    Import,
}

impl Feature {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
        Self::Reminder,
        Self::Snooze,
        Self::Recurrence,
        Self::Tag,
        Self::Priority,
        Self::DueDate,
        Self::TimeZone,
        Self::Filter,
        Self::Search,
        Self::Sort,
        Self::Bulk,
        Self::Export,
        Self::Import,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Reminder => "reminder",
            Self::Snooze => "snooze",
            Self::Recurrence => "recurrence",
            Self::Tag => "tag",
            Self::Priority => "priority",
            Self::DueDate => "due_date",
            Self::TimeZone => "time_zone",
            Self::Filter => "filter",
            Self::Search => "search",
            Self::Sort => "sort",
            Self::Bulk => "bulk",
            Self::Export => "export",
            Self::Import => "import",
        }
    }

    /// Counts one use.
    pub fn used(self) {
        static USED: LazyLock<[Counter; Feature::ALL.len()]> = LazyLock::new(|| {
            Feature::ALL.map(|feature| FEATURE_USAGE.counter_handle(&[feature.label()]))
        });
        USED[self as usize].increment(1);
    }
}

/// Counts an operation that was carried out.
pub fn operation_done(operation: Operation) {
    static DONE: LazyLock<[Counter; 5]> = LazyLock::new(|| {
        Operation::ALL.map(|operation| TASK_OPERATIONS.counter_handle(&[operation.label()]))
    });
    DONE[operation as usize].increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_declared() {
        let declared = |metric: &Metric| metric.labels[0].values.unwrap();
        assert_eq!(
            Operation::ALL.map(Operation::label),
            declared(&TASK_OPERATIONS)
        );
        for operation in Operation::ALL {
            assert_eq!(Operation::ALL[operation as usize], operation);
        }
        assert_eq!(Feature::ALL.map(Feature::label), declared(&FEATURE_USAGE));
        for feature in Feature::ALL {
            assert_eq!(Feature::ALL[feature as usize], feature);
        }
    }
}
