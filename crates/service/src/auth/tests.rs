use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

struct Issuer(SigningKey);

impl Issuer {
    fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn pem(&self) -> String {
        self.0
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .unwrap()
    }

    fn sign(&self, changes: Value) -> String {
        let mut claims = json!({
            "sub": Uuid::from_u128(7), "name": "Ada", "role": "user",
            "iss": ISSUER, "aud": AUDIENCE, "iat": now(), "exp": now() + 600,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = Header {
            alg: Algorithm::EdDSA,
            kid: Some(key_id(&self.0.verifying_key().to_bytes())),
            ..Header::default()
        };
        let key = EncodingKey::from_ed_der(self.0.to_pkcs8_der().unwrap().as_bytes());
        encode(&header, &claims, &key).unwrap()
    }
}

#[test]
fn a_valid_token_names_its_user() {
    let issuer = Issuer::new(1);
    let verifier = Verifier::from_pem(&issuer.pem()).unwrap();
    let token = issuer.sign(json!({}));
    for _ in 0..2 {
        let user = verifier.verify(&token).unwrap();
        assert_eq!(
            (user.id, &*user.name, user.role),
            (Uuid::from_u128(7), "Ada", Role::User)
        );
        assert_eq!(&*user.token, token);
    }
}

#[test]
fn both_keys_count_during_a_rotation() {
    let (old, new) = (Issuer::new(1), Issuer::new(2));
    let verifier = Verifier::from_pem(&format!("{}{}", old.pem(), new.pem())).unwrap();
    assert!(verifier.verify(&old.sign(json!({}))).is_ok());
    assert!(verifier.verify(&new.sign(json!({}))).is_ok());
}

#[test]
fn everything_else_is_refused() {
    let issuer = Issuer::new(1);
    let verifier = Verifier::from_pem(&issuer.pem()).unwrap();
    let expired = issuer.sign(json!({ "exp": now() - 60 }));
    assert_eq!(verifier.verify(&expired).unwrap_err(), AuthError::Expired);
    let stranger = Issuer::new(2).sign(json!({}));
    let mut altered = issuer.sign(json!({}));
    altered.pop();
    for token in [
        String::new(),
        "a.b.c".to_owned(),
        "x".repeat(MAX_TOKEN + 1),
        altered,
        stranger,
        issuer.sign(json!({ "iss": "other" })),
        issuer.sign(json!({ "aud": "other" })),
        issuer.sign(json!({ "role": "root" })),
        issuer.sign(json!({ "sub": "nobody" })),
    ] {
        assert_eq!(
            verifier.verify(&token).unwrap_err(),
            AuthError::Invalid,
            "{token}"
        );
    }
}

#[test]
fn keys_are_checked_at_start() {
    for text in [
        "",
        "key",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ] {
        assert!(PublicKeys::from_pem(text).is_err(), "{text}");
    }
    let escaped = Issuer::new(1).pem().replace('\n', "\\n");
    assert!(PublicKeys::from_pem(&escaped).is_ok());
}
