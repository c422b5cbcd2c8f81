//! Fires reminders when they are due, however many workers do so at once and
//! however long all of them were away.

use std::time::{Duration, Instant};

use events::contracts::Notification;
use events::outbox::{Entry, EntryError};
use events::{Backoff, Dependency, Doorbell};
use sqlx::PgPool;
use telemetry::untraced;
use telemetry::{Context, Span};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store::{self, Due};
use crate::metrics::{FIRED, LATENESS, NOT_SENT, SENT};

/// Reminders of one transaction.
const BATCH: i64 = 100;
/// The longest sleep: a database's clock that jumps delays a reminder by no more.
/// Sleeping is by the monotonic clock, which does not jump.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// What is due but locked is another worker's; it is looked at again soon, in
/// case that one fails.
const LOCKED_PAUSE: Duration = Duration::from_millis(100);
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// Fires what is due until `stop`.
pub(crate) async fn fire(pool: &PgPool, stop: &CancellationToken) {
    let doorbell = Doorbell::install(pool, "reminders");
    let mut changes = doorbell.listener();
    let database = Dependency::new("database", "reminder_scheduler");
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    let mut purged: Option<Instant> = None;
    while !stop.is_cancelled() {
        changes.attend();
        let pause = match round(pool).await {
            Ok(pause) => {
                database.reached();
                backoff.reset();
                pause
            }
            Err(error) => {
                database.lost(&error.to_string());
                backoff.next_delay()
            }
        };
        if pause > LOCKED_PAUSE && purged.is_none_or(|at| at.elapsed() > PURGE_INTERVAL) {
            purged = Some(Instant::now());
            if let Err(error) = untraced(store::purge(pool)).await {
                tracing::debug!(%error, "reminders_purge_failed");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = changes.rung(), if !database.is_away() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Fires one batch, and says how long to sleep.
async fn round(pool: &PgPool) -> Result<Duration, sqlx::Error> {
    let fired = fire_batch(pool).await?;
    if fired == BATCH as usize {
        return Ok(Duration::ZERO);
    }
    let due = untraced(store::next_due(pool)).await?;
    Ok(match due {
        Some(Duration::ZERO) if fired == 0 => LOCKED_PAUSE,
        Some(due) => due.min(LONGEST_SLEEP),
        None => LONGEST_SLEEP,
    })
}

async fn fire_batch(pool: &PgPool) -> Result<usize, sqlx::Error> {
    let mut tx = service::database::begin_by_index(pool).await?;
    let claimed = Instant::now();
    let due = untraced(store::claim(&mut tx, BATCH)).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut batch = Batch::default();
    for reminder in &due {
        batch.add(reminder).await;
    }
    service::planted!("published_before_commit" => {
        let early = std::mem::take(&mut batch.entries);
        store::fire(&mut *pool.acquire().await?, &[], &[], early).await?;
        for reminder in std::mem::take(&mut batch.fired) {
            store::fire(&mut tx, &[reminder], &[], Vec::new()).await?;
        }
    });
    service::planted!("marked_before_publishing" => {
        store::fire(&mut tx, &batch.fired, &batch.failed, Vec::new()).await?;
        tx.commit().await?;
        tx = service::database::begin(pool).await?;
        for entry in std::mem::take(&mut batch.entries) {
            store::fire(&mut tx, &[], &[], vec![entry]).await?;
        }
    });
    let entries = std::mem::take(&mut batch.entries);
    let settle = store::fire(&mut tx, &batch.fired, &batch.failed, entries);
    // One statement for all: it shows in the trace of the first.
    match batch.spans.first() {
        Some(first) => first.scope(settle).await?,
        None => settle.await?,
    }
    tx.commit().await?;
    batch.report(&due, claimed.elapsed()).await;
    Ok(due.len())
}

/// Reminders that are being fired.
#[derive(Default)]
struct Batch {
    fired: Vec<Uuid>,
    failed: Vec<Uuid>,
    entries: Vec<Entry>,
    spans: Vec<Span>,
}

impl Batch {
    async fn add(&mut self, reminder: &Due) {
        let cause = reminder.traceparent.as_deref().and_then(Context::parse);
        let mut builder = telemetry::span("reminder.fire");
        if let Some(cause) = &cause {
            builder = builder.link(cause);
        }
        let mut span = builder.parent(cause).start();
        match span.scope(async { entry(reminder) }).await {
            Ok(entry) => {
                self.fired.push(reminder.id);
                self.entries.push(entry);
            }
            Err(error) => {
                span.error("entry");
                tracing::error!(task_id = %reminder.task_id, reminder_id = %reminder.id, %error, "reminder_failed");
                self.failed.push(reminder.id);
            }
        }
        self.spans.push(span);
    }

    /// All is committed: counts and tells.
    async fn report(&self, due: &[Due], since_claimed: Duration) {
        SENT.increment(self.fired.len() as u64);
        NOT_SENT.increment(self.failed.len() as u64);
        FIRED.increment(self.fired.len() as u64);
        for (reminder, span) in due.iter().zip(&self.spans) {
            // By the scheduler's clock, and from then on by none that jumps.
            let lateness = (reminder.fired_at - reminder.remind_at)
                .to_std()
                .unwrap_or_default()
                + since_claimed;
            LATENESS.record(lateness);
            let line = async {
                tracing::info!(
                    task_id = %reminder.task_id,
                    reminder_id = %reminder.id,
                    user_id = %reminder.user_id,
                    lateness_ms = lateness.as_millis() as u64,
                    "reminder_fired"
                );
            };
            span.scope(line).await;
        }
    }
}

fn entry(reminder: &Due) -> Result<Entry, EntryError> {
    Entry::new(&Notification {
        id: Uuid::now_v7(),
        user_id: reminder.user_id,
        kind: Notification::REMINDER.to_owned(),
        task_id: reminder.task_id,
        reminder_id: Some(reminder.id),
        title: reminder.title.clone(),
        time_zone: reminder.time_zone.clone(),
        remind_at: reminder.remind_at,
        fired_at: reminder.fired_at,
    })
}
