//! The schedule's SQL. All comparisons with "now" are made by the database, so
//! that workers whose clocks differ agree on what is due.

use std::time::Duration;

use chrono::{DateTime, Utc};
use events::contracts::TaskSnapshot;
use events::outbox::Entry;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::plan::Plan;
use crate::metrics::{
    REMINDER_UPSERT, REMINDERS_CLAIM, REMINDERS_FIRE, REMINDERS_NEXT, REMINDERS_PURGE,
};

/// Tasks that have not changed for this long are forgotten; longer than an old
/// event of theirs can come back from the dead letters.
const REMEMBERED_DAYS: i32 = 60;

/// A reminder that is due.
#[derive(Debug, FromRow)]
pub(super) struct Due {
    pub task_id: Uuid,
    pub user_id: Uuid,
    pub title: String,
    pub remind_at: DateTime<Utc>,
    pub traceparent: Option<String>,
    /// The database's time now.
    pub fired_at: DateTime<Utc>,
}

/// Notes what `task` asks for, and answers the resulting status; None if a
/// newer version is known.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    task: &TaskSnapshot,
    plan: &Plan,
    traceparent: Option<String>,
) -> Result<Option<String>, sqlx::Error> {
    REMINDER_UPSERT
        .run(
            sqlx::query_scalar(
                "INSERT INTO reminders AS known
                     (task_id, user_id, title, remind_at, status, task_version, traceparent)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (task_id) DO UPDATE SET
                     user_id = excluded.user_id,
                     title = excluded.title,
                     remind_at = excluded.remind_at,
                     status = CASE WHEN known.remind_at = excluded.remind_at
                                        AND known.status = ANY($8)
                                   THEN known.status ELSE excluded.status END,
                     task_version = excluded.task_version,
                     traceparent = excluded.traceparent,
                     updated_at = now()
                 WHERE known.task_version < excluded.task_version
                 RETURNING status",
            )
            .bind(task.id)
            .bind(task.user_id)
            .bind(&task.title)
            .bind(task.remind_at)
            .bind(plan.status)
            .bind(task.version)
            .bind(traceparent)
            .bind(plan.keep)
            .fetch_optional(tx),
        )
        .await
}

/// Takes reminders that are due and that no other worker has, until the end of
/// the transaction.
pub(super) async fn claim(tx: &mut PgConnection, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    const CLAIM: &str = "
        SELECT task_id, user_id, title, remind_at, traceparent, clock_timestamp() AS fired_at
        FROM reminders
        WHERE status = 'scheduled' AND remind_at <= now()
        ORDER BY remind_at LIMIT $1 FOR UPDATE SKIP LOCKED";
    let query = service::planted!(
        "claim_without_lock" => {
            sqlx::query_as(sqlx::AssertSqlSafe(CLAIM.replace("FOR UPDATE SKIP LOCKED", "")))
        },
        else sqlx::query_as(CLAIM)
    );
    REMINDERS_CLAIM.run(query.bind(limit).fetch_all(tx)).await
}

/// Marks reminders as fired (or failed) and puts their notifications into the
/// outbox: one statement, so both or neither.
pub(super) async fn fire(
    tx: &mut PgConnection,
    fired: &[Uuid],
    failed: &[Uuid],
    entries: Vec<Entry>,
) -> Result<(), sqlx::Error> {
    let mut columns = Columns::default();
    for entry in entries {
        columns.push(entry);
    }
    REMINDERS_FIRE
        .run(
            sqlx::query(
                "WITH settled AS (
                     UPDATE reminders SET
                         status = CASE WHEN task_id = ANY($2) THEN 'failed' ELSE 'fired' END,
                         fired_at = clock_timestamp(), updated_at = now()
                     WHERE task_id = ANY($1) OR task_id = ANY($2)
                 )
                 INSERT INTO outbox (id, topic, key, type, source, traceparent, body)
                 SELECT * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                                      $8::text[], $9::bytea[])",
            )
            .bind(fired)
            .bind(failed)
            .bind(columns.ids)
            .bind(columns.topics)
            .bind(columns.keys)
            .bind(columns.types)
            .bind(columns.sources)
            .bind(columns.traceparents)
            .bind(columns.bodies)
            .execute(tx),
        )
        .await
        .map(drop)
}

/// Entries as the arrays that one statement takes.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    topics: Vec<String>,
    keys: Vec<String>,
    types: Vec<&'static str>,
    sources: Vec<&'static str>,
    traceparents: Vec<Option<String>>,
    bodies: Vec<Vec<u8>>,
}

impl Columns {
    fn push(&mut self, entry: Entry) {
        self.ids.push(entry.id);
        self.topics.push(entry.topic);
        self.keys.push(entry.key);
        self.types.push(entry.event_type);
        self.sources.push(entry.source);
        self.traceparents.push(entry.traceparent);
        self.bodies.push(entry.body);
    }
}

/// How long until the next reminder is due: zero if it is already, None if
/// there is none.
pub(super) async fn next_due(pool: &PgPool) -> Result<Option<Duration>, sqlx::Error> {
    let seconds: Option<f64> = REMINDERS_NEXT
        .run(
            sqlx::query_scalar(
                "SELECT extract(epoch FROM min(remind_at) - clock_timestamp())::float8
                 FROM reminders WHERE status = 'scheduled'",
            )
            .fetch_one(pool),
        )
        .await?;
    // Far futures do not fit a Duration; nobody sleeps that long anyway.
    Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 1e6))))
}

/// Forgets tasks that have not changed for long.
pub(super) async fn purge(pool: &PgPool) -> Result<(), sqlx::Error> {
    REMINDERS_PURGE
        .run(
            sqlx::query(
                "DELETE FROM reminders WHERE status <> 'scheduled'
                 AND updated_at < now() - make_interval(days => $1)",
            )
            .bind(REMEMBERED_DAYS)
            .execute(pool),
        )
        .await
        .map(drop)
}
