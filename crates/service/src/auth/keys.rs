use ed25519_dalek::{VerifyingKey, pkcs8::DecodePublicKey};
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

use crate::Setting;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// The public keys whose signatures are trusted, by their id.
#[derive(Clone, Default)]
pub struct PublicKeys(Vec<(String, DecodingKey)>);

/// The id of a raw Ed25519 public key: the first 16 hexadecimal digits of its
/// SHA-256. It goes into the header of each token as `kid`.
pub fn key_id(raw: &[u8; 32]) -> String {
    let digest = Sha256::digest(raw);
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl PublicKeys {
    /// Reads every PEM block of the text.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        // A PEM in an environment variable often has its newlines escaped.
        let text = text.replace("\\n", "\n");
        let mut rest = text.as_str();
        while let Some(start) = rest.find(BEGIN) {
            let from = &rest[start..];
            let end = from.find(END).ok_or("expected -----END PUBLIC KEY-----")? + END.len();
            let key = VerifyingKey::from_public_key_pem(&from[..end])
                .map_err(|_| "expected an Ed25519 public key (SPKI, PEM)")?;
            let raw = key.to_bytes();
            keys.push((key_id(&raw), DecodingKey::from_ed_der(&raw)));
            rest = &from[end..];
        }
        if keys.is_empty() {
            return Err("expected at least one PEM block with an Ed25519 public key".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key with this id; without an id, the only key there is.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&DecodingKey> {
        match (id, self.0.as_slice()) {
            (Some(id), keys) => keys
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, key)| key),
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
        }
    }
}

impl Setting for PublicKeys {
    fn parse(text: &str) -> Result<Self, String> {
        Self::from_pem(text)
    }

    fn unset() -> Self {
        Self::default()
    }
}
