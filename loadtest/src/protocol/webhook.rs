//! Signatures of webhooks: HMAC-SHA256 over the body, as the sender does it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use crate::scenario::Scheme;

/// Adds the headers of a signature made at `timestamp`, in seconds since 1970.
pub(crate) fn sign(
    scheme: Scheme,
    secret: &[u8],
    id: &str,
    timestamp: i64,
    body: &[u8],
    headers: &mut HeaderMap,
) {
    let mut put = |name: &'static str, value: String| {
        // Hexadecimal digits, base64, numbers and ids: all of them can be headers.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    match scheme {
        Scheme::Github => {
            let digest = digest(secret, &[body]);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            put("x-hub-signature-256", format!("sha256={hex}"));
        }
        Scheme::StandardWebhooks => {
            let signed = format!("{id}.{timestamp}.");
            let digest = digest(secret, &[signed.as_bytes(), body]);
            put("webhook-id", id.to_owned());
            put("webhook-timestamp", timestamp.to_string());
            put(
                "webhook-signature",
                format!("v1,{}", STANDARD.encode(digest)),
            );
        }
    }
}

fn digest(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret).expect("a key of HMAC may have any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_their_documentation() {
        // The example of GitHub's "Validating webhook deliveries".
        let mut headers = HeaderMap::new();
        let secret = b"It's a Secret to Everybody";
        sign(
            Scheme::Github,
            secret,
            "",
            0,
            b"Hello, World!",
            &mut headers,
        );
        assert_eq!(
            headers["x-hub-signature-256"],
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
        // The example of the specification of Standard Webhooks.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, time) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        sign(
            Scheme::StandardWebhooks,
            &secret,
            id,
            time,
            br#"{"test": 2432232314}"#,
            &mut headers,
        );
        assert_eq!(
            headers["webhook-signature"],
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
