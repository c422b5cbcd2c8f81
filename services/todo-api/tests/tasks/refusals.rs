//! What is refused, and how that is said.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::KeyPair;

use super::client::{Answer, Api, answer, path};

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_a_task_is_told_at_once() {
    let api = Api::start().await;
    let user = api.user();
    let wrong = json!({
        "title": "x".repeat(201), "description": "a\u{0}b", "priority": "mega",
        "tags": ["fine", "Not Fine", "", "x".repeat(33)], "due_at": "tomorrow",
        "reminders": [
            {"at": "2001-01-01T00:00:00Z"}, {"at": "soon"}, {}, {"minutes_before_due": 5},
            {"minutes_before_due": -1}, {"at": "2040-01-01T00:00:00Z", "minutes_before_due": 5},
        ],
        "time_zone": "Mars/Olympus",
    });
    let refused = user.post("/v1/tasks", &wrong).await;
    assert_eq!(refused.problem(), (422, "validation_failed"));
    assert_eq!(
        fields(&refused),
        [
            ("title", "too_long"),
            ("description", "invalid_character"),
            ("priority", "unknown_value"),
            ("tags[1]", "invalid_character"),
            ("tags[2]", "required"),
            ("tags[3]", "too_long"),
            ("due_at", "malformed"),
            ("reminders[1].at", "malformed"),
            ("reminders[2].at", "one_of"),
            ("reminders[4].minutes_before_due", "out_of_range"),
            ("reminders[5].at", "one_of"),
            ("reminders[0].at", "in_the_past"),
            ("reminders[3].minutes_before_due", "requires_due_at"),
            ("time_zone", "unknown_time_zone"),
        ]
    );
    assert!(refused.body["request_id"].is_string() && refused.body["trace_id"].is_string());

    let task = user.titled("Fine").await;
    let refused = user
        .patch(
            &task,
            &json!({"title": " ", "priority": "mega", "due_at": 7}),
        )
        .await;
    assert_eq!(refused.problem().0, 422);
    let refused = user
        .patch(
            &task,
            &json!({"title": " ", "priority": "mega", "due_at": "7"}),
        )
        .await;
    assert_eq!(
        fields(&refused),
        [
            ("title", "required"),
            ("priority", "unknown_value"),
            ("due_at", "malformed")
        ]
    );
    assert_eq!(user.get(&path(&task)).await.body, task);

    let refused = user
        .get("/v1/tasks?status=lost&priority=x&tags_all=%C3%9C&due_before=soon&recurring=no&limit=0&cursor=x")
        .await;
    assert_eq!(refused.problem(), (422, "validation_failed"));
    assert_eq!(fields(&refused).len(), 6, "{refused:?}");
    assert_eq!(user.titles("").await, ["Fine"], "nothing else came about");
    assert_eq!(api.operations("create").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_with_a_code_of_its_own() {
    let api = Api::start().await;
    let user = api.user();
    let post = || user.request(Method::POST, "/v1/tasks");
    let typed = |kind: &str, body: &str| post().header("content-type", kind).body(body.to_owned());
    let nobody = "/v1/tasks/67e55044-10b1-426f-9247-bb680e5fe0c8";
    let expired = api.token(-60);
    let foreign = KeyPair::generate().user().token;
    for (request, status, code) in [
        (typed("application/json", "{"), 400, "malformed_json"),
        (
            typed("application/json", r#"{"title": 7}"#),
            422,
            "validation_failed",
        ),
        (
            typed("application/json", r#"{"title": "x", "x": 1}"#),
            422,
            "validation_failed",
        ),
        (user.request(Method::GET, nobody), 404, "task_not_found"),
        (user.request(Method::GET, "/v1/nothing"), 404, "not_found"),
        (
            user.request(Method::PUT, "/v1/tasks"),
            405,
            "method_not_allowed",
        ),
        (typed("text/plain", "x"), 415, "unsupported_media_type"),
        (
            typed(
                "application/json",
                &format!(r#"{{"title": "{}"}}"#, "x".repeat(3 << 20)),
            ),
            413,
            "body_too_large",
        ),
    ] {
        let refused = answer(request).await;
        assert_eq!(refused.problem(), (status, code), "{refused:?}");
    }
    let mut codes = Vec::new();
    for token in [
        None,
        Some("nonsense"),
        Some(expired.as_str()),
        Some(foreign.as_str()),
    ] {
        let mut request = api.request(Method::GET, "/v1/tasks");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let refused = answer(request).await;
        assert_eq!(refused.problem().0, 401, "{refused:?}");
        assert!(refused.headers["www-authenticate"].starts_with("Bearer"));
        codes.push(refused.body["code"].as_str().expect("a code").to_owned());
    }
    assert_ne!(
        codes[0], codes[2],
        "absent and expired are told apart: {codes:?}"
    );
}

fn fields(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.body["errors"].as_array().expect("errors");
    let pair = |error: &'_ Value| -> bool { error["message"].as_str().is_some() };
    assert!(errors.iter().all(pair), "{errors:?}");
    errors
        .iter()
        .map(|error| {
            (
                error["field"].as_str().expect("a field"),
                error["code"].as_str().expect("a code"),
            )
        })
        .collect()
}
