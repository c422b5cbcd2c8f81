//! The one way to run a query: named, timed, counted, traced.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram};
use tracing::warn;

use crate::clock::milliseconds;
use crate::metrics::{DATABASE_POOL_TIMEOUTS, DATABASE_QUERIES, DATABASE_QUERY_DURATION};
use crate::semconv;
use crate::trace::{SpanKind, Template};

static POOL_TIMEOUTS: LazyLock<Counter> =
    LazyLock::new(|| DATABASE_POOL_TIMEOUTS.counter_handle(&[]));
static SLOW_MICROS: AtomicU64 = AtomicU64::new(100_000);

/// From which duration on a query logs `slow_query`.
pub(crate) fn set_slow(slow: Duration) {
    let micros = u64::try_from(slow.as_micros()).unwrap_or(u64::MAX);
    SLOW_MICROS.store(micros, Ordering::Relaxed);
}

/// A query of a service's fixed list. Declared as a `static` in its
/// `metrics.rs`, run by its `store.rs`.
pub struct Query {
    name: &'static str,
    operation: &'static str,
    table: &'static str,
    handles: OnceLock<Handles>,
}

struct Handles {
    /// Spans named `db.<name>`.
    span: Template,
    success: Counter,
    error: Counter,
    duration: Histogram,
}

impl Query {
    /// Names a query: `name` is its metric label and span (`db.<name>`),
    /// `operation` and `table` say in semantic-convention terms what it does.
    pub const fn new(name: &'static str, operation: &'static str, table: &'static str) -> Self {
        Self {
            name,
            operation,
            table,
            handles: OnceLock::new(),
        }
    }

    /// The metric label.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Starts the query's series at zero.
    pub fn register(&self) {
        self.handles();
    }

    /// Runs the query. The wait for a connection is part of its time.
    ///
    /// # Errors
    /// What `query` says, unchanged.
    pub async fn run<T>(
        &self,
        query: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let handles = self.handles();
        let mut span = handles.span.span().start();
        let result = span.scope(query).await;
        let ended = Instant::now();
        span.ended(ended);
        let elapsed = ended - span.started();
        handles.duration.record(elapsed.as_secs_f64());
        match &result {
            Ok(_) => handles.success.increment(1),
            Err(error) => {
                handles.error.increment(1);
                if matches!(error, sqlx::Error::PoolTimedOut) {
                    POOL_TIMEOUTS.increment(1);
                }
                span.error(error_type(error));
            }
        }
        if elapsed.as_micros() > u128::from(SLOW_MICROS.load(Ordering::Relaxed)) {
            let duration_ms = milliseconds(elapsed);
            warn!(query = self.name, duration_ms, "slow_query");
        }
        result
    }

    fn handles(&self) -> &Handles {
        self.handles.get_or_init(|| Handles {
            span: Template::new(
                &format!("db.{}", self.name),
                SpanKind::Client,
                &[
                    (semconv::DB_SYSTEM_NAME, "postgresql"),
                    (semconv::DB_OPERATION_NAME, self.operation),
                    (semconv::DB_COLLECTION_NAME, self.table),
                    (semconv::DB_QUERY_SUMMARY, self.name),
                ],
            ),
            success: DATABASE_QUERIES.counter_handle(&[self.name, "success"]),
            error: DATABASE_QUERIES.counter_handle(&[self.name, "error"]),
            duration: DATABASE_QUERY_DURATION.histogram_handle(&[self.name]),
        })
    }
}

/// A short class of a database error; SQLSTATE where the server said one.
fn error_type(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .map_or_else(|| "database".to_owned(), |code| code.into_owned()),
        sqlx::Error::PoolTimedOut => "pool_timeout".to_owned(),
        sqlx::Error::PoolClosed => "pool_closed".to_owned(),
        sqlx::Error::Io(_) => "io".to_owned(),
        sqlx::Error::RowNotFound => "row_not_found".to_owned(),
        _ => "client".to_owned(),
    }
}
