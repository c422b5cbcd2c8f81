use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use sqlx::{FromRow, PgConnection, types::Json};

use super::key::Scope;

/// Before the look for the row, and in a statement of its own: a statement that
/// took the lock would still see what was committed before it waited.
///
/// Should this process vanish without closing its connection, the database gives
/// the transaction up.
const LOCK: &str = "
    SELECT pg_try_advisory_xact_lock($1),
           set_config('idle_in_transaction_session_timeout', '30s', true)";

const FIND: &str = "
    SELECT fingerprint, status, headers, body FROM idempotency_keys
    WHERE user_id = $1 AND operation = $2 AND key = $3
      AND created_at > now() - interval '24 hours'";

/// Overwrites what has expired and is not cleaned up yet.
const KEEP: &str = "
    INSERT INTO idempotency_keys
        (user_id, operation, key, fingerprint, status, headers, body, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, now())
    ON CONFLICT (user_id, operation, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, status = excluded.status,
        headers = excluded.headers, body = excluded.body, created_at = excluded.created_at
    WHERE idempotency_keys.created_at <= now() - interval '24 hours'";

/// An answer as it is kept.
#[derive(FromRow)]
pub(super) struct Kept {
    pub(super) fingerprint: Vec<u8>,
    pub(super) status: i16,
    pub(super) headers: Json<Vec<(String, String)>>,
    pub(super) body: Vec<u8>,
}

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        let status = u16::try_from(self.status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok());
        // The database has what a response once was.
        let mut response = (status.unwrap_or(StatusCode::OK), self.body).into_response();
        let headers = response.headers_mut();
        headers.clear();
        for (name, value) in self.headers.0 {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
            {
                headers.append(name, value);
            }
        }
        response
    }
}

/// What is known of a key.
pub(super) enum Known {
    /// Nothing: this request is the first, and holds the lock.
    Nothing,
    /// The first request is still running.
    Running,
    /// It is done; this was its answer.
    Done(Kept),
}

/// Looks a key up, and locks it until the end of the transaction.
pub(super) async fn claim(
    transaction: &mut PgConnection,
    scope: &Scope,
) -> Result<Known, sqlx::Error> {
    let (locked, _): (bool, String) = sqlx::query_as(LOCK)
        .bind(scope.lock())
        .fetch_one(&mut *transaction)
        .await?;
    if !locked {
        return Ok(Known::Running);
    }
    let kept = sqlx::query_as(FIND)
        .bind(scope.user_id)
        .bind(&scope.operation)
        .bind(scope.key.as_str())
        .fetch_optional(transaction)
        .await?;
    Ok(kept.map_or(Known::Nothing, Known::Done))
}

/// Keeps an answer. False if another request has the key, against all locks.
pub(super) async fn keep(
    transaction: &mut PgConnection,
    scope: &Scope,
    kept: &Kept,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(KEEP)
        .bind(scope.user_id)
        .bind(&scope.operation)
        .bind(scope.key.as_str())
        .bind(&kept.fingerprint)
        .bind(kept.status)
        .bind(&kept.headers)
        .bind(&kept.body)
        .execute(transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}
