//! Access tokens (Ed25519-signed JWT) and refresh tokens (opaque, stored as a
//! digest).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};
use service::auth::{AUDIENCE, ISSUER, key_id};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Account;
use crate::error::Error;

/// How long an access token is good for.
pub const ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);

#[derive(Serialize)]
struct Claims<'a> {
    sub: Uuid,
    name: &'a str,
    role: &'a str,
    iss: &'static str,
    aud: &'static str,
    iat: u64,
    exp: u64,
}

/// Signs access tokens, and publishes the keys that verify them.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    header: Header,
    /// Public keys, the signing one first.
    public: Arc<Vec<VerifyingKey>>,
}

impl Signer {
    /// A signer for a PKCS#8 key; `previous` are public keys (SPKI blocks) whose
    /// tokens are still accepted during a rotation.
    ///
    /// # Errors
    /// Which variable is wrong and why, without any of the material.
    pub fn from_pem(private: &str, previous: &str) -> Result<Self, (&'static str, &'static str)> {
        const PRIVATE: (&str, &str) = (
            "AUTH_PRIVATE_KEY",
            "is malformed: expected an Ed25519 private key (PKCS#8, PEM)",
        );
        const PREVIOUS: (&str, &str) = (
            "AUTH_PREVIOUS_PUBLIC_KEYS",
            "is malformed: expected Ed25519 public keys (SPKI, PEM)",
        );
        // A PEM in an environment variable often has its newlines escaped.
        let private = private.replace("\\n", "\n");
        let previous = previous.replace("\\n", "\n");
        let signing = SigningKey::from_pkcs8_pem(private.trim()).map_err(|_| PRIVATE)?;
        let mut public = vec![signing.verifying_key()];
        for block in previous
            .split_inclusive("-----END PUBLIC KEY-----")
            .map(str::trim)
            .filter(|b| !b.is_empty())
        {
            public.push(VerifyingKey::from_public_key_pem(block).map_err(|_| PREVIOUS)?);
        }
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key_id(public[0].as_bytes()));
        // The signing library parses the key again, in its own version.
        let key = EncodingKey::from_ed_pem(private.trim().as_bytes()).map_err(|_| PRIVATE)?;
        Ok(Self {
            key,
            header,
            public: Arc::new(public),
        })
    }

    /// All public keys as SPKI PEM blocks, for the verifier.
    ///
    /// # Errors
    /// When a key cannot be encoded.
    pub fn public_pem(&self) -> Result<String, Error> {
        let blocks: Result<Vec<String>, _> = self
            .public
            .iter()
            .map(|key| key.to_public_key_pem(LineEnding::LF))
            .collect();
        Ok(blocks
            .map_err(|error| Error::internal("public_key_encoding", error))?
            .concat())
    }

    /// The key set served at `/.well-known/jwks.json`.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .public
            .iter()
            .map(|key| {
                json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                    "kid": key_id(key.as_bytes()), "x": URL_SAFE_NO_PAD.encode(key.as_bytes()),
                })
            })
            .collect();
        json!({ "keys": keys })
    }

    /// A fresh access token for `account`.
    ///
    /// # Errors
    /// When signing fails, which a parsed key does not.
    pub fn sign(&self, account: &Account) -> Result<String, Error> {
        let now = Utc::now().timestamp().unsigned_abs();
        let claims = Claims {
            sub: account.id,
            name: &account.name,
            role: &account.role,
            iss: ISSUER,
            aud: AUDIENCE,
            iat: now,
            exp: now + ACCESS_LIFETIME.as_secs(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key)
            .map_err(|error| Error::internal("token_signing", error))
    }
}

/// A new refresh token: what the client gets, and what is stored of it.
#[must_use]
pub fn new_refresh_token() -> (String, Vec<u8>) {
    let secret: [u8; 32] = rand::random();
    let text = URL_SAFE_NO_PAD.encode(secret);
    let digest = refresh_digest(&text);
    (text, digest)
}

/// What is stored of a refresh token. It has 256 random bits, so a plain
/// digest is enough.
#[must_use]
pub fn refresh_digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::pkcs8::EncodePrivateKey;

    fn pem() -> String {
        let key = SigningKey::from_bytes(&rand::random());
        key.to_pkcs8_pem(LineEnding::LF)
            .expect("encoded")
            .to_string()
    }

    #[test]
    fn tokens_verify_and_carry_the_contract_s_claims() {
        let signer = Signer::from_pem(&pem(), "").expect("a signer");
        let account = Account {
            id: Uuid::new_v4(),
            name: "Ada".into(),
            role: "user".into(),
        };
        let token = signer.sign(&account).expect("signed");
        let user = service::auth::Verifier::from_pem(&signer.public_pem().expect("encoded"))
            .expect("a verifier")
            .verify(&token)
            .expect("verified");
        assert_eq!(
            (user.id, &*user.name, user.role.as_str()),
            (account.id, "Ada", "user")
        );
        let kid = jsonwebtoken::decode_header(&token)
            .expect("a header")
            .kid
            .expect("a kid");
        assert_eq!(signer.jwks()["keys"][0]["kid"], kid.as_str());
        assert_eq!(kid.len(), 16);
    }

    #[test]
    fn previous_keys_are_published_and_nonsense_is_refused() {
        let old = Signer::from_pem(&pem(), "").expect("a signer");
        let new = Signer::from_pem(&pem(), &old.public_pem().expect("encoded")).expect("a signer");
        assert_eq!(new.jwks()["keys"].as_array().map(Vec::len), Some(2));
        assert_eq!(new.jwks()["keys"][1], old.jwks()["keys"][0]);
        assert!(Signer::from_pem("nonsense", "").is_err());
        assert!(Signer::from_pem(&pem(), "nonsense").is_err());
    }

    #[test]
    fn refresh_tokens_have_256_random_bits_and_a_digest() {
        let ((first, digest), (second, _)) = (new_refresh_token(), new_refresh_token());
        assert!(first.len() == 43 && first != second);
        assert_eq!((digest.len(), refresh_digest(&first)), (32, digest));
    }
}
