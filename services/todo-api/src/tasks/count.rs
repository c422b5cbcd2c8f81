use std::time::{Duration, Instant};

use service::{BoxError, Secret, database};
use tokio_util::sync::CancellationToken;

use crate::metrics::{TASK_COUNT, TASKS};

/// Shortest pause between two counts.
const EVERY: Duration = Duration::from_secs(5);

/// Keeps the gauge `tasks`, on a connection of its own so as not to wait behind
/// requests, nor they behind it. A count reads the whole table: the pause grows
/// with its duration, so that it takes at most a fiftieth of one connection.
pub(crate) async fn count_tasks(url: Secret, stop: CancellationToken) -> Result<(), BoxError> {
    let pool = database::pool(&url, 1)?;
    let open = TASKS.gauge_handle(&["open"]);
    let completed = TASKS.gauge_handle(&["completed"]);
    loop {
        let start = Instant::now();
        let count = sqlx::query_as::<_, (i64, i64)>(
            "SELECT count(*) - count(completed_at), count(completed_at) FROM tasks",
        )
        .fetch_one(&pool);
        // A failure is counted and traced with the query. The gauge keeps what
        // was last known.
        if let Some(Ok((still_open, done))) = stop.run_until_cancelled(TASK_COUNT.run(count)).await
        {
            open.set(still_open as f64);
            completed.set(done as f64);
        }
        let pause = EVERY.max(start.elapsed() * 50);
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return Ok(());
        }
    }
}
