//! Accounts and sessions in PostgreSQL.

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use super::Account;
use crate::error::{Error, constraint};
use crate::metrics;

/// A session ends this long after the sign-in, however often it is refreshed.
const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// What signing in needs to know of an account.
#[derive(sqlx::FromRow)]
pub struct Credentials {
    #[sqlx(flatten)]
    pub account: Account,
    pub password_hash: String,
}

/// Adds an account.
pub async fn insert(
    pool: &PgPool,
    email: &str,
    name: &str,
    password_hash: &str,
) -> Result<Account, Error> {
    let query = sqlx::query_as(
        "insert into users (id, email, name, password_hash) values ($1, $2, $3, $4) returning id, name, role",
    )
    .bind(Uuid::now_v7())
    .bind(email)
    .bind(name)
    .bind(password_hash)
    .fetch_one(pool);
    metrics::USER_INSERT
        .run(query)
        .await
        .map_err(|error| match constraint(&error) {
            Some("users_email_key") => Error::EmailTaken,
            _ => error.into(),
        })
}

/// The credentials of the account with this e-mail address.
pub async fn by_email(pool: &PgPool, email: &str) -> Result<Option<Credentials>, Error> {
    let query = sqlx::query_as("select id, name, role, password_hash from users where email = $1")
        .bind(email)
        .fetch_optional(pool);
    Ok(metrics::USER_BY_EMAIL.run(query).await?)
}

/// Begins a session with its first refresh token. Sessions of the same user
/// that ended more than a week ago are swept on the way.
pub async fn begin_session(pool: &PgPool, user: Uuid, digest: &[u8]) -> Result<(), Error> {
    let query = sqlx::query(
        "with swept as (
             delete from sessions
             where user_id = $2 and least(expires_at, revoked_at) < now() - interval '7 days'
         ), begun as (
             insert into sessions (id, user_id, expires_at)
             values ($1, $2, now() + make_interval(secs => $3)) returning id
         )
         insert into refresh_tokens (digest, session_id) select $4, id from begun",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(SESSION_LIFETIME.as_secs_f64())
    .bind(digest)
    .execute(pool);
    metrics::SESSION_BEGIN.run(query).await?;
    Ok(())
}

/// Uses up a refresh token and puts another in its place; at most one caller
/// succeeds with the same token.
pub async fn rotate(
    pool: &PgPool,
    presented: &[u8],
    fresh: &[u8],
) -> Result<Option<Account>, Error> {
    let query = sqlx::query_as(
        "with presented as (
             update refresh_tokens t set rotated_at = now()
             from sessions s
             where t.digest = $1 and t.rotated_at is null
               and s.id = t.session_id and s.revoked_at is null and s.expires_at > now()
             returning s.id, s.user_id
         ), issued as (
             insert into refresh_tokens (digest, session_id) select $2, id from presented
         )
         select u.id, u.name, u.role from users u join presented p on p.user_id = u.id",
    )
    .bind(presented)
    .bind(fresh)
    .fetch_optional(pool);
    Ok(metrics::SESSION_ROTATE.run(query).await?)
}

/// Revokes the whole session of a token that was used before: either it was
/// stolen, or its thief was first. Answers the user if there was such a session.
pub async fn revoke_reused(pool: &PgPool, presented: &[u8]) -> Result<Option<Uuid>, Error> {
    let query = sqlx::query_scalar(
        "update sessions s set revoked_at = now(), revoked_because = 'reuse'
         from refresh_tokens t
         where t.digest = $1 and t.rotated_at is not null and s.id = t.session_id and s.revoked_at is null
         returning s.user_id",
    )
    .bind(presented)
    .fetch_optional(pool);
    Ok(metrics::SESSION_REVOKE_REUSED.run(query).await?)
}

/// Ends the session that a refresh token belongs to.
pub async fn end_session(pool: &PgPool, presented: &[u8]) -> Result<Option<Uuid>, Error> {
    let query = sqlx::query_scalar(
        "update sessions s set revoked_at = now(), revoked_because = 'logout'
         from refresh_tokens t
         where t.digest = $1 and s.id = t.session_id and s.revoked_at is null
         returning s.user_id",
    )
    .bind(presented)
    .fetch_optional(pool);
    Ok(metrics::SESSION_END.run(query).await?)
}
