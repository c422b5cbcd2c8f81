use service::{Env, auth::PublicKeys, http::RateLimit};

/// What only this service is configured with.
pub struct Config {
    /// Whose signatures on tokens are trusted.
    pub auth_public_key: PublicKeys,
    /// How much one user may send. Nothing: as much as they like.
    pub rate_limit: Option<RateLimit>,
}

impl Config {
    /// Reads the service's own variables.
    pub fn read(env: &mut Env) -> Self {
        Self {
            auth_public_key: env.required(
                "AUTH_PUBLIC_KEY",
                "Ed25519 public keys (PEM) whose tokens are trusted; several while keys rotate",
            ),
            rate_limit: RateLimit::read(env),
        }
    }
}
