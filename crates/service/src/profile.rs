//! CPU profiles in pprof's format, taken from the running process.

use std::{
    sync::atomic::{AtomicBool, Ordering::AcqRel},
    time::Duration,
};

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use pprof::{ProfilerGuardBuilder, protos::Message};
use serde::Deserialize;

use crate::{http::Query, problem::Problem};

/// Longest profile.
const MAX_SECONDS: u64 = 60;
/// Samples a second: odd, so as not to march in step with timers.
const FREQUENCY: i32 = 99;

static RUNNING: AtomicBool = AtomicBool::new(false);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    #[serde(default = "ten")]
    seconds: u64,
}

fn ten() -> u64 {
    10
}

/// `GET /debug/pprof/profile?seconds=N`, for `go tool pprof` and its kin.
pub(crate) async fn profile(Query(wish): Query<Wish>) -> Result<Response, Problem> {
    let Some(_turn) = Turn::take() else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "profile_running",
            "Another profile is being taken",
        )
        .retry_after(10));
    };
    let profiler = ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        // Unwinding out of these from a signal handler is not safe.
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()
        .map_err(failed)?;
    tokio::time::sleep(Duration::from_secs(wish.seconds.clamp(1, MAX_SECONDS))).await;
    // Resolving symbols takes seconds of CPU the first time.
    let body = tokio::task::spawn_blocking(move || {
        let profile = profiler.report().build()?.pprof()?;
        Ok::<_, pprof::Error>(profile.encode_to_vec())
    })
    .await
    .map_err(failed)?
    .map_err(failed)?;
    Ok((
        [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (
                header::CONTENT_DISPOSITION,
                r#"attachment; filename="profile.pb""#,
            ),
        ],
        body,
    )
        .into_response())
}

fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(error = %error, "profile_failed");
    Problem::internal()
}

/// One profile at a time: the timer behind it belongs to the process.
struct Turn;

impl Turn {
    fn take() -> Option<Self> {
        (!RUNNING.swap(true, AcqRel)).then_some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        RUNNING.store(false, std::sync::atomic::Ordering::Release);
    }
}
