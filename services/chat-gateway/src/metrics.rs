//! Every metric and query of chat-gateway.

use std::sync::LazyLock;

use metrics::{Counter, Gauge, Histogram};
use telemetry::database::Query;
use telemetry::metrics::{Label, Metric, SLOW};

use crate::socket::protocol::Kind;

const USER_TYPES: Label = Label::known("user_type", &["user", "admin"]);
const FRAME_TYPES: Label = Label::known(
    "message_type",
    &[
        "authenticate",
        "join",
        "leave",
        "message",
        "ping",
        "invalid",
        "ready",
        "joined",
        "left",
        "task",
        "notification",
        "error",
        "pong",
    ],
);
/// Why a socket did not come about.
const FAILURES: &[&str] = &[
    "not_an_upgrade",
    "too_many_sockets",
    "too_many_of_user",
    "unauthenticated",
    "authentication_timeout",
    "draining",
    "aborted",
];

/// Sockets open and authenticated.
pub const WEBSOCKET_CONNECTIONS_ACTIVE: Metric = Metric::gauge(
    "websocket_connections_active",
    "WebSockets open and authenticated.",
    &[],
);
/// Sockets opened.
pub const WEBSOCKET_CONNECTIONS: Metric = Metric::counter(
    "websocket_connections_total",
    "WebSockets opened and authenticated.",
    &[],
);
/// Sockets refused.
pub const WEBSOCKET_CONNECTION_FAILURES: Metric = Metric::counter(
    "websocket_connection_failures_total",
    "WebSockets that were refused or given up before they were authenticated.",
    &[Label::known("reason", FAILURES)],
);
/// Frames read and written.
pub const WEBSOCKET_MESSAGES: Metric = Metric::counter(
    "websocket_messages_total",
    "WebSocket frames read and written.",
    &[Label::known("direction", &["in", "out"]), FRAME_TYPES],
);
/// What slow readers cost themselves.
pub const WEBSOCKET_SLOW_CONSUMERS: Metric = Metric::counter(
    "websocket_slow_consumers_total",
    "Frames dropped for, and sockets closed because of, readers that are too slow.",
    &[Label::known("action", &["dropped", "disconnected"])],
);
/// Messages stored.
pub const CHAT_MESSAGES_SENT: Metric = Metric::counter(
    "chat_messages_sent_total",
    "Chat messages stored; a command is one that asks for something, such as a task.",
    &[
        Label::known("user_role", &["user", "admin"]),
        Label::known("message_type", &["text", "command"]),
    ],
);
/// Sessions open.
pub const USER_SESSIONS_ACTIVE: Metric = Metric::gauge(
    "user_sessions_active",
    "Sessions open: authenticated WebSockets.",
    &[USER_TYPES],
);
/// How long sessions last.
pub const USER_SESSION_DURATION: Metric = Metric::histogram(
    "user_session_duration_seconds",
    "How long a session was open, from authentication to its end.",
    &[USER_TYPES],
    SLOW,
);
/// Alerts told in #ops.
pub const ALERTS_RECEIVED: Metric = Metric::counter(
    "alerts_received_total",
    "Alerts that Alertmanager told of, by what they did.",
    &[Label::known("status", &["firing", "resolved"])],
);
/// Sign-ins.
pub const LOGINS: Metric = Metric::counter(
    "logins_total",
    "Sign-ins by password.",
    &[Label::known("status", &["success", "refused", "throttled"])],
);
/// Stolen or replayed refresh tokens.
pub const REFRESH_TOKENS_REUSED: Metric = Metric::counter(
    "refresh_tokens_reused_total",
    "Sessions revoked because a used-up refresh token was presented again.",
    &[],
);
/// The fan-out over Redis.
pub const FANOUT_ENVELOPES: Metric = Metric::counter(
    "fanout_envelopes_total",
    "Envelopes between gateways: published, delivered here only because the bus was away, received, not understood.",
    &[Label::known(
        "status",
        &["published", "failed", "received", "malformed"],
    )],
);
/// Notifications on their way to people.
pub const NOTIFICATIONS: Metric = Metric::counter(
    "notifications_total",
    "Notifications stored, and written to a socket of their user.",
    &[Label::known("status", &["stored", "delivered"])],
);

/// All of them, for the bootstrap to register.
pub const CATALOGUE: &[&Metric] = &[
    &WEBSOCKET_CONNECTIONS_ACTIVE,
    &WEBSOCKET_CONNECTIONS,
    &WEBSOCKET_CONNECTION_FAILURES,
    &WEBSOCKET_MESSAGES,
    &WEBSOCKET_SLOW_CONSUMERS,
    &CHAT_MESSAGES_SENT,
    &USER_SESSIONS_ACTIVE,
    &USER_SESSION_DURATION,
    &ALERTS_RECEIVED,
    &LOGINS,
    &REFRESH_TOKENS_REUSED,
    &FANOUT_ENVELOPES,
    &NOTIFICATIONS,
];

macro_rules! handles {
    ($($name:ident: $type:ty = $handle:expr;)+) => {
        $(pub(crate) static $name: LazyLock<$type> = LazyLock::new(|| $handle);)+
    };
}

handles! {
    SOCKETS_ACTIVE: Gauge = WEBSOCKET_CONNECTIONS_ACTIVE.gauge_handle(&[]);
    SOCKETS_OPENED: Counter = WEBSOCKET_CONNECTIONS.counter_handle(&[]);
    SLOW_DROPPED: Counter = WEBSOCKET_SLOW_CONSUMERS.counter_handle(&["dropped"]);
    SLOW_DISCONNECTED: Counter = WEBSOCKET_SLOW_CONSUMERS.counter_handle(&["disconnected"]);
    LOGIN_SUCCEEDED: Counter = LOGINS.counter_handle(&["success"]);
    LOGIN_REFUSED: Counter = LOGINS.counter_handle(&["refused"]);
    LOGIN_THROTTLED: Counter = LOGINS.counter_handle(&["throttled"]);
    REFRESH_REUSED: Counter = REFRESH_TOKENS_REUSED.counter_handle(&[]);
    FANOUT_PUBLISHED: Counter = FANOUT_ENVELOPES.counter_handle(&["published"]);
    FANOUT_FAILED: Counter = FANOUT_ENVELOPES.counter_handle(&["failed"]);
    FANOUT_RECEIVED: Counter = FANOUT_ENVELOPES.counter_handle(&["received"]);
    FANOUT_MALFORMED: Counter = FANOUT_ENVELOPES.counter_handle(&["malformed"]);
    NOTIFICATIONS_STORED: Counter = NOTIFICATIONS.counter_handle(&["stored"]);
    NOTIFICATIONS_DELIVERED: Counter = NOTIFICATIONS.counter_handle(&["delivered"]);
    FRAMES_OUT: [Counter; Kind::ALL.len()] =
        Kind::ALL.map(|kind| WEBSOCKET_MESSAGES.counter_handle(&["out", kind.label()]));
}

/// Counts a frame that was read; `kind` is one of the labels above.
pub(crate) fn frame_in(kind: &'static str) {
    static HANDLES: LazyLock<Vec<(&str, Counter)>> = LazyLock::new(|| {
        let kinds = [
            "authenticate",
            "join",
            "leave",
            "message",
            "ping",
            "invalid",
        ];
        kinds
            .map(|kind| (kind, WEBSOCKET_MESSAGES.counter_handle(&["in", kind])))
            .into()
    });
    if let Some((_, counter)) = HANDLES.iter().find(|(name, _)| *name == kind) {
        counter.increment(1);
    }
}

/// Counts a frame that was written.
pub(crate) fn frame_out(kind: Kind) {
    // `Kind` lists its variants in this order.
    FRAMES_OUT[kind as usize].increment(1);
}

/// Counts a socket that did not come about; `reason` is one of the labels above.
pub(crate) fn connection_failed(reason: &'static str) {
    WEBSOCKET_CONNECTION_FAILURES
        .counter_handle(&[reason])
        .increment(1);
}

/// Counts a stored message.
pub(crate) fn message_sent(role: &'static str, kind: &'static str) {
    static HANDLES: LazyLock<[[Counter; 2]; 2]> = LazyLock::new(|| {
        ["user", "admin"].map(|role| {
            ["text", "command"].map(|kind| CHAT_MESSAGES_SENT.counter_handle(&[role, kind]))
        })
    });
    HANDLES[usize::from(role == "admin")][usize::from(kind == "command")].increment(1);
}

/// Counts alerts that were told in a room.
pub(crate) fn alerts_told(firing: usize, resolved: usize) {
    for (status, count) in [("firing", firing), ("resolved", resolved)] {
        let counter = ALERTS_RECEIVED.counter_handle(&[status]);
        counter.increment(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

/// The gauge and the histogram of one kind of user.
pub(crate) fn sessions(role: &'static str) -> &'static (Gauge, Histogram) {
    static HANDLES: LazyLock<[(Gauge, Histogram); 2]> = LazyLock::new(|| {
        ["user", "admin"].map(|role| {
            (
                USER_SESSIONS_ACTIVE.gauge_handle(&[role]),
                USER_SESSION_DURATION.histogram_handle(&[role]),
            )
        })
    });
    &HANDLES[usize::from(role == "admin")]
}

macro_rules! queries {
    ($($name:ident = $label:literal, $operation:literal, $table:literal;)+) => {
        $(pub(crate) static $name: Query = Query::new($label, $operation, $table);)+
        /// Every query of this service, for the bootstrap to register.
        pub const QUERIES: &[&Query] = &[$(&$name,)+];
    };
}

queries! {
    USER_INSERT = "user_insert", "INSERT", "users";
    USER_BY_EMAIL = "user_by_email", "SELECT", "users";
    SESSION_BEGIN = "session_begin", "INSERT", "sessions";
    SESSION_ROTATE = "session_rotate", "UPDATE", "refresh_tokens";
    SESSION_REVOKE_REUSED = "session_revoke_reused", "UPDATE", "sessions";
    SESSION_END = "session_end", "UPDATE", "sessions";
    ROOM_LIST = "room_list", "SELECT", "rooms";
    ROOM_INSERT = "room_insert", "INSERT", "rooms";
    ROOM_JOIN = "room_join", "INSERT", "members";
    ROOM_VISIBLE = "room_visible", "SELECT", "rooms";
    MEMBER_ADD = "member_add", "INSERT", "members";
    MESSAGE_INSERT = "message_insert", "INSERT", "messages";
    MESSAGE_BY_CLIENT_ID = "message_by_client_id", "SELECT", "messages";
    MESSAGE_HISTORY = "message_history", "SELECT", "messages";
    NOTIFICATION_INSERT = "notification_insert", "INSERT", "notifications";
    NOTIFICATION_LIST = "notification_list", "SELECT", "notifications";
    NOTIFICATION_PENDING = "notification_pending", "SELECT", "notifications";
    NOTIFICATION_DELIVERED = "notification_delivered", "UPDATE", "notifications";
    NOTIFICATION_READ = "notification_read", "UPDATE", "notifications";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handles_of_frames_are_in_the_order_of_the_kinds() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
