//! Tokens like those of chat-gateway, for tests of one service alone.

use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A user of a test.
#[derive(Clone, Debug)]
pub struct Who {
    /// The `sub` claim.
    pub id: Uuid,
    /// A valid token.
    pub token: String,
}

/// An Ed25519 key pair made for one test.
pub struct KeyPair(SigningKey);

impl KeyPair {
    /// A new one.
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&rand::random()))
    }

    /// The private key in PKCS#8, PEM.
    ///
    /// # Panics
    /// Never: the key is of the right form.
    pub fn private_pem(&self) -> String {
        self.0
            .to_pkcs8_pem(LineEnding::LF)
            .expect("PKCS#8")
            .to_string()
    }

    /// The public key as SubjectPublicKeyInfo, PEM.
    ///
    /// # Panics
    /// Never: the key is of the right form.
    pub fn public_pem(&self) -> String {
        self.0
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .expect("SPKI")
    }

    /// A new user with a token of an hour.
    pub fn user(&self) -> Who {
        let id = Uuid::now_v7();
        Who {
            id,
            token: self.token(id, 3600),
        }
    }

    /// A token that ends in `seconds`, or ended so long ago.
    ///
    /// # Panics
    /// Never: the key is of the right form.
    pub fn token(&self, user: Uuid, seconds: i64) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs().cast_signed());
        let claims = json!({
            "sub": user, "name": "Tester", "role": "user",
            "iss": "glasshouse", "aud": "glasshouse",
            "iat": now - 1, "exp": now + seconds,
        });
        let mut header = Header::new(Algorithm::EdDSA);
        let digest = Sha256::digest(self.0.verifying_key().to_bytes());
        header.kid = Some(
            digest
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        );
        let key = EncodingKey::from_ed_pem(self.private_pem().as_bytes()).expect("a key");
        jsonwebtoken::encode(&header, &claims, &key).expect("a token")
    }
}
