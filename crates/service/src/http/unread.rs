use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use futures_util::future::poll_fn;
use http_body::{Body as _, Frame, SizeHint};

/// How much of an unwanted body is read, and for how long.
const AT_MOST: usize = 256 << 10;
const FOR: Duration = Duration::from_secs(1);

/// The body of a request that may be refused before anybody reads it.
///
/// A server that answers and closes while the client still sends resets the
/// connection, and the client sees that instead of the answer.
pub(super) struct Unread(Option<Arc<Mutex<Body>>>);

impl Unread {
    /// Keeps a hand on the body of the request, if it has one.
    pub(super) fn watch(request: Request) -> (Request, Self) {
        if request.body().is_end_stream() {
            return (request, Self(None));
        }
        let (parts, body) = request.into_parts();
        let shared = Arc::new(Mutex::new(body));
        let request = Request::from_parts(parts, Body::new(Shared(shared.clone())));
        (request, Self(Some(shared)))
    }

    /// Whether some of the body has yet to come.
    pub(super) fn is_incomplete(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|body| !Shared(body.clone()).is_end_stream())
    }

    /// Reads what is left, within bounds; whether that was all of it.
    pub(super) async fn discard(self) -> bool {
        self.discard_within(FOR).await
    }

    async fn discard_within(self, patience: Duration) -> bool {
        let Some(body) = &self.0 else { return true };
        let drain = async {
            let mut shared = Shared(body.clone());
            let mut read = 0;
            while read < AT_MOST && !shared.is_end_stream() {
                match poll_fn(|context| Pin::new(&mut shared).poll_frame(context)).await {
                    Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
                    Some(Err(_)) | None => break,
                }
            }
        };
        // What is left after that is the client's trouble.
        let _ = tokio::time::timeout(patience, drain).await;
        !self.is_incomplete()
    }
}

struct Shared(Arc<Mutex<Body>>);

impl http_body::Body for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Only one side polls at a time, and hyper's body does not panic.
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn leaves_nothing_unread() {
        let request = Request::new(Body::from("sent in vain"));
        let (request, unread) = Unread::watch(request);
        let body = request.into_body();
        assert!(unread.discard().await);
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn does_not_wait_for_ever() {
        let endless = futures_util::stream::pending::<Result<Bytes, axum::Error>>();
        let (_request, unread) = Unread::watch(Request::new(Body::from_stream(endless)));
        assert!(!unread.discard_within(Duration::from_millis(5)).await);
    }
}
