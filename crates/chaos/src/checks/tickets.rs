//! What customers wrote.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::events::Events;
use super::{Case, Verdict};
use crate::fault::Topic;

/// A message that the broker has is part of its customer's one ticket, and is
/// answered once, in order.
pub fn answered(case: &Case, events: &Events) -> Verdict {
    let mut verdict = Verdict::new(
        "tickets",
        "what a customer wrote is in one ticket, and is answered once and in order",
    );
    let mut replies: BTreeMap<Uuid, Vec<Reply>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (place, record) in case.evidence.replies.iter().enumerate() {
        if !seen.insert(record.header("ce_id")) {
            continue;
        }
        let body = record.json();
        match body["in_reply_to"].as_str().and_then(|id| id.parse().ok()) {
            Some(to) => replies.entry(to).or_default().push(Reply {
                place,
                opened: body["opened"] == true,
            }),
            None => verdict.violation(|| format!("a reply to nothing: {:?}", record.headers)),
        }
    }
    let mut kept: BTreeMap<Uuid, Uuid> = (case.evidence.ticket_messages.iter())
        .map(|row| (row.id, row.ticket_id))
        .collect();
    let mut customers: BTreeMap<u64, Customer> = BTreeMap::new();
    let mut acknowledged = 0;
    for inquiry in &case.books.inquiries {
        acknowledged += usize::from(inquiry.acknowledged);
        let ticket = kept.remove(&inquiry.id);
        let answers = replies.remove(&inquiry.id).unwrap_or_default();
        if (inquiry.acknowledged && ticket.is_none())
            || answers.len() != usize::from(ticket.is_some())
        {
            verdict.violation(|| {
                format!(
                    "{inquiry:?} is in {ticket:?}, and was answered {} times",
                    answers.len()
                )
            });
        }
        let customer = customers.entry(inquiry.customer).or_default();
        customer.tickets.extend(ticket);
        customer.opened += answers.iter().filter(|reply| reply.opened).count();
        let places = answers.iter().map(|reply| (inquiry.id, reply.place));
        customer.places.extend(places);
    }
    for id in kept.keys().chain(replies.keys()) {
        verdict.violation(|| format!("{id} was kept or answered, and nobody wrote it"));
    }
    for (number, customer) in &customers {
        if customer.tickets.len() > 1 || customer.opened != customer.tickets.len() {
            verdict.violation(|| {
                format!(
                    "customer {number}: tickets {:?}, {} opened",
                    customer.tickets, customer.opened
                )
            });
        }
    }
    order(&mut verdict, events, &customers);
    verdict.figures = format!(
        "{acknowledged} of {} messages acknowledged, {} replies, {} customers",
        case.books.inquiries.len(),
        seen.len(),
        customers.len()
    );
    verdict
}

/// A reply, as far as it matters.
struct Reply {
    /// Among all that lie on the topic; replies of one ticket are in order.
    place: usize,
    opened: bool,
}

#[derive(Default)]
struct Customer {
    tickets: BTreeSet<Uuid>,
    opened: usize,
    /// Where the reply to each message lies.
    places: BTreeMap<Uuid, usize>,
}

/// What one handle wrote is answered in the order in which it lies on the topic.
fn order(verdict: &mut Verdict, events: &Events, customers: &BTreeMap<u64, Customer>) {
    let places: BTreeMap<&Uuid, usize> = (customers.values())
        .flat_map(|customer| customer.places.iter().map(|(id, place)| (id, *place)))
        .collect();
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    let mut answered = BTreeSet::new();
    for event in events.of(Topic::Inbound) {
        let id = event.body["id"].as_str().and_then(|id| id.parse().ok());
        let Some((id, place)) = id.and_then(|id: Uuid| Some((id, *places.get(&id)?))) else {
            continue;
        };
        // One that its channel delivered twice is answered at its first coming.
        if !answered.insert(id) {
            continue;
        }
        let before = last.insert(&event.key, place);
        if before.is_some_and(|before| before > place) {
            verdict
                .violation(|| format!("{id} of {} was answered before an earlier one", event.key));
        }
    }
}
