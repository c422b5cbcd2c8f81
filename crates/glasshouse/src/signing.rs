//! The key pair that chat-gateway signs tokens with.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};

use crate::backing::{Place, write_secret};

/// The two files, as PEM.
pub struct KeyFiles {
    /// What chat-gateway signs with.
    pub private: PathBuf,
    /// What others verify with.
    pub public: PathBuf,
}

/// A new private key, as PEM.
///
/// # Errors
/// When it cannot be written as PEM, which does not happen.
pub fn generate() -> Result<String> {
    let key = SigningKey::from_bytes(&rand::random());
    Ok(key.to_pkcs8_pem(LineEnding::LF)?.to_string())
}

/// The public key of a private one, both as PEM.
///
/// # Errors
/// When that is no Ed25519 key in PKCS#8.
pub fn public_of(private: &str) -> Result<String> {
    let key = SigningKey::from_pkcs8_pem(private)?;
    Ok(key.verifying_key().to_public_key_pem(LineEnding::LF)?)
}

/// The pair of this place: made when it is first asked for, then kept, so that
/// tokens outlive a restart.
///
/// # Errors
/// When it cannot be written, or what is there is no key.
pub fn ensure(place: &Place) -> Result<KeyFiles> {
    let files = KeyFiles {
        private: place.secrets().join("auth-private.pem"),
        public: place.secrets().join("auth-public.pem"),
    };
    let private = match fs::read_to_string(&files.private) {
        Ok(pem) => pem,
        Err(_) => {
            let pem = generate()?;
            write_secret(&files.private, &pem)?;
            pem
        }
    };
    let public = public_of(&private)
        .with_context(|| format!("{}: remove it for a new one", files.private.display()))?;
    fs::write(&files.public, public).with_context(|| files.public.display().to_string())?;
    Ok(files)
}
