//! `/hooks/alerts`

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::routing::post;
use service::http::Json;
use service::problem::Problem;

use super::notice::Notice;
use super::{ROOM, TELLER};
use crate::Gateway;
use crate::error::Error;
use crate::fanout::{Channel, Envelope};
use crate::metrics;
use crate::rooms::{RoomRef, store};
use crate::socket::protocol::{Person, ServerFrame};

/// The routes of this capability.
pub fn router() -> Router<Gateway> {
    Router::new().route("/hooks/alerts", post(alerts))
}

/// Whoever has the token. Looked at before the body: who has none makes no work.
struct Alertmanager;

impl FromRequestParts<Gateway> for Alertmanager {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Problem> {
        let Some(token) = &gateway.config.alert_webhook_token else {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is nothing here",
            ));
        };
        let offered = parts.headers.get(header::AUTHORIZATION);
        let offered = offered.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        if offered.is_some_and(|offered| token.is(offered)) {
            return Ok(Self);
        }
        let detail = "The webhook's token is missing or wrong";
        Err(Problem::unauthorized("invalid_token", detail))
    }
}

async fn alerts(
    _: Alertmanager,
    State(gateway): State<Gateway>,
    Json(notice): Json<Notice>,
) -> Result<StatusCode, Error> {
    say(&gateway, &notice).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn say(gateway: &Gateway, notice: &Notice) -> Result<(), Error> {
    let Some(text) = notice.text() else {
        return Ok(());
    };
    let ops = RoomRef::Name(ROOM.to_owned());
    let room = store::join(&gateway.pool, TELLER, &ops).await?.id;
    let traceparent = telemetry::current().map(|context| context.traceparent());
    let new = store::NewMessage {
        user: TELLER,
        room,
        client_id: None,
        text: &text,
        traceparent: traceparent.as_deref(),
    };
    let (message, _) = store::insert_message(&gateway.pool, &new).await?;
    let frame = ServerFrame::Message {
        id: message.id,
        client_id: None,
        room: ROOM,
        room_id: room,
        from: Person {
            id: message.user_id,
            name: &message.user_name,
        },
        text: &message.text,
        sent_at: message.sent_at,
        traceparent: message.traceparent.as_deref(),
    };
    let envelope = Envelope::new(&frame, traceparent.clone());
    gateway.fanout.publish(Channel::Room(room), &envelope).await;
    // Not before they are stored: Alertmanager sends again what was not.
    let (firing, resolved) = notice.counts();
    metrics::alerts_told(firing, resolved);
    tracing::info!(firing, resolved, message_id = %message.id, "alerts_received");
    Ok(())
}
