use service::{Env, auth::PublicKeys};

/// What only this service is configured with.
pub struct Config {
    /// Whose signatures on tokens are trusted.
    pub auth_public_key: PublicKeys,
}

impl Config {
    /// Reads the service's own variables.
    pub fn read(env: &mut Env) -> Self {
        Self {
            auth_public_key: env.required(
                "AUTH_PUBLIC_KEY",
                "Ed25519 public keys (PEM) whose tokens are trusted; several while keys rotate",
            ),
        }
    }
}
