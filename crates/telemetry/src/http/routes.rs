//! The metric handles of each route, resolved on first use.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ::http::{Method, StatusCode};
use arc_swap::ArcSwap;
use metrics::{Counter, Histogram};

use crate::metrics::{HTTP_REQUEST_DURATION, HTTP_REQUEST_SIZE, HTTP_REQUESTS, HTTP_RESPONSE_SIZE};
use crate::semconv;
use crate::trace::{SpanKind, Template};

/// The endpoint of requests that match no route.
pub(super) const UNMATCHED: &str = "unmatched";

type Table = HashMap<String, HashMap<&'static str, Arc<Route>>>;

static TABLE: LazyLock<ArcSwap<Table>> = LazyLock::new(ArcSwap::default);
static GROWING: Mutex<()> = Mutex::new(());

/// The handles and names of one method and endpoint. The names live as long as
/// the process, as the route does, so that no request copies them.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) endpoint: &'static str,
    /// Spans named `METHOD /template`.
    pub(super) span: Template,
    pub(super) duration: Histogram,
    pub(super) request_size: Histogram,
    pub(super) response_size: Histogram,
    statuses: ArcSwap<Vec<(StatusCode, Counter)>>,
}

impl Route {
    fn new(method: &'static str, endpoint: &str) -> Self {
        let labels = [method, endpoint];
        Self {
            method,
            endpoint: String::leak(endpoint.to_owned()),
            span: Template::new(
                &format!("{method} {endpoint}"),
                SpanKind::Server,
                &[
                    (semconv::HTTP_REQUEST_METHOD, method),
                    (semconv::HTTP_ROUTE, endpoint),
                    (semconv::URL_SCHEME, "http"),
                ],
            ),
            duration: HTTP_REQUEST_DURATION.histogram_handle(&labels),
            request_size: HTTP_REQUEST_SIZE.histogram_handle(&labels),
            response_size: HTTP_RESPONSE_SIZE.histogram_handle(&labels),
            statuses: ArcSwap::default(),
        }
    }

    /// Counts one answer.
    pub(super) fn count(&self, status: StatusCode) {
        self.add(status, 1);
    }

    fn add(&self, status: StatusCode, by: u64) {
        let known = self.statuses.load();
        if let Some((_, counter)) = known.iter().find(|(known, _)| *known == status) {
            counter.increment(by);
            return;
        }
        let counter = HTTP_REQUESTS.counter_handle(&[self.method, self.endpoint, status.as_str()]);
        counter.increment(by);
        self.statuses.rcu(|known| {
            let mut grown = Vec::clone(known);
            grown.push((status, counter.clone()));
            grown
        });
    }
}

/// The handles of a method and endpoint; endpoints are route templates, so the
/// table stays as small as the router.
pub(super) fn route(method: &Method, endpoint: &str) -> Arc<Route> {
    let method = method_label(method);
    let find = |table: &Table| {
        table
            .get(endpoint)
            .and_then(|methods| methods.get(method))
            .cloned()
    };
    if let Some(route) = find(&TABLE.load()) {
        return route;
    }
    let _growing = GROWING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(route) = find(&TABLE.load()) {
        return route;
    }
    let route = Arc::new(Route::new(method, endpoint));
    let mut grown = Table::clone(&TABLE.load());
    grown
        .entry(endpoint.to_owned())
        .or_default()
        .insert(method, Arc::clone(&route));
    TABLE.store(Arc::new(grown));
    route
}

/// Starts the series of these routes at zero: their success status, and 500,
/// so that a rate over errors has a series before the first error.
pub fn preregister(routes: &[(Method, &str, StatusCode)]) {
    for (method, endpoint, success) in routes {
        let route = route(method, endpoint);
        route.add(*success, 0);
        route.add(StatusCode::INTERNAL_SERVER_ERROR, 0);
    }
}

/// The method as a label: the standard ones, everything else is `_OTHER` (as in
/// the HTTP semantic conventions).
pub(super) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
