//! `/api/auth/…` and the key set.

use std::time::Instant;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use service::http::Json;
use service::openapi::ProblemDocument;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::throttle::Who;
use super::{Account, ClientAddress, store, tokens, validate};
use crate::Gateway;
use crate::error::Error;
use crate::metrics;

/// The routes of this capability.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(jwks))
}

/// A new account.
#[derive(Deserialize, ToSchema)]
struct Registration {
    /// Where its owner is reached; of each address there is one account.
    #[schema(format = Email, max_length = 254, example = "ada@example.com")]
    email: String,
    #[schema(min_length = 10, max_length = 256, pattern = r"^[^\u0000]*$")]
    password: String,
    /// What others see: on one line, and not only spaces.
    #[schema(
        min_length = 1,
        max_length = 80,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000- \u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$",
        example = "Ada"
    )]
    name: String,
}

/// Somebody who has an account.
#[derive(Deserialize, ToSchema)]
struct Login {
    #[schema(example = "ada@example.com")]
    email: String,
    password: String,
}

/// A session.
#[derive(Deserialize, ToSchema)]
struct Refresh {
    /// The one that was answered last.
    refresh_token: String,
}

/// What a session is used with.
#[derive(Serialize, ToSchema)]
struct Tokens {
    /// A JWT, for `Authorization: Bearer`.
    access_token: String,
    token_type: &'static str,
    /// How long the access token is good for, in seconds.
    expires_in: u64,
    /// Good for one refresh.
    refresh_token: String,
    user: Account,
}

/// Open an account
///
/// And sign in to it.
#[utoipa::path(
    post,
    path = "/api/auth/register",
    tag = "accounts",
    security(()),
    request_body = Registration,
    responses(
        (status = 201, description = "The session that began", body = Tokens),
        (status = 409, description = "There is an account with this address",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
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

/// Sign in
#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "accounts",
    security(()),
    request_body = Login,
    responses(
        (status = 200, description = "The session that began", body = Tokens),
        (status = 401, description = "Address or password is wrong",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn login(
    State(gateway): State<Gateway>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<Login>,
) -> Result<Response, Error> {
    // What could not have been registered cannot be signed in with: no work.
    let Ok(email) = validate::email(&body.email) else {
        return Err(Error::InvalidCredentials);
    };
    if body.password.chars().count() > validate::MAX_PASSWORD {
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

/// Go on with a session
///
/// A refresh token that was used before ends the session: it was stolen from one of
/// two.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    tag = "accounts",
    security(()),
    request_body = Refresh,
    responses(
        (status = 200, description = "The session's next tokens", body = Tokens),
        (status = 401, description = "The session has ended",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
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

/// Sign out
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "accounts",
    security(()),
    request_body = Refresh,
    responses((status = 204, description = "The session has ended, if there was one"))
)]
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

/// The keys that tokens are signed with
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "accounts",
    security(()),
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = Object))
)]
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
