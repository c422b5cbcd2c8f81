//! The OpenAPI document is true.

use testkit::{SystemBuilder, hold_to_document};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: make test-api"]
async fn every_answer_is_as_documented() {
    let parts = SystemBuilder::new().await;
    let todo_api = parts.todo_api().start().await;
    // All of it comes from one address.
    let gateway = parts
        .chat_gateway(&todo_api.url(""))
        .env("REGISTRATIONS_PER_ADDRESS", "1000000")
        .env("LOGIN_ATTEMPTS_PER_ADDRESS", "1000000")
        .env("LOGIN_ATTEMPTS_PER_ACCOUNT", "1000000")
        .start()
        .await;
    let user = parts.keys.user();
    let pool = parts.database("chat-gateway").pool().await;
    let account = "INSERT INTO users (id, email, name, password_hash)
                   VALUES ($1, 'tester@example.com', 'Tester', 'none')";
    let account = sqlx::query(account).bind(user.id).execute(&pool).await;
    account.expect("an account");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis");
    hold_to_document(&gateway, folder, &user.token).await;
}
