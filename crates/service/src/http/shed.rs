use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;

use crate::{metrics, problem::Problem};

/// Refuses what is more than the service works on at once. What waits on a
/// connection that is already held costs memory: without a bound, all of it.
pub(super) async fn shed(
    State(slots): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_slot) = slots.try_acquire() else {
        metrics::SHED_BY_REQUESTS.increment(1);
        return Problem::unavailable("overloaded", "Too much is going on. Nothing was changed")
            .into_response();
    };
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use http::StatusCode;
    use tokio::sync::Notify;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn one_more_than_fits_is_refused_and_the_next_one_is_not() {
        let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (noted, waiting) = (begun.clone(), finish.clone());
        let handler = move || async move {
            noted.notify_one();
            waiting.notified().await;
        };
        let layer = from_fn_with_state(Arc::new(Semaphore::new(1)), shed);
        let router = Router::new().route("/", get(handler)).layer(layer);
        let ask = || {
            let request = Request::get("/").body(Body::empty()).unwrap();
            router.clone().oneshot(request)
        };
        let first = tokio::spawn(ask());
        begun.notified().await;
        let second = ask().await.unwrap();
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(second.headers()["retry-after"], "1");
        finish.notify_one();
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
        finish.notify_one();
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
    }
}
