//! The schedule's SQL. All comparisons with "now" are made by the database, so
//! that workers whose clocks differ, or jump, agree on what is due. If the
//! database's own clock jumps forward, what it jumps over is late and fires once;
//! if it jumps back, what has fired stays so, and the rest waits.

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

/// Tasks and settled reminders that have not changed for this long are forgotten;
/// longer than an old event of theirs can come back from the dead letters.
const REMEMBERED_DAYS: i32 = 60;

/// A reminder that is due.
#[derive(Debug, FromRow)]
pub(super) struct Due {
    pub id: Uuid,
    pub task_id: Uuid,
    pub user_id: Uuid,
    pub title: String,
    pub time_zone: Option<String>,
    pub remind_at: DateTime<Utc>,
    pub traceparent: Option<String>,
    /// The scheduler's time now.
    pub fired_at: DateTime<Utc>,
}

/// Makes the schedule of `task` what its event asks for. False, and nothing
/// done, if a newer version is known.
pub(super) async fn carry_out(
    tx: &mut PgConnection,
    plan: &Plan<'_>,
    task: &TaskSnapshot,
    traceparent: Option<String>,
) -> Result<bool, sqlx::Error> {
    let (mut ids, mut times, mut statuses) = (Vec::new(), Vec::new(), Vec::new());
    for reminder in task.reminders() {
        ids.push(reminder.id);
        times.push(reminder.at);
        statuses.push(plan.status(reminder.at));
    }
    let newest: bool = REMINDER_UPSERT
        .run(
            sqlx::query_scalar(
                "WITH newest AS (
                     INSERT INTO known_tasks AS known (task_id, task_version) VALUES ($1, $4)
                     ON CONFLICT (task_id) DO UPDATE SET
                         task_version = excluded.task_version, updated_at = now()
                     WHERE known.task_version < excluded.task_version
                     RETURNING task_id
                 ), cancelled AS (
                     UPDATE reminders SET status = 'cancelled', updated_at = now()
                     WHERE task_id = (SELECT task_id FROM newest)
                       AND status = 'scheduled' AND id <> ALL ($7)
                 ), planned AS (
                     INSERT INTO reminders AS known
                         (id, task_id, user_id, title, time_zone, traceparent, remind_at, status)
                     SELECT wanted.id, $1, $2, $3, $5, $6, wanted.at, wanted.status
                     FROM newest, unnest($7::uuid[], $8::timestamptz[], $9::text[])
                         AS wanted (id, at, status)
                     ON CONFLICT (id) DO UPDATE SET
                         title = excluded.title,
                         time_zone = excluded.time_zone,
                         remind_at = excluded.remind_at,
                         status = CASE WHEN known.remind_at = excluded.remind_at
                                            AND known.status = ANY ($10)
                                       THEN known.status ELSE excluded.status END,
                         traceparent = excluded.traceparent,
                         updated_at = now()
                     WHERE known.task_id = excluded.task_id
                 )
                 SELECT EXISTS (SELECT FROM newest)",
            )
            .bind(task.id)
            .bind(task.user_id)
            .bind(&task.title)
            .bind(task.version)
            .bind(&task.time_zone)
            .bind(traceparent)
            .bind(ids)
            .bind(times)
            .bind(statuses)
            .bind(plan.keep())
            .fetch_one(tx),
        )
        .await?;
    Ok(newest)
}

/// Takes reminders that are due and that no other worker has, until the end of
/// the transaction.
pub(super) async fn claim(tx: &mut PgConnection, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    // The clock is read once, so that the index is used.
    const CLAIM: &str = "
        SELECT id, task_id, user_id, title, time_zone, remind_at, traceparent,
               scheduler_now() AS fired_at
        FROM reminders
        WHERE status = 'scheduled' AND remind_at <= (SELECT scheduler_now())
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
                         status = CASE WHEN id = ANY($2) THEN 'failed' ELSE 'fired' END,
                         fired_at = scheduler_now(), updated_at = now()
                     WHERE id = ANY($1) OR id = ANY($2)
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
                "SELECT extract(epoch FROM min(remind_at) - scheduler_now())::float8
                 FROM reminders WHERE status = 'scheduled'",
            )
            .fetch_one(pool),
        )
        .await?;
    // Far futures do not fit a Duration; nobody sleeps that long anyway.
    Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 1e6))))
}

/// Forgets what has not changed for long.
pub(super) async fn purge(pool: &PgPool) -> Result<(), sqlx::Error> {
    REMINDERS_PURGE
        .run(
            sqlx::query(
                "WITH forgotten AS (
                     DELETE FROM reminders WHERE status <> 'scheduled'
                     AND updated_at < now() - make_interval(days => $1)
                 )
                 DELETE FROM known_tasks WHERE updated_at < now() - make_interval(days => $1)
                 AND NOT EXISTS (SELECT FROM reminders
                                 WHERE reminders.task_id = known_tasks.task_id
                                   AND reminders.status = 'scheduled')",
            )
            .bind(REMEMBERED_DAYS)
            .execute(pool),
        )
        .await
        .map(drop)
}
