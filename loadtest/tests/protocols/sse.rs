//! Streams of events: the first, the gaps, the end, and hanging up.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use loadtest::Failure;

use crate::server::serve;
use crate::{nanoseconds, of_steps, row, run};

const FIRST: Duration = Duration::from_millis(60);
const BETWEEN: Duration = Duration::from_millis(20);
const TOKENS: u64 = 5;

/// Counts the pieces that were asked for: who has hung up asks no more.
#[derive(Default)]
struct Spoken(AtomicU64);

fn tokens(spoken: Arc<Spoken>, count: u64, done: bool) -> Response {
    let pieces = stream::unfold(0, move |n| {
        let spoken = Arc::clone(&spoken);
        async move {
            tokio::time::sleep(if n == 0 { FIRST } else { BETWEEN }).await;
            let piece = match n {
                n if n < count => format!("data: {{\"token\": {n}}}\n\n"),
                n if n == count && done => "data: [DONE]\n\n".to_owned(),
                _ => return None,
            };
            spoken.0.fetch_add(1, Ordering::SeqCst);
            Some((Ok::<_, Infallible>(Bytes::from(piece)), n + 1))
        }
    });
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(pieces),
    )
        .into_response()
}

fn routes() -> (Arc<Spoken>, Router) {
    let spoken = Arc::new(Spoken::default());
    type Shared = State<Arc<Spoken>>;
    let routes = Router::new()
        .route(
            "/chat",
            post(async |State(spoken): Shared| tokens(spoken, TOKENS, true)),
        )
        .route(
            "/endless",
            post(async |State(spoken): Shared| tokens(spoken, 10_000, true)),
        )
        .route(
            "/cut",
            post(async |State(spoken): Shared| tokens(spoken, 2, false)),
        )
        .route("/busy", get(async || StatusCode::TOO_MANY_REQUESTS))
        .with_state(Arc::clone(&spoken));
    (spoken, routes)
}

fn steps(path: &str, more: &str) -> String {
    of_steps(&format!(
        r#"
      - name: ask
        sse: {{ target: it, request: {path}, json: {{ q: "{{{{words 3}}}}" }}, until: "[DONE]"{more} }}"#
    ))
}

#[tokio::test]
async fn the_first_event_and_the_gaps_have_rows_of_their_own() {
    let (_, routes) = routes();
    let server = serve(routes);
    let report = run(&server.address, &steps("POST /chat", "")).await;
    assert!(report.valid, "{:?}", report.invalid_because);
    assert_eq!(report.errors, 0, "{:?}", report.steps);
    assert_eq!(row(&report, "ask").answered, 40);
    assert_eq!(row(&report, "ask.first").answered, 40);
    assert_eq!(row(&report, "ask.between").answered, 40 * (TOKENS - 1));
    // Parts are not counted again.
    assert_eq!(report.answered, 40);
    let p50 = |name| nanoseconds(row(&report, name).corrected.as_ref().unwrap().p50);
    assert!(
        p50("ask.first") >= FIRST && p50("ask.first") < 3 * FIRST,
        "{:?}",
        p50("ask.first")
    );
    assert!(
        p50("ask.between") >= BETWEEN.mul_f64(0.8),
        "{:?}",
        p50("ask.between")
    );
    assert!(p50("ask.between") < 3 * BETWEEN, "{:?}", p50("ask.between"));
    assert!(p50("ask") >= FIRST + 5 * BETWEEN, "{:?}", p50("ask"));
    assert!(
        report.opened < 40,
        "connections are kept: {}",
        report.opened
    );
}

#[tokio::test]
async fn hanging_up_ends_the_stream_at_the_server_too() {
    let (spoken, routes) = routes();
    let server = serve(routes);
    let report = run(
        &server.address,
        &steps("POST /endless", ", cancel_after: 3"),
    )
    .await;
    assert_eq!((row(&report, "ask").answered, report.errors), (40, 0));
    assert_eq!(row(&report, "ask.between").answered, 40 * 2);
    let spoken = spoken.0.load(Ordering::SeqCst);
    // A piece or two may be on its way when the connection closes.
    assert!((40 * 3..40 * 6).contains(&spoken), "{spoken}");
}

#[tokio::test]
async fn a_stream_that_is_cut_off_is_no_answer_and_a_refusal_is_one() {
    let (_, routes) = routes();
    let server = serve(routes);
    let report = run(&server.address, &steps("POST /cut", "")).await;
    assert_eq!(row(&report, "ask").failures[&Failure::Closed], 40);
    assert_eq!(row(&report, "ask").answered, 0);

    let report = run(&server.address, &steps("GET /busy", "")).await;
    assert_eq!(row(&report, "ask").statuses[&429], 40);
    assert_eq!(report.errors, 40);
}
