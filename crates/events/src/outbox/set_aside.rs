//! Rows that the broker refused for good wait for a person: what they are, and
//! trying them again.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

use crate::redrive::Filter;

/// Rows set aside for one reason.
#[derive(Clone, Debug, FromRow, PartialEq, Eq)]
pub struct SetAside {
    /// What the client said when the row was last tried.
    pub cause: String,
    /// All of them.
    pub count: i64,
    /// Those that match the filter.
    pub matching: i64,
    /// When the first of them happened.
    pub oldest: DateTime<Utc>,
}

/// A cause matches if it contains the filter's: it is a sentence.
const MATCHES: &str = "($1::text IS NULL OR position($1 IN coalesce(cause, '')) > 0)
    AND ($2::text IS NULL OR type = $2)
    AND ($3::text IS NULL OR key = $3)
    AND ($4::text IS NULL OR id::text = $4)";

/// What is set aside, by cause.
pub async fn set_aside(pool: &PgPool, filter: &Filter) -> Result<Vec<SetAside>, sqlx::Error> {
    let sql = format!(
        "SELECT coalesce(cause, '') AS cause, count(*) AS count,
                count(*) FILTER (WHERE {MATCHES}) AS matching,
                min(occurred_at) AS oldest
         FROM outbox WHERE failed_at IS NOT NULL
         GROUP BY 1 ORDER BY count DESC, cause"
    );
    // The text is ours alone; what was asked for is bound.
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&filter.cause)
        .bind(&filter.event_type)
        .bind(&filter.key)
        .bind(&filter.id)
        .fetch_all(pool)
        .await
}

/// Hands rows that match back to the relay, the oldest first, at most `limit`;
/// answers how many. What was written after them may have been sent before them.
pub async fn try_again(
    pool: &PgPool,
    filter: &Filter,
    limit: Option<usize>,
) -> Result<u64, sqlx::Error> {
    let sql = format!(
        "WITH again AS (
             UPDATE outbox SET failed_at = NULL, cause = NULL, attempts = 0
             WHERE seq IN (SELECT seq FROM outbox WHERE failed_at IS NOT NULL AND {MATCHES}
                           ORDER BY seq LIMIT $5 FOR UPDATE)
             RETURNING seq
         )
         SELECT count(*), pg_notify('outbox', '') IS NULL FROM again"
    );
    let limit = limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let (count, _): (i64, bool) = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&filter.cause)
        .bind(&filter.event_type)
        .bind(&filter.key)
        .bind(&filter.id)
        .bind(limit)
        .fetch_one(pool)
        .await?;
    Ok(count.unsigned_abs())
}
