//! Configuration is checked at start: all problems at once, exit code 2.

use testkit::{KeyPair, ServiceBuilder, SystemBuilder};

#[tokio::test]
async fn all_problems_are_reported_at_once_with_exit_code_2() {
    for name in ["todo-api", "chat-gateway", "event-worker"] {
        let mut service = ServiceBuilder::new(name)
            .env("ADMIN_LISTEN_ADDRESS", "nowhere")
            .env("LOG_LEVEL", "loud")
            .env("SHUTDOWN_DEADLINE_SECONDS", "soon")
            .spawn();
        assert_eq!(service.ended().await.code(), Some(2), "{name}");
        let errors = testkit::eventually("the reasons", || async {
            let errors = service.errors().join("\n");
            errors.contains("DATABASE_URL").then_some(errors)
        })
        .await;
        for variable in [
            "ADMIN_LISTEN_ADDRESS",
            "LOG_LEVEL",
            "SHUTDOWN_DEADLINE_SECONDS",
        ] {
            assert!(
                errors.contains(variable),
                "{name} does not name {variable}: {errors}"
            );
        }
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

#[tokio::test]
async fn published_defaults_are_refused_outside_demo_mode() {
    let mut service = ServiceBuilder::new("todo-api")
        .env(
            "DATABASE_URL",
            "postgres://todo:glasshouse@127.0.0.1:1/todo",
        )
        .env("AUTH_PUBLIC_KEY", KeyPair::generate().public_pem())
        .spawn();
    assert_eq!(service.ended().await.code(), Some(2));
    let errors = testkit::eventually("the reason", || async {
        let errors = service.errors().join("\n");
        errors.contains("DATABASE_URL").then_some(errors)
    })
    .await;
    assert!(errors.contains("published"), "{errors}");
    assert!(!errors.contains("glasshouse@"), "a secret in {errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_account_exists_in_demo_mode_only() {
    let parts = SystemBuilder::new().await;
    for (demo, status) in [("true", 200), ("false", 401)] {
        let database = testkit::Database::create(&parts.backing, "chat-gateway").await;
        let gateway = parts
            .chat_gateway("http://127.0.0.1:9")
            .env("DATABASE_URL", &database.url)
            .env("DEMO_MODE", demo)
            .start()
            .await;
        let login = reqwest::Client::new()
            .post(gateway.url("/api/auth/login"))
            .json(&serde_json::json!({"email": "demo@glasshouse.example", "password": "glasshouse-demo"}))
            .send()
            .await
            .expect("an answer");
        assert_eq!(login.status(), status, "DEMO_MODE={demo}");
    }
}
