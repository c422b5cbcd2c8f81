//! `/api/auth/…` and the key set.

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use serde::{Deserialize, Serialize};
use service::http::Json;

use super::throttle::Who;
use super::{Account, ClientAddress, store, tokens, validate};
use crate::Gateway;
use crate::error::Error;
use crate::metrics;

/// The routes of this capability.
pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/api/auth/register", post(register))
        .route("/api/auth/login", post(login))
        .route("/api/auth/refresh", post(refresh))
        .route("/api/auth/logout", post(logout))
        .route("/.well-known/jwks.json", get(jwks))
}

#[derive(Deserialize)]
struct Registration {
    email: String,
    password: String,
    name: String,
}

#[derive(Deserialize)]
struct Login {
    email: String,
    password: String,
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

#[derive(Serialize)]
struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: String,
    user: Account,
}

async fn register(
    State(gateway): State<Gateway>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<Registration>,
) -> Result<Response, Error> {
    let email = validate::email(&body.email);
    let name = validate::name(&body.name);
    let password = validate::password(&body.password);
    let (email, name) = match (email, name, password) {
        (Ok(email), Ok(name), Ok(())) => (email, name),
        (email, name, password) => {
            return Err(Error::Invalid(
                [email.err(), name.err(), password.err()]
                    .into_iter()
                    .flatten()
                    .collect(),
            ));
        }
    };
    attempt(
        &gateway,
        Who::Newcomer(address),
        gateway.config.registrations_per_address,
    )?;
    let hash = gateway.passwords.hash(body.password).await?;
    let account = store::insert(&gateway.pool, &email, &name, &hash).await?;
    tracing::info!(user_id = %account.id, "account_created");
    Ok((StatusCode::CREATED, begin(&gateway, account).await?).into_response())
}

async fn login(
    State(gateway): State<Gateway>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<Login>,
) -> Result<Response, Error> {
    // What could not have been registered cannot be signed in with: no work.
    let Ok(email) = validate::email(&body.email) else {
        return Err(Error::InvalidCredentials);
    };
    if body.password.len() > validate::MAX_PASSWORD {
        return Err(Error::InvalidCredentials);
    }
    let who = [
        (
            Who::account(&email),
            gateway.config.login_attempts_per_account,
        ),
        (
            Who::Address(address),
            gateway.config.login_attempts_per_address,
        ),
    ];
    for (who, limit) in who {
        attempt(&gateway, who, limit)?;
    }
    let (account, hash) = match store::by_email(&gateway.pool, &email).await? {
        Some(found) => (Some(found.account), Some(found.password_hash)),
        None => (None, None),
    };
    let verified = gateway.passwords.verify(body.password, hash).await;
    if !matches!(verified, Ok(false)) {
        // Right, or not looked at: neither was a guess.
        who.iter()
            .for_each(|(who, _)| gateway.throttle.forgive(*who));
    }
    match account {
        Some(account) if verified? => {
            metrics::LOGIN_SUCCEEDED.increment(1);
            tracing::info!(user_id = %account.id, "login_successful");
            Ok(begin(&gateway, account).await?.into_response())
        }
        _ => {
            metrics::LOGIN_REFUSED.increment(1);
            tracing::info!("login_failed");
            Err(Error::InvalidCredentials)
        }
    }
}

async fn refresh(
    State(gateway): State<Gateway>,
    Json(body): Json<Refresh>,
) -> Result<Response, Error> {
    let presented = tokens::refresh_digest(&body.refresh_token);
    let (refresh_token, digest) = tokens::new_refresh_token();
    if let Some(account) = store::rotate(&gateway.pool, &presented, &digest).await? {
        return Ok(answer(&gateway, account, refresh_token)?.into_response());
    }
    if let Some(user) = store::revoke_reused(&gateway.pool, &presented).await? {
        metrics::REFRESH_REUSED.increment(1);
        tracing::warn!(user_id = %user, "refresh_token_reused");
    }
    Err(Error::InvalidRefreshToken)
}

async fn logout(
    State(gateway): State<Gateway>,
    Json(body): Json<Refresh>,
) -> Result<StatusCode, Error> {
    let presented = tokens::refresh_digest(&body.refresh_token);
    if let Some(user) = store::end_session(&gateway.pool, &presented).await? {
        tracing::info!(user_id = %user, "logout_successful");
    }
    // The same answer for any token: the caller is signed out either way.
    Ok(StatusCode::NO_CONTENT)
}

async fn jwks(State(gateway): State<Gateway>) -> Response {
    let cache = [(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    )];
    (cache, Answer(gateway.signer.jwks())).into_response()
}

fn attempt(gateway: &Gateway, who: Who, limit: u32) -> Result<(), Error> {
    gateway
        .throttle
        .attempt(who, limit, Instant::now())
        .map_err(|wait| {
            metrics::LOGIN_THROTTLED.increment(1);
            tracing::warn!("login_throttled");
            Error::Throttled(wait)
        })
}

/// Begins a session and answers with its tokens.
async fn begin(gateway: &Gateway, account: Account) -> Result<Response, Error> {
    let (refresh_token, digest) = tokens::new_refresh_token();
    store::begin_session(&gateway.pool, account.id, &digest).await?;
    answer(gateway, account, refresh_token)
}

fn answer(gateway: &Gateway, user: Account, refresh_token: String) -> Result<Response, Error> {
    let tokens = Tokens {
        access_token: gateway.signer.sign(&user)?,
        token_type: "Bearer",
        expires_in: tokens::ACCESS_LIFETIME.as_secs(),
        refresh_token,
        user,
    };
    Ok((
        [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
        Answer(tokens),
    )
        .into_response())
}
