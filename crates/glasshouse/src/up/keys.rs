//! The key pair that chat-gateway signs tokens with.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};

use crate::backing::{Place, write_secret};

/// The two files, as PEM.
pub(super) struct KeyFiles {
    pub private: PathBuf,
    pub public: PathBuf,
}

/// The pair of this place: made when it is first asked for, then kept, so that
/// tokens outlive a restart.
pub(super) fn ensure(place: &Place) -> Result<KeyFiles> {
    let files = KeyFiles {
        private: place.secrets().join("auth-private.pem"),
        public: place.secrets().join("auth-public.pem"),
    };
    let key = match fs::read_to_string(&files.private) {
        Ok(pem) => SigningKey::from_pkcs8_pem(&pem)
            .with_context(|| format!("{}: remove it for a new one", files.private.display()))?,
        Err(_) => {
            let key = SigningKey::from_bytes(&rand::random());
            write_secret(&files.private, &key.to_pkcs8_pem(LineEnding::LF)?)?;
            key
        }
    };
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF)?;
    fs::write(&files.public, public).with_context(|| files.public.display().to_string())?;
    Ok(files)
}
