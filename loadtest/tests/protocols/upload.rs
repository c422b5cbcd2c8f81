//! Forms with files, read back by the parser of the server side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::routing::post;

use crate::server::serve;
use crate::{of_steps, row, run};

async fn take(State(bytes): State<Arc<AtomicU64>>, mut form: Multipart) -> StatusCode {
    let mut seen = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        let file = field.file_name().map(str::to_owned);
        let media = field.content_type().map(str::to_owned);
        let body = field.bytes().await.unwrap();
        bytes.fetch_add(body.len() as u64, Ordering::SeqCst);
        seen.push((name, file, media, body.len()));
    }
    let of = |n: usize| {
        (
            seen[n].0.as_str(),
            seen[n].1.as_deref(),
            seen[n].2.as_deref(),
            seen[n].3,
        )
    };
    let right = seen.len() == 3
        && of(0) == ("title", None, None, "my file".len())
        && of(1)
            == (
                "data",
                Some("one.bin"),
                Some("application/octet-stream"),
                300_000,
            )
        && of(2) == ("data", Some("empty.txt"), Some("text/plain"), 0);
    if right {
        StatusCode::CREATED
    } else {
        StatusCode::BAD_REQUEST
    }
}

#[tokio::test]
async fn a_form_arrives_as_it_was_described() {
    let bytes = Arc::new(AtomicU64::new(0));
    let server = serve(
        Router::new()
            .route("/files", post(take))
            .with_state(Arc::clone(&bytes)),
    );
    let steps = r#"
      - name: upload
        upload:
          target: it
          request: POST /files
          fields: { title: my file }
          files:
            - { field: data, name: one.bin, bytes: 300000 }
            - { field: data, name: empty.txt, content_type: text/plain, bytes: 0 }
          expect: [201]"#;
    let report = run(&server.address, &of_steps(steps)).await;
    assert_eq!(
        row(&report, "upload").statuses[&201],
        40,
        "{:?}",
        row(&report, "upload")
    );
    assert_eq!(bytes.load(Ordering::SeqCst), 40 * (300_000 + 7));
}
