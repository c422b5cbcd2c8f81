//! The outbox's SQL.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use crate::metrics::{OUTBOX_CLAIM, OUTBOX_COUNT, OUTBOX_DELETE, OUTBOX_MARK, OUTBOX_READ};

/// Shards that one lane takes at most, so that another lane or process finds
/// some too.
pub const SHARDS: i64 = 6;
/// Rows of one shard in one round.
pub const ROWS_PER_SHARD: i64 = 256;
/// Bytes of one shard in one round (its first row is taken whatever its size).
pub const BYTES_PER_SHARD: i64 = 1024 * 1024;
/// A row that failed this often is set aside: after some two minutes, in which
/// someone may have created the missing topic.
const MOST_ATTEMPTS: i32 = 30;

/// Takes shards: at most $1, none of $2. In random order, so that a busy shard does
/// not keep others waiting. It asks for the first row of each, and not whether one
/// exists: that would be a join, which reads all that waits in all of them.
pub const CLAIM: &str = "SELECT shard FROM outbox_shards s
     WHERE (SELECT seq FROM outbox o WHERE o.shard = s.shard AND o.failed_at IS NULL
            ORDER BY seq LIMIT 1) IS NOT NULL
       AND s.shard <> ALL($2)
       AND (s.retry_at IS NULL OR s.retry_at <= now())
     ORDER BY random() LIMIT $1 FOR UPDATE SKIP LOCKED";

/// Reads the rows of the shards $1: at most $2 of each, with about $3 bytes.
pub const READ: &str = "SELECT o.seq, o.id, o.topic, o.key, o.type, o.source, o.traceparent,
            o.occurred_at, o.body
     FROM unnest($1::smallint[]) AS claimed(shard)
     CROSS JOIN LATERAL (
         SELECT first.*, sum(octet_length(body)) OVER (ORDER BY seq) AS bytes
         FROM (SELECT * FROM outbox
               WHERE shard = claimed.shard AND failed_at IS NULL
               ORDER BY seq LIMIT $2) first
     ) o
     WHERE o.bytes - octet_length(o.body) < $3
     ORDER BY claimed.shard, o.seq";

/// Deletes the rows $1.
pub const DELETE: &str = "DELETE FROM outbox WHERE seq = ANY($1)";

/// A row to be sent, as it lies in the server's answer to [`READ`].
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub seq: i64,
    pub id: Uuid,
    pub topic: &'a str,
    pub key: &'a str,
    pub event_type: &'a str,
    pub source: &'a str,
    pub traceparent: Option<&'a str>,
    pub occurred_at: DateTime<Utc>,
    pub body: &'a [u8],
}

impl<'a> Row<'a> {
    pub fn of(row: &'a PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: row.try_get(0)?,
            id: row.try_get(1)?,
            topic: row.try_get(2)?,
            key: row.try_get(3)?,
            event_type: row.try_get(4)?,
            source: row.try_get(5)?,
            traceparent: row.try_get(6)?,
            occurred_at: row.try_get(7)?,
            body: row.try_get(8)?,
        })
    }
}

/// Locks shards that have rows and that nobody else holds, until the end of the
/// transaction. `stalled` are those whose rows this process has handed over and
/// waits for without a lock.
pub(super) async fn claim(tx: &mut PgConnection, stalled: &[i16]) -> Result<Vec<i16>, sqlx::Error> {
    OUTBOX_CLAIM
        .run(
            sqlx::query_scalar(CLAIM)
                .bind(SHARDS)
                .bind(stalled)
                .fetch_all(tx),
        )
        .await
}

/// What waits in the claimed shards, in order within each. A statement of its
/// own: its snapshot must be younger than the locks, or it would show rows that
/// the former owner has just sent.
pub(super) async fn read(tx: &mut PgConnection, shards: &[i16]) -> Result<Vec<PgRow>, sqlx::Error> {
    OUTBOX_READ
        .run(
            sqlx::query(READ)
                .bind(shards)
                .bind(ROWS_PER_SHARD)
                .bind(BYTES_PER_SHARD)
                .fetch_all(tx),
        )
        .await
}

/// Deletes what was delivered.
pub(super) async fn delete(tx: &mut PgConnection, rows: &[i64]) -> Result<(), sqlx::Error> {
    OUTBOX_DELETE
        .run(sqlx::query(DELETE).bind(rows).execute(tx))
        .await
        .map(drop)
}

/// Notes that a row was not sent. Its shard rests for a while, so that nothing
/// of the same key overtakes it; or the row is set aside, if the failure is
/// final or came too often. Answers whether it was set aside.
pub(super) async fn mark(
    tx: &mut PgConnection,
    row: i64,
    cause: &str,
    is_final: bool,
) -> Result<bool, sqlx::Error> {
    OUTBOX_MARK
        .run(
            sqlx::query_scalar(
                "WITH marked AS (
                     UPDATE outbox SET attempts = attempts + 1, cause = $2,
                         failed_at = CASE WHEN $3 OR attempts + 1 >= $4 THEN clock_timestamp() END
                     WHERE seq = $1 RETURNING shard, attempts, failed_at
                 ), rested AS (
                     UPDATE outbox_shards s SET retry_at = clock_timestamp()
                         + least(interval '5 s', interval '100 ms' * 2 ^ least(attempts, 10))
                     FROM marked WHERE s.shard = marked.shard AND failed_at IS NULL
                 )
                 SELECT failed_at IS NOT NULL FROM marked",
            )
            .bind(row)
            .bind(cause)
            .bind(is_final)
            .bind(MOST_ATTEMPTS)
            .fetch_optional(tx),
        )
        .await
        .map(|aside: Option<bool>| aside.unwrap_or(false))
}

/// What the gauges show.
#[derive(Debug, FromRow)]
pub(super) struct Counts {
    pub pending: i64,
    pub set_aside: i64,
    pub oldest_age_seconds: f64,
}

/// Counts what waits.
pub(super) async fn count(pool: &PgPool) -> Result<Counts, sqlx::Error> {
    OUTBOX_COUNT
        .run(
            sqlx::query_as(
                "SELECT count(*) FILTER (WHERE failed_at IS NULL) AS pending,
                        count(failed_at) AS set_aside,
                        coalesce(extract(epoch FROM clock_timestamp()
                            - min(occurred_at) FILTER (WHERE failed_at IS NULL)), 0)::float8
                            AS oldest_age_seconds
                 FROM outbox",
            )
            .fetch_one(pool),
        )
        .await
}
