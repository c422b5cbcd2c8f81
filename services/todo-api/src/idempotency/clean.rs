use std::time::Duration;

use service::BoxError;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::metrics::IDEMPOTENCY_CLEAN;

/// From one cleaning to the next.
const EVERY: Duration = Duration::from_secs(300);

/// Most rows of one statement, so that none takes long.
const BATCH: u64 = 500;

const CLEAN: &str = "
    DELETE FROM idempotency_keys
    WHERE (user_id, operation, key) IN (
        SELECT user_id, operation, key FROM idempotency_keys
        WHERE created_at <= now() - interval '24 hours'
        ORDER BY created_at
        LIMIT 500
        FOR UPDATE SKIP LOCKED
    )";

/// Deletes the answers that are no longer given, until told to stop. Instances
/// do not get into each other's way.
pub(crate) async fn clean(pool: PgPool, stop: CancellationToken) -> Result<(), BoxError> {
    loop {
        let batch = IDEMPOTENCY_CLEAN.run(sqlx::query(CLEAN).execute(&pool));
        match stop.run_until_cancelled(batch).await {
            Some(Ok(done)) if done.rows_affected() == BATCH => continue,
            // A failure is counted and traced with the query; the next round
            // tries again.
            Some(_) => {}
            None => return Ok(()),
        }
        let pause = stop.run_until_cancelled(tokio::time::sleep(EVERY));
        if pause.await.is_none() {
            return Ok(());
        }
    }
}
