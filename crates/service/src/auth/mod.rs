//! Who is calling: bearer tokens signed by chat-gateway (EdDSA, Ed25519).

mod cache;
mod keys;
mod seen;

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, header, request::Parts};
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::problem::Problem;
use cache::Cache;
pub use keys::{PublicKeys, key_id};
use seen::Seen;

/// Who issues tokens, and for whom.
pub const ISSUER: &str = "glasshouse";
/// The audience of every token.
pub const AUDIENCE: &str = "glasshouse";

/// Longest token that is looked at.
const MAX_TOKEN: usize = 4096;

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: Uuid,
    /// The name to show.
    pub name: String,
    /// `user` or `admin`.
    pub role: Role,
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// When it was issued, in seconds since 1970.
    pub iat: u64,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Their own things.
    User,
    /// Everything.
    Admin,
}

impl Role {
    /// As in the token, and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// An authenticated user. As an extractor it answers 401 to everyone else.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's id.
    pub id: Uuid,
    /// The name to show.
    pub name: Arc<str>,
    /// What the user may do.
    pub role: Role,
    /// The token itself, to call other services in the user's name.
    pub token: Arc<str>,
    /// When the token ends, in seconds since 1970.
    pub expires_at: u64,
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is none.
    #[error("no bearer token was sent")]
    Missing,
    /// It was valid once.
    #[error("the token has expired")]
    Expired,
    /// It is not ours, or not a token.
    #[error("the token is not valid")]
    Invalid,
}

impl AuthError {
    /// For programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Expired => "token_expired",
            Self::Invalid => "token_invalid",
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        Problem::unauthorized(error.code(), error.to_string())
    }
}

/// Verifies tokens. Cheap to clone.
///
/// Verifying a signature is the dearest part of a read, so that verified tokens
/// are remembered for up to a minute.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    keys: PublicKeys,
    validation: Validation,
    cache: Cache,
    seen: Arc<Seen>,
}

impl Verifier {
    /// Trusts these keys.
    pub fn new(keys: PublicKeys) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The same machines issue and verify: a few seconds are plenty.
        validation.leeway = 5;
        let seen = Arc::new(Seen::default());
        Seen::report(&seen);
        Self(Arc::new(Inner {
            keys,
            validation,
            cache: Cache::default(),
            seen,
        }))
    }

    /// Trusts the keys in this text: one PEM block (SPKI, Ed25519) for each, so
    /// that an old and a new key can be valid together.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        PublicKeys::from_pem(pem).map(Self::new)
    }

    /// Who the token speaks for.
    pub fn verify(&self, token: &str) -> Result<User, AuthError> {
        let now = now();
        if let Some(user) = self.0.cache.get(token, now) {
            return Ok(user);
        }
        let claims = self.decode(token)?;
        let user = User {
            id: claims.sub,
            name: claims.name.into(),
            role: claims.role,
            token: token.into(),
            expires_at: claims.exp,
        };
        self.0.seen.add(user.id);
        self.0.cache.put(user.clone(), now);
        Ok(user)
    }

    /// Whose valid token is in these headers.
    pub(crate) fn user(&self, headers: &HeaderMap) -> Option<User> {
        self.verify(bearer(headers)?).ok()
    }

    fn decode(&self, token: &str) -> Result<Claims, AuthError> {
        use jsonwebtoken::errors::ErrorKind;
        if token.len() > MAX_TOKEN {
            return Err(AuthError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Invalid)?;
        let key = self
            .0
            .keys
            .find(header.kid.as_deref())
            .ok_or(AuthError::Invalid)?;
        jsonwebtoken::decode::<Claims>(token, key, &self.0.validation)
            .map(|data| data.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => AuthError::Expired,
                _ => AuthError::Invalid,
            })
    }
}

impl<S> FromRequestParts<S> for User
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The rate limit has asked already.
        if let Some(user) = parts.extensions.get::<Self>() {
            return Ok(user.clone());
        }
        let token = bearer(&parts.headers).ok_or(AuthError::Missing)?;
        Ok(Verifier::from_ref(state).verify(token)?)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn now() -> u64 {
    chrono::Utc::now().timestamp().unsigned_abs()
}

#[cfg(test)]
mod tests;
