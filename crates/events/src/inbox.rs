//! The inbox: which events took effect here. Its row commits with the effect,
//! so a second delivery changes nothing.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::metrics::{INBOX_INSERT, INBOX_PURGE};
use telemetry::untraced;

/// Events are remembered this long; longer than any topic keeps them.
const REMEMBERED_DAYS: i32 = 14;
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// Writes rows for `events` and answers which of them are new to `group`. In order
/// of their ids: two who take up the same ones wait, and do not deadlock.
pub(crate) async fn take_up(
    tx: &mut PgConnection,
    group: &str,
    events: &[Uuid],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let new: Vec<Uuid> = INBOX_INSERT
        .run(
            sqlx::query_scalar(
                "INSERT INTO inbox (event_id, consumer_group)
                 SELECT event_id, $2 FROM unnest($1::uuid[]) AS delivered(event_id)
                 ORDER BY event_id
                 ON CONFLICT DO NOTHING RETURNING event_id",
            )
            .bind(events)
            .bind(group)
            .fetch_all(tx),
        )
        .await?;
    Ok(new.into_iter().collect())
}

/// Forgets old events now and then, until it is dropped.
pub(crate) async fn keep_short(pool: &PgPool) {
    loop {
        let purged = untraced(
            INBOX_PURGE.run(
                sqlx::query(
                    "DELETE FROM inbox WHERE processed_at < now() - make_interval(days => $1)",
                )
                .bind(REMEMBERED_DAYS)
                .execute(pool),
            ),
        )
        .await;
        if let Err(error) = purged {
            tracing::debug!(%error, "inbox_purge_failed");
        }
        tokio::time::sleep(PURGE_INTERVAL).await;
    }
}
