//! How much waits in the outbox, for how long.

use std::time::Duration;

use sqlx::PgPool;

use super::store;
use crate::metrics::{OUTBOX_OLDEST_AGE, OUTBOX_PENDING, OUTBOX_SET_ASIDE};
use telemetry::untraced;

const INTERVAL: Duration = Duration::from_secs(2);

/// Keeps the gauges up to date until it is dropped.
pub(super) async fn keep(pool: &PgPool) {
    let pending = OUTBOX_PENDING.gauge_handle(&[]);
    let oldest_age = OUTBOX_OLDEST_AGE.gauge_handle(&[]);
    let set_aside = OUTBOX_SET_ASIDE.gauge_handle(&[]);
    loop {
        // While the database is away the last figures stand: what waits there
        // still waits.
        if let Ok(counts) = untraced(store::count(pool)).await {
            pending.set(counts.pending as f64);
            set_aside.set(counts.set_aside as f64);
            oldest_age.set(counts.oldest_age_seconds.max(0.0));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
