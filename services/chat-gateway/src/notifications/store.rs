//! Notifications in PostgreSQL.

use events::contracts::Notification;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::Stored;
use crate::error::Error;
use crate::metrics;

/// Stores a notification, within the transaction of its inbox row.
pub async fn insert(
    connection: &mut PgConnection,
    notification: &Notification,
    traceparent: Option<&str>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "insert into notifications (id, user_id, kind, task_id, title, remind_at, fired_at, traceparent)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing",
    )
    .bind(notification.id)
    .bind(notification.user_id)
    .bind(&notification.kind)
    .bind(notification.task_id)
    .bind(&notification.title)
    .bind(notification.remind_at)
    .bind(notification.fired_at)
    .bind(traceparent)
    .execute(connection);
    metrics::NOTIFICATION_INSERT.run(query).await?;
    Ok(())
}

/// The latest notifications of a user, newest first.
pub async fn list(pool: &PgPool, user: Uuid, limit: i64) -> Result<Vec<Stored>, Error> {
    let query = sqlx::query_as(
        "select id, user_id, kind, task_id, title, remind_at, fired_at, traceparent, read_at
         from notifications where user_id = $1 order by created_at desc, id desc limit $2",
    )
    .bind(user)
    .bind(limit)
    .fetch_all(pool);
    Ok(metrics::NOTIFICATION_LIST.run(query).await?)
}

/// What these users were not told yet, oldest first, if it is at least so many
/// seconds old.
pub async fn pending(
    pool: &PgPool,
    users: &[Uuid],
    seconds: f64,
    limit: i64,
) -> Result<Vec<Stored>, Error> {
    let query = sqlx::query_as(
        "select id, user_id, kind, task_id, title, remind_at, fired_at, traceparent, read_at
         from notifications
         where user_id = any($1) and delivered_at is null and created_at <= now() - make_interval(secs => $2)
         order by created_at limit $3",
    )
    .bind(users)
    .bind(seconds)
    .bind(limit)
    .fetch_all(pool);
    Ok(metrics::NOTIFICATION_PENDING.run(query).await?)
}

/// Notes that these were written to a socket of their user.
pub async fn delivered(pool: &PgPool, ids: &[Uuid]) -> Result<u64, Error> {
    let query = sqlx::query(
        "update notifications set delivered_at = now() where id = any($1) and delivered_at is null",
    )
    .bind(ids)
    .execute(pool);
    Ok(metrics::NOTIFICATION_DELIVERED
        .run(query)
        .await?
        .rows_affected())
}

/// Notes that the user has seen everything up to now.
pub async fn read_all(pool: &PgPool, user: Uuid) -> Result<(), Error> {
    let query = sqlx::query(
        "update notifications set read_at = now(), delivered_at = coalesce(delivered_at, now())
         where user_id = $1 and read_at is null",
    )
    .bind(user)
    .execute(pool);
    metrics::NOTIFICATION_READ.run(query).await?;
    Ok(())
}
