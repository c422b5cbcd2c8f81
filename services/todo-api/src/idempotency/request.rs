use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, request::Parts};
use service::{auth::User, http::Body, problem::Problem};
use sqlx::types::Json;

use super::{
    key::{Key, Scope, fingerprint},
    outcome::Outcome,
    store::{Kept, Known, claim, keep},
};
use crate::{
    AppState, Error,
    metrics::{IDEMPOTENCY_CLAIM, IDEMPOTENCY_COMMIT, IDEMPOTENCY_KEEP, operation_done},
    store::Unit,
};

/// On an answer that was given before.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest answer that is kept.
const LONGEST_ANSWER: usize = 4 << 20;

/// Answers a POST or PATCH whose `Idempotency-Key` is known with what was
/// answered then. Other requests pass; what they do is idempotent as it is.
pub(crate) async fn layer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let takes_key = matches!(*request.method(), Method::POST | Method::PATCH);
    match Key::read(request.headers()) {
        Ok(Some(key)) if takes_key => match once(&state, key, request, next).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        },
        Err(problem) if takes_key => problem.into_response(),
        _ => next.run(request).await,
    }
}

/// Why a request with a key was not let through, or what it did not kept.
enum Refusal {
    Problem(Problem),
    Error(Error),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Error(error) => {
                if error.is_ours() {
                    tracing::error!(code = error.code(), error = %error, "idempotency_failed");
                }
                error.into_response()
            }
        }
    }
}

async fn once(
    state: &AppState,
    key: Key,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let user = User::from_request_parts(&mut parts, state).await?;
    let scope = Scope {
        user_id: user.id,
        operation: operation(&parts),
        key,
    };
    // All of it before a connection is taken: a slow sender must not hold one.
    let body = Body::from_request(Request::from_parts(parts.clone(), body), state).await?;
    let fingerprint = fingerprint(&parts, &body.0);

    let store = &state.store;
    store.available()?;
    let claim = async {
        let mut transaction = store.begin().await?;
        let known = claim(&mut transaction, &scope).await?;
        Ok((transaction, known))
    };
    let claimed = IDEMPOTENCY_CLAIM.run(claim).await;
    let (transaction, known) = claimed.map_err(|error| store.failed(error))?;
    let Known::Nothing = known else {
        // Before the answer: who has it may send the next one, which needs the
        // lock.
        transaction.rollback().await;
        return answer_known(known, fingerprint).map_err(Refusal::from);
    };

    let unit = Unit::new(transaction);
    parts.extensions.insert(unit.clone());
    let request = Request::from_parts(parts, body.0.into());
    let response = next.run(request).await;
    if !response.status().is_success() {
        // Nothing was done, so that nothing is kept: sent again, the request is
        // judged anew.
        if let Some((transaction, _)) = unit.into_inner() {
            transaction.rollback().await;
        }
        Outcome::Released.happened();
        return Ok(response);
    }
    let (kept, response) = copy(response, fingerprint).await?;
    let Some((mut transaction, done)) = unit.into_inner() else {
        let cause = "something holds on to the transaction";
        return Err(Error::Database(sqlx::Error::Protocol(cause.to_owned())).into());
    };
    service::planted!("answer_kept_apart" => {
        let committed = transaction.commit().await;
        committed.map_err(|error| store.failed(error))?;
        let begun = store.begin().await;
        transaction = begun.map_err(|error| store.failed(error))?;
    });
    let stored = IDEMPOTENCY_KEEP
        .run(keep(&mut transaction, &scope, &kept))
        .await;
    if !stored.map_err(|error| store.failed(error))? {
        return Err(running().into());
    }
    let committed = IDEMPOTENCY_COMMIT.run(transaction.commit()).await;
    committed.map_err(|error| store.failed(error))?;
    done.into_iter().for_each(operation_done);
    Outcome::Executed.happened();
    Ok(response)
}

/// What is answered to a request that is not the first with its key.
fn answer_known(known: Known, fingerprint: [u8; 32]) -> Result<Response, Problem> {
    match known {
        Known::Done(kept) if kept.fingerprint == fingerprint => {
            Outcome::Replayed.happened();
            let mut response = kept.into_response();
            let headers = response.headers_mut();
            headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Known::Done(_) => {
            Outcome::Mismatched.happened();
            Err(mismatched())
        }
        Known::Running | Known::Nothing => {
            Outcome::Running.happened();
            Err(running())
        }
    }
}

/// Method and route.
fn operation(parts: &Parts) -> String {
    let route = parts.extensions.get::<MatchedPath>();
    let route = route.map_or(parts.uri.path(), MatchedPath::as_str);
    format!("{} {route}", parts.method)
}

/// The answer, to be kept and to be sent.
async fn copy(response: Response, fingerprint: [u8; 32]) -> Result<(Kept, Response), Problem> {
    let (head, body) = response.into_parts();
    // Only an answer that is too long fails here.
    let body = to_bytes(body, LONGEST_ANSWER)
        .await
        .map_err(|_| too_long())?;
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = head.headers.iter();
    let kept = Kept {
        fingerprint: fingerprint.to_vec(),
        status: head.status.as_u16().cast_signed(),
        headers: Json(
            headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
        ),
        body: body.to_vec(),
    };
    Ok((kept, Response::from_parts(head, body.into())))
}

fn running() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "request_in_progress",
        "A request with this Idempotency-Key is still running",
    )
    .detail("Send it again later to learn what became of it")
    .retry_after(1)
}

fn mismatched() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "This Idempotency-Key was used for another request",
    )
    .detail("Path, If-Match, Content-Type and body must be those of the first request")
}

fn too_long() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "idempotency_unsupported",
        "This request cannot have an Idempotency-Key",
    )
    .detail("Its answer is too long to be kept. Nothing was changed")
}
