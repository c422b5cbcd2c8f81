//! What is kept for how long.

use std::time::Duration;

use sqlx::PgPool;
use telemetry::untraced;
use tokio_util::sync::CancellationToken;

use crate::metrics::{CUSTOMERS_PURGE, TICKETS_EXPIRE, TICKETS_PURGE};

/// An open ticket in which nothing was written for so long is over; the next
/// message opens another.
pub(super) const SILENCE_DAYS: i64 = 14;
/// What is over is deleted after so long, with all that was written in it; and a
/// customer without a ticket, with all handles, when unseen for so long.
const KEPT_DAYS: i64 = 90;
const INTERVAL: Duration = Duration::from_secs(3600);
/// Rows of one statement: locks are held for a moment only.
const BATCH: i64 = 500;

/// Closes tickets that have gone silent and deletes what nobody needs any more,
/// at once and then every hour, until `stop`.
pub(crate) async fn forget(pool: &PgPool, stop: &CancellationToken) {
    loop {
        if let Err(error) = untraced(round(pool)).await {
            tracing::debug!(%error, "tickets_purge_failed");
        }
        let pause = tokio::time::sleep(INTERVAL);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

/// Rows that a message is at work on are left for the next round.
async fn round(pool: &PgPool) -> Result<(), sqlx::Error> {
    let steps = [
        (
            &TICKETS_EXPIRE,
            "UPDATE tickets SET status = 'closed', updated_at = now() WHERE id IN (
                 SELECT id FROM tickets
                 WHERE status = 'open' AND last_message_at < now() - make_interval(days => $1)
                 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            SILENCE_DAYS,
        ),
        (
            &TICKETS_PURGE,
            "DELETE FROM tickets WHERE id IN (
                 SELECT id FROM tickets
                 WHERE status <> 'open' AND updated_at < now() - make_interval(days => $1)
                 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            KEPT_DAYS,
        ),
        (
            // Under the lock of a message at work (see identity_lock), and if none
            // has come while we took it: a row that has changed is looked at again.
            &CUSTOMERS_PURGE,
            "WITH unseen AS MATERIALIZED (
                 SELECT id FROM customers
                 WHERE last_seen_at < now() - make_interval(days => $1)
                   AND NOT EXISTS (SELECT FROM tickets WHERE customer_id = customers.id)
                 LIMIT $2
             ), held AS MATERIALIZED (
                 SELECT id FROM unseen
                 WHERE pg_try_advisory_xact_lock(hashtextextended('customer:' || id, 0))
             )
             DELETE FROM customers USING held
             WHERE customers.id = held.id
               AND last_seen_at < now() - make_interval(days => $1)",
            KEPT_DAYS,
        ),
    ];
    for (query, sql, days) in steps {
        loop {
            let statement = sqlx::query(sql)
                .bind(i32::try_from(days).unwrap_or(i32::MAX))
                .bind(BATCH);
            let done = query.run(statement.execute(pool)).await?;
            if done.rows_affected() < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}
