//! The worker's metrics and queries.

use std::sync::LazyLock;
use std::time::Duration;

use events::contracts::{Channel, Priority};
use metrics::{Counter, Histogram};
use telemetry::database::Query;
use telemetry::metrics::{Label, Metric, SLOW};

use crate::identity::Resolution;

const REMINDERS_FIRED: Metric = Metric::counter(
    "reminders_fired_total",
    "Reminders that came due and were fired.",
    &[],
);
const REMINDER_LATENESS: Metric = Metric::histogram(
    "reminder_lateness_seconds",
    "From the time a reminder was set for to its notification being committed.",
    &[],
    SLOW,
);
const NOTIFICATIONS_SENT: Metric = Metric::counter(
    "notifications_sent_total",
    "Notifications handed to the outbox, or given up.",
    &[
        Label::known("kind", &["reminder"]),
        Label::known("status", &["success", "failure"]),
    ],
);

const CHANNEL: Label = Label::known("channel_type", &["web", "email", "whatsapp", "sms"]);

const CHANNEL_MESSAGES: Metric = Metric::counter(
    "channel_messages_received_total",
    "Messages of customers that became part of a ticket.",
    &[CHANNEL],
);
const TICKETS_CREATED: Metric = Metric::counter(
    "tickets_created_total",
    "Tickets opened, by the priority of the message that opened them.",
    &[
        CHANNEL,
        Label::known("priority", &["low", "normal", "high", "urgent"]),
    ],
);
const RESPONSE_TIME: Metric = Metric::histogram(
    "response_time_seconds",
    "From a channel's receiving a message to the reply being committed.",
    &[CHANNEL],
    SLOW,
);
const IDENTITY_RESOLUTIONS: Metric = Metric::counter(
    "customer_identity_resolutions_total",
    "Messages whose customer was looked for; not a success: a person decides.",
    &[
        Label::known(
            "resolution_type",
            &["created", "matched", "merged", "ambiguous"],
        ),
        Label::known("success", &["true", "false"]),
    ],
);

/// Every metric of the worker's own.
pub const CATALOGUE: &[&Metric] = &[
    &REMINDERS_FIRED,
    &REMINDER_LATENESS,
    &NOTIFICATIONS_SENT,
    &CHANNEL_MESSAGES,
    &TICKETS_CREATED,
    &RESPONSE_TIME,
    &IDENTITY_RESOLUTIONS,
];

/// Notes what an event says of a task's reminders.
pub(crate) static REMINDER_UPSERT: Query = Query::new("reminder_upsert", "INSERT", "reminders");
/// Takes reminders that are due.
pub(crate) static REMINDERS_CLAIM: Query = Query::new("reminders_claim", "SELECT", "reminders");
/// Marks them fired, and writes their notifications to the outbox.
pub(crate) static REMINDERS_FIRE: Query = Query::new("reminders_fire", "UPDATE", "reminders");
/// Asks when the next one is due.
pub(crate) static REMINDERS_NEXT: Query = Query::new("reminders_next", "SELECT", "reminders");
/// Forgets tasks that have not changed for long.
pub(crate) static REMINDERS_PURGE: Query = Query::new("reminders_purge", "DELETE", "reminders");

/// Takes the locks of a message's handles or customers.
pub(crate) static IDENTITY_LOCK: Query = Query::new("identity_lock", "SELECT", "customers");
/// Looks up whose handles they are.
pub(crate) static HANDLES_FIND: Query = Query::new("handles_find", "SELECT", "customer_handles");
/// Counts the handles of customers.
pub(crate) static HANDLES_COUNT: Query = Query::new("handles_count", "SELECT", "customer_handles");
/// Adds handles to a customer.
pub(crate) static HANDLES_LINK: Query = Query::new("handles_link", "INSERT", "customer_handles");
/// A new customer with handles.
pub(crate) static CUSTOMER_CREATE: Query = Query::new("customer_create", "INSERT", "customers");
/// Makes one customer of several.
pub(crate) static CUSTOMER_MERGE: Query = Query::new("customer_merge", "UPDATE", "customers");
/// Asks a person who a customer is.
pub(crate) static IDENTITY_REVIEW: Query =
    Query::new("identity_review", "INSERT", "identity_reviews");
/// Looks for what a person has decided.
pub(crate) static IDENTITY_DECIDED: Query =
    Query::new("identity_decided", "SELECT", "identity_reviews");
/// Takes back a question that is answered.
pub(crate) static IDENTITY_ANSWERED: Query =
    Query::new("identity_answered", "DELETE", "identity_reviews");
/// Looks up who customers are by now.
pub(crate) static CUSTOMERS_CURRENT: Query = Query::new("customers_current", "SELECT", "customers");
/// Deletes customers who have not been seen for long.
pub(crate) static CUSTOMERS_PURGE: Query = Query::new("customers_purge", "DELETE", "customers");
/// Looks up open tickets.
pub(crate) static TICKETS_FIND: Query = Query::new("tickets_find", "SELECT", "tickets");
/// Gives tickets and their messages to another customer.
pub(crate) static TICKETS_MERGE: Query = Query::new("tickets_merge", "UPDATE", "tickets");
/// A new ticket.
pub(crate) static TICKET_OPEN: Query = Query::new("ticket_open", "INSERT", "tickets");
/// Notes what a message made of a ticket.
pub(crate) static TICKET_CONTINUE: Query = Query::new("ticket_continue", "UPDATE", "tickets");
/// Ends a ticket.
pub(crate) static TICKET_CLOSE: Query = Query::new("ticket_close", "UPDATE", "tickets");
/// Ends tickets that have gone silent.
pub(crate) static TICKETS_EXPIRE: Query = Query::new("tickets_expire", "UPDATE", "tickets");
/// Deletes tickets that are long over.
pub(crate) static TICKETS_PURGE: Query = Query::new("tickets_purge", "DELETE", "tickets");
/// Asks whether a message is part of a ticket.
pub(crate) static TICKET_MESSAGE_KNOWN: Query =
    Query::new("ticket_message_known", "SELECT", "ticket_messages");
/// Adds a message to a ticket, and the reply to the outbox.
pub(crate) static TICKET_MESSAGE_INSERT: Query =
    Query::new("ticket_message_insert", "INSERT", "ticket_messages");

/// The queries of the worker's own tables.
pub const QUERIES: &[&Query] = &[
    &REMINDER_UPSERT,
    &REMINDERS_CLAIM,
    &REMINDERS_FIRE,
    &REMINDERS_NEXT,
    &REMINDERS_PURGE,
    &IDENTITY_LOCK,
    &HANDLES_FIND,
    &HANDLES_COUNT,
    &HANDLES_LINK,
    &CUSTOMER_CREATE,
    &CUSTOMER_MERGE,
    &IDENTITY_REVIEW,
    &IDENTITY_DECIDED,
    &IDENTITY_ANSWERED,
    &CUSTOMERS_CURRENT,
    &CUSTOMERS_PURGE,
    &TICKETS_FIND,
    &TICKETS_MERGE,
    &TICKET_OPEN,
    &TICKET_CONTINUE,
    &TICKET_CLOSE,
    &TICKETS_EXPIRE,
    &TICKETS_PURGE,
    &TICKET_MESSAGE_KNOWN,
    &TICKET_MESSAGE_INSERT,
];

pub(crate) static FIRED: LazyLock<Counter> = LazyLock::new(|| REMINDERS_FIRED.counter_handle(&[]));
pub(crate) static LATENESS: LazyLock<Histogram> =
    LazyLock::new(|| REMINDER_LATENESS.histogram_handle(&[]));
pub(crate) static SENT: LazyLock<Counter> =
    LazyLock::new(|| NOTIFICATIONS_SENT.counter_handle(&["reminder", "success"]));
pub(crate) static NOT_SENT: LazyLock<Counter> =
    LazyLock::new(|| NOTIFICATIONS_SENT.counter_handle(&["reminder", "failure"]));

/// Of tickets and customers.
pub(crate) static TICKETS: LazyLock<TicketSeries> = LazyLock::new(|| {
    let priorities = ["low", "normal", "high", "urgent"];
    TicketSeries {
        channels: Channel::ALL.map(|channel| {
            let channel = channel.as_str();
            ChannelSeries {
                received: CHANNEL_MESSAGES.counter_handle(&[channel]),
                opened: priorities
                    .map(|priority| TICKETS_CREATED.counter_handle(&[channel, priority])),
                response_time: RESPONSE_TIME.histogram_handle(&[channel]),
            }
        }),
        created: IDENTITY_RESOLUTIONS.counter_handle(&["created", "true"]),
        matched: IDENTITY_RESOLUTIONS.counter_handle(&["matched", "true"]),
        merged: IDENTITY_RESOLUTIONS.counter_handle(&["merged", "true"]),
        ambiguous: IDENTITY_RESOLUTIONS.counter_handle(&["ambiguous", "false"]),
    }
});

/// Series of tickets and customers.
pub(crate) struct TicketSeries {
    /// In the order of [`Channel::ALL`].
    channels: [ChannelSeries; 4],
    created: Counter,
    matched: Counter,
    merged: Counter,
    ambiguous: Counter,
}

struct ChannelSeries {
    received: Counter,
    /// By priority, the lowest first.
    opened: [Counter; 4],
    response_time: Histogram,
}

impl TicketSeries {
    /// A message was answered, `took` after it came; `opened` is the priority of the
    /// ticket that it opened, if it did.
    pub fn message(
        &self,
        channel: Channel,
        resolution: Resolution,
        opened: Option<Priority>,
        took: Duration,
    ) {
        let [web, email, whatsapp, sms] = &self.channels;
        let series = match channel {
            Channel::Web => web,
            Channel::Email => email,
            Channel::Whatsapp => whatsapp,
            Channel::Sms => sms,
        };
        series.received.increment(1);
        series.response_time.record(took);
        let [low, normal, high, urgent] = &series.opened;
        match opened {
            None => {}
            Some(Priority::Low) => low.increment(1),
            Some(Priority::Normal) => normal.increment(1),
            Some(Priority::High) => high.increment(1),
            Some(Priority::Urgent) => urgent.increment(1),
        }
        match resolution {
            Resolution::Created => self.created.increment(1),
            Resolution::Matched => self.matched.increment(1),
            Resolution::Merged => self.merged.increment(1),
            Resolution::Ambiguous => self.ambiguous.increment(1),
        }
    }
}
