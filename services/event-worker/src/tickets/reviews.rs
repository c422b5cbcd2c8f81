//! Who are the same, as a person has decided (`glasshouse reviews`).

use std::time::Duration;

use events::consumer::HandlerError;
use sqlx::PgPool;
use telemetry::untraced;
use tokio_util::sync::CancellationToken;

use super::handler::absorb;
use crate::identity;

/// How soon a decision is carried out.
const INTERVAL: Duration = Duration::from_secs(2);

/// Makes one customer, with one open ticket, of those who are the same, until `stop`.
pub(crate) async fn carry_out(pool: &PgPool, stop: &CancellationToken) {
    loop {
        match untraced(next(pool)).await {
            Ok(true) => continue,
            Ok(false) => {}
            // One of them is at work, or the database is away: later.
            Err(error) => tracing::debug!(%error, "identity_review_postponed"),
        }
        let pause = tokio::time::sleep(INTERVAL);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

/// Carries out the oldest decision; false if there is none.
async fn next(pool: &PgPool) -> Result<bool, HandlerError> {
    let mut tx = service::database::begin(pool).await?;
    let Some(identity) = identity::unite(&mut tx).await? else {
        return Ok(false);
    };
    absorb(&mut tx, &identity).await?;
    tx.commit().await?;
    tracing::info!(
        customer_id = %identity.customer,
        absorbed = identity.absorbed.len(),
        "identity_review_carried_out"
    );
    Ok(true)
}
