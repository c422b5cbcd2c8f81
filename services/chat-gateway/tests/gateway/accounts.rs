//! Accounts, sign-ins and their tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Gateway, PASSWORD, token};

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_can_sign_in_and_is_who_they_say() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    assert_eq!(gateway.get("/api/rooms", &ada).await.0, 200);

    // Addresses are one, however they are written.
    let (status, answer) = gateway
        .login(&format!(" {} ", ada.email.to_uppercase()), PASSWORD)
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["token_type"], "Bearer");
    assert!(
        answer["expires_in"]
            .as_u64()
            .is_some_and(|seconds| seconds > 0)
    );
    assert_eq!(answer["user"]["id"], json!(ada.id));

    let again = json!({"email": ada.email, "password": PASSWORD, "name": "Eve"});
    let (status, answer) = gateway.auth("register", &again).await;
    assert_eq!((status, &answer["code"]), (409, &json!("email_taken")));

    let wrong = json!({"email": "nowhere", "password": "short", "name": " "});
    let (status, answer) = gateway.auth("register", &wrong).await;
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("validation_failed"))
    );
    let errors = answer["errors"].as_array().expect("errors").iter();
    let fields: Vec<_> = errors.filter_map(|error| error["field"].as_str()).collect();
    assert_eq!(fields, ["email", "name", "password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let without_ids = |mut answer: Value| {
        for id in ["request_id", "trace_id"] {
            answer.as_object_mut().expect("an object").remove(id);
        }
        answer
    };
    let (status, wrong) = gateway.login(&ada.email, "not the password").await;
    assert_eq!(
        (status, &wrong["code"]),
        (401, &json!("invalid_credentials"))
    );
    let wrong = without_ids(wrong);
    for (email, password) in [
        ("nobody@example.com", PASSWORD),
        ("not an address", PASSWORD),
        (ada.email.as_str(), ""),
        (ada.email.as_str(), "x".repeat(9000).as_str()),
    ] {
        let (status, answer) = gateway.login(email, password).await;
        assert_eq!(
            (status, without_ids(answer)),
            (401, wrong.clone()),
            "{email}"
        );
    }
    let samples = gateway.service.metrics().await;
    assert_eq!(samples.sum("logins_total", &[("status", "success")]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down() {
    let gateway = Gateway::start().await;
    let limited = gateway
        .parts
        .chat_gateway("http://127.0.0.1:9")
        .env("LOGIN_ATTEMPTS_PER_ACCOUNT", "2")
        .start()
        .await;
    let ada = gateway.register("Ada").await;
    let http = reqwest::Client::new();
    let attempt = |password: &str| {
        let body = json!({"email": ada.email, "password": password});
        http.post(limited.url("/api/auth/login")).json(&body).send()
    };
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(attempt("guess").await.expect("an answer").status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 429]);
    let refused = attempt(PASSWORD).await.expect("an answer");
    assert_eq!(
        refused.status(),
        429,
        "the right one, too: it may be a guess"
    );
    assert!(refused.headers().contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_works_once_and_its_second_use_ends_the_session() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let (_, elsewhere) = gateway.login(&ada.email, PASSWORD).await;

    let (status, second) = gateway.refresh(&ada.refresh).await;
    assert_eq!(status, 200, "{second}");
    let (status, third) = gateway.refresh(&token(&second, "refresh_token")).await;
    assert_eq!(status, 200, "{third}");
    assert_eq!(third["user"]["id"], json!(ada.id));

    let (status, answer) = gateway.refresh(&ada.refresh).await;
    assert_eq!(
        (status, &answer["code"]),
        (401, &json!("invalid_refresh_token"))
    );
    let (status, _) = gateway.refresh(&token(&third, "refresh_token")).await;
    assert_eq!(status, 401, "the newest one is revoked with the rest");
    let samples = gateway.service.metrics().await;
    assert_eq!(samples.sum("refresh_tokens_reused_total", &[]), 1.0);

    let (status, _) = gateway.refresh(&token(&elsewhere, "refresh_token")).await;
    assert_eq!(status, 200, "the other session is not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_refresh_at_once_one_succeeds() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let refreshes = (0..8).map(|_| gateway.refresh(&ada.refresh));
    let answers = futures_util::future::join_all(refreshes).await;
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    let succeeded = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(succeeded, 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 401].contains(status)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_cannot_refresh() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let (_, answer) = gateway.refresh(&ada.refresh).await;
    let refresh = token(&answer, "refresh_token");
    let body = json!({"refresh_token": refresh});
    assert_eq!(gateway.auth("logout", &body).await.0, 204);
    assert_eq!(gateway.refresh(&refresh).await.0, 401);
    // The answer tells nothing about a token.
    assert_eq!(gateway.auth("logout", &body).await.0, 204);
    let unknown = json!({"refresh_token": "unknown"});
    assert_eq!(gateway.auth("logout", &unknown).await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_keys_verify_the_tokens() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let (status, set) = gateway
        .call(Method::GET, "/.well-known/jwks.json", None, None)
        .await;
    assert_eq!(status, 200);
    let header = jsonwebtoken::decode_header(&ada.token).expect("a header");
    assert_eq!(header.alg, Algorithm::EdDSA);
    let mut keys = set["keys"].as_array().expect("keys").iter();
    let key = keys.find(|key| key["kid"].as_str() == header.kid.as_deref());
    let key = key.expect("the key that the token names");
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert!(key.get("d").is_none(), "the private part");

    let x = key["x"].as_str().expect("x");
    let key = DecodingKey::from_ed_components(x).expect("a key");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["glasshouse"]);
    validation.set_issuer(&["glasshouse"]);
    let claims = jsonwebtoken::decode::<Value>(&ada.token, &key, &validation)
        .expect("a valid token")
        .claims;
    assert_eq!(claims["sub"], json!(ada.id));
    assert_eq!(
        (&claims["name"], &claims["role"]),
        (&json!("Ada"), &json!("user"))
    );
    assert!(claims.get("email").is_none(), "{claims}");
}
