//! The OpenAPI document is true.

use testkit::{SystemBuilder, hold_to_document};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: make test-api"]
async fn every_answer_is_as_documented() {
    let parts = SystemBuilder::new().await;
    let todo_api = parts.todo_api().start().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis");
    hold_to_document(&todo_api, folder, &parts.keys.user().token).await;
}
