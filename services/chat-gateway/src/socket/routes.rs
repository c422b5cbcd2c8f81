//! `/ws`: the upgrade.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use service::openapi::ProblemDocument;
use service::problem::Problem;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::protocol::{BEARER, MAX_FRAME, SUBPROTOCOL};
use super::{Refused, connection};
use crate::Gateway;
use crate::metrics;

/// The library's own limit, above ours: a frame between the two is still read,
/// so that its sender gets a proper close frame.
const HARD_LIMIT: usize = 4 * MAX_FRAME;

/// The routes of this capability.
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(upgrade))
}

/// Open a WebSocket
///
/// Of the subprotocol `glasshouse.v1`. The token is offered as another one, `bearer.`
/// and the token, or sent in the first frame.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "rooms",
    operation_id = "open_websocket",
    security(()),
    responses(
        (status = 101, description = "It is open"),
        (status = 426, description = "Not an upgrade to a WebSocket",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
async fn upgrade(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => {
            metrics::connection_failed("not_an_upgrade");
            return Problem::new(
                StatusCode::UPGRADE_REQUIRED,
                "upgrade_required",
                "Only WebSockets are served here",
            )
            .into_response();
        }
    };
    let Ok(slot) = gateway.socket_slots.clone().try_acquire_owned() else {
        metrics::connection_failed("too_many_sockets");
        return Problem::unavailable(
            "too_many_sockets",
            "No more WebSockets can be opened right now",
        )
        .into_response();
    };
    let token = offered_token(&headers);
    // Held from before the answer, so that a shutdown waits for it.
    let tracked = gateway.sockets.token();
    upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(HARD_LIMIT)
        .max_frame_size(HARD_LIMIT)
        .write_buffer_size(0)
        .on_failed_upgrade(|_| metrics::connection_failed("aborted"))
        .on_upgrade(move |socket| async move {
            connection::run(&gateway, socket, token).await;
            drop((slot, tracked));
        })
}

/// The token offered as a subprotocol, the only header a browser's WebSocket
/// can set. It is never answered nor logged.
fn offered_token(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(BEARER).map(str::to_owned))
}

impl Refused {
    /// The metric label.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::TooManyOfUser => "too_many_of_user",
            Self::Draining => "draining",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_the_protocols() {
        let mut headers = HeaderMap::new();
        assert_eq!(offered_token(&headers), None);
        headers.insert(
            "sec-websocket-protocol",
            "glasshouse.v1, bearer.a.b.c".parse().expect("a value"),
        );
        assert_eq!(offered_token(&headers).as_deref(), Some("a.b.c"));
    }
}
