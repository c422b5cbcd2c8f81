//! Requests made of what was captured; expectations; users; pauses; weights.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use loadtest::{RunError, Watch, run_scenario};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::serve;
use crate::{nanoseconds, of_steps, parse, row, run, settings};

#[derive(Default)]
struct Shop {
    orders: AtomicU64,
    tokens: Mutex<BTreeSet<String>>,
}

type Seen = State<Arc<Shop>>;

async fn order(
    shop: Seen,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, [(&'static str, String); 1], Json<Value>) {
    if let Some(token) = headers.get("authorization") {
        shop.tokens
            .lock()
            .unwrap()
            .insert(token.to_str().unwrap().to_owned());
    }
    let n = shop.orders.fetch_add(1, Ordering::SeqCst);
    let right =
        body["count"].is_u64() && body["name"].as_str().is_some_and(|name| name.contains(' '));
    let status = if right {
        StatusCode::CREATED
    } else {
        StatusCode::BAD_REQUEST
    };
    (
        status,
        [("etag", format!("\"{n}\""))],
        Json(json!({"order": {"id": format!("o-{n}")}})),
    )
}

async fn look(headers: HeaderMap, Path(id): Path<String>) -> StatusCode {
    let tag = id.strip_prefix("o-").map(|n| format!("\"{n}\""));
    let given = headers
        .get("if-match")
        .and_then(|value| value.to_str().ok());
    match tag.as_deref() == given && tag.is_some() {
        true => StatusCode::OK,
        false => StatusCode::PRECONDITION_FAILED,
    }
}

fn shop() -> (Arc<Shop>, Router) {
    let shop = Arc::new(Shop::default());
    let routes = Router::new()
        .route("/orders", post(order))
        .route("/orders/{id}", get(look))
        .route(
            "/sign-up",
            post(async |Json(body): Json<Value>| {
                let token = format!("token-of-{}", body["who"]);
                (
                    StatusCode::CREATED,
                    Json(json!({"token": token.replace('"', "")})),
                )
            }),
        )
        .route(
            "/slow",
            get(async || tokio::time::sleep(Duration::from_millis(50)).await),
        )
        .route(
            "/sometimes",
            get(
                async |shop: Seen| match shop.orders.fetch_add(1, Ordering::SeqCst) % 10 {
                    0 => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::OK,
                },
            ),
        )
        .with_state(Arc::clone(&shop));
    (shop, routes)
}

const ORDER: &str = r#"
      - name: order
        http:
          target: it
          request: POST /orders
          json: { name: "{{words 2}}", count: "{{int 1 9}}" }
          expect: [201]
        capture: { id: { json: /order/id }, tag: { header: etag } }
      - name: look
        http: { target: it, request: "GET /orders/{{id}}", headers: { if-match: "{{tag}}" } }"#;

#[tokio::test]
async fn a_step_uses_what_the_one_before_it_captured() {
    let (shop, routes) = shop();
    let server = serve(routes);
    let report = run(&server.address, &of_steps(ORDER)).await;
    assert!(report.valid, "{:?}", report.invalid_because);
    assert_eq!((report.intended, report.errors, report.cut_off), (40, 0, 0));
    assert_eq!(report.answered, 80);
    assert_eq!(row(&report, "order").statuses[&201], 40);
    assert_eq!(row(&report, "look").statuses[&200], 40);
    assert_eq!(row(&report, "journey").answered, 40);
    assert_eq!(shop.orders.load(Ordering::SeqCst), 40);
    // Connections are kept.
    assert!(report.opened < 40, "{}", report.opened);
}

#[tokio::test]
async fn users_are_signed_up_and_share_the_journeys() {
    let (shop, routes) = shop();
    let server = serve(routes);
    let users = r#"
users:
  count: 4
  sign_up:
    - name: sign-up
      http: { target: it, request: POST /sign-up, json: { who: "{{n}}" }, expect: [201] }
      capture: { token: { json: /token } }
"#;
    let steps = of_steps(ORDER).replace(
        "    steps:\n",
        "    headers: { authorization: \"{{user.token}}\" }\n    steps:\n",
    );
    let report = run(&server.address, &format!("{steps}{users}")).await;
    assert_eq!(report.errors, 0);
    let tokens: Vec<String> = shop.tokens.lock().unwrap().iter().cloned().collect();
    assert_eq!(
        tokens,
        ["token-of-0", "token-of-1", "token-of-2", "token-of-3"]
    );
    // A sign-up is no part of what is measured.
    assert!(report.steps.iter().all(|step| step.name != "sign-up"));
}

#[tokio::test]
async fn a_set_up_that_fails_says_how() {
    let (_, routes) = shop();
    let server = serve(routes);
    let text = of_steps(ORDER)
        + "setup:\n  - name: make\n    http: { target: it, request: POST /orders, json: {} }\n";
    let error = run_scenario(
        &parse(&text),
        &settings(&server.address),
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, RunError::Setup(_)));
    let said = error.to_string();
    assert!(
        said.contains("POST /orders: status 400 was not expected"),
        "{said}"
    );

    let nowhere = settings("http://192.0.2.1:80");
    let error = run_scenario(
        &parse(&text),
        &nowhere,
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("--allow-remote"), "{error}");
    let unknown = loadtest::Settings::default();
    let error = run_scenario(
        &parse(&text),
        &unknown,
        CancellationToken::new(),
        &mut Watch::quiet(),
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("--target it="), "{error}");
}

#[tokio::test]
async fn what_is_expected_is_no_error_and_what_is_not_ends_the_journey() {
    let (_, routes) = shop();
    let server = serve(routes);
    let steps = r#"
      - name: missing
        http: { target: it, request: GET /nowhere, expect: [404] }
      - name: sometimes
        http: { target: it, request: GET /sometimes }
      - name: after
        http: { target: it, request: GET /slow }"#;
    let report = run(&server.address, &of_steps(steps)).await;
    assert_eq!(row(&report, "missing").unexpected, 0);
    assert_eq!(row(&report, "missing").statuses[&404], 40);
    assert_eq!(row(&report, "sometimes").unexpected, 4);
    assert_eq!(report.errors, 4);
    assert_eq!(row(&report, "after").answered, 36);
    assert_eq!(row(&report, "journey").answered, 36);
}

#[tokio::test]
async fn a_slow_step_is_counted_once_and_in_its_journey() {
    let (_, routes) = shop();
    let server = serve(routes);
    let steps = r#"
      - name: slow
        http: { target: it, request: GET /slow }
      - pause: 30ms
      - name: quick
        http: { target: it, request: GET /nowhere, expect: [404] }"#;
    let report = run(&server.address, &of_steps(steps)).await;
    let p50 = |name| nanoseconds(row(&report, name).corrected.as_ref().unwrap().p50);
    assert!(
        p50("slow") >= Duration::from_millis(50),
        "{:?}",
        p50("slow")
    );
    // The slow step is not in the quick one, nor is the pause; both are in the journey.
    assert!(
        p50("quick") < Duration::from_millis(30),
        "{:?}",
        p50("quick")
    );
    assert!(
        p50("journey") >= Duration::from_millis(79),
        "{:?}",
        p50("journey")
    );
}

#[tokio::test]
async fn waiting_for_a_connection_is_in_the_corrected_time_only() {
    let (_, routes) = shop();
    let server = serve(routes);
    let steps = r#"
      - name: slow
        http: { target: it, request: GET /slow }"#;
    // 40 a second that take 50 ms each, one at a time: a queue grows to a second.
    let text = of_steps(steps) + "connections: 1\ntimeout: 10s\n";
    let text = text.replacen("timeout: 1s\n", "", 1);
    let report = run(&server.address, &text).await;
    assert_eq!(report.answered, 40);
    assert!(report.held > 30, "{}", report.held);
    let slow = row(&report, "slow");
    assert!(nanoseconds(slow.corrected.as_ref().unwrap().max) > Duration::from_millis(900));
    assert!(nanoseconds(slow.service.p50) < Duration::from_millis(200));
}

#[tokio::test]
async fn weights_and_chances_decide_and_the_seed_repeats_them() {
    let (_, routes) = shop();
    let server = serve(routes);
    let text = r#"
name: test
about: a test
max_lateness: 1m
journeys:
  - name: often
    weight: 3
    steps: [{ name: a, http: { target: it, request: GET /x, expect: [404] } }]
  - name: seldom
    steps:
      - { name: b, http: { target: it, request: GET /x, expect: [404] } }
      - { name: c, chance: 50%, http: { target: it, request: GET /x, expect: [404] } }
phases: [{ name: all, rate: 400, duration: 1s }]
seed: 5
"#;
    let counts = async |workers| {
        let settings = loadtest::Settings {
            workers,
            ..settings(&server.address)
        };
        let run = run_scenario(
            &parse(text),
            &settings,
            CancellationToken::new(),
            &mut Watch::quiet(),
        )
        .await
        .unwrap();
        ["a", "b", "c"].map(|name| row(&run, name).answered)
    };
    let [a, b, c] = counts(1).await;
    // Binomial: five deviations.
    let (n, share) = ((a + b) as f64, 0.25);
    assert!(
        (b as f64 - n * share).abs() < 5.0 * (n * share * (1.0 - share)).sqrt(),
        "{b} of {n}"
    );
    assert!(
        (c as f64 - b as f64 / 2.0).abs() < 5.0 * (b as f64 / 4.0).sqrt(),
        "{c} of {b}"
    );
    // The same whoever does it.
    assert_eq!(counts(1).await, [a, b, c]);
    assert_eq!(counts(2).await, [a, b, c]);
}

#[tokio::test]
async fn a_closed_loop_is_named_and_waits_for_its_answers() {
    let (_, routes) = shop();
    let server = serve(routes);
    let steps = r#"
      - name: slow
        http: { target: it, request: GET /slow }"#;
    let text = of_steps(steps).replace("rate: 40, spacing: even", "closed: 2");
    let report = run(&server.address, &text).await;
    assert_eq!(report.pace, "closed");
    assert!(report.valid, "{:?}", report.invalid_because);
    // Two users, each a request in at least 50 ms.
    assert!((2..=42).contains(&report.answered), "{}", report.answered);
    assert!(row(&report, "slow").corrected.is_none());
    assert!(report.opened <= 2);
}

#[tokio::test]
async fn too_many_journeys_at_once_are_unsent_and_the_run_invalid() {
    let (_, routes) = shop();
    let server = serve(routes);
    let steps = r#"
      - name: slow
        http: { target: it, request: GET /slow }
      - pause: 500ms"#;
    let report = run(&server.address, &(of_steps(steps) + "at_once: 3\n")).await;
    assert!(!report.valid);
    assert!(report.unsent > 20, "{}", report.unsent);
    assert!(
        report.invalid_because[0].contains("journeys never began"),
        "{:?}",
        report.invalid_because
    );
    assert_eq!(report.intended, 40);
}
