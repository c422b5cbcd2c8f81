//! Many messages of the same people at once, by several workers: whatever the
//! order, people end up as what their handles say.
//!
//! Which messages are sent follows from a seed, which is printed; `STORM_SEED`
//! repeats it.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use testkit::{Inbound, eventually};
use uuid::Uuid;

use super::fixture::Fixture;

const PEOPLE: usize = 30;
const MESSAGES: usize = 500;

/// A handle: kind, channel that it writes by, and normal form.
type Handle = (&'static str, &'static str, String);

/// The handles of a person.
fn handles(person: usize) -> Vec<Handle> {
    vec![
        ("web", "web", format!("account-{person}")),
        ("email", "email", format!("person{person}@example.org")),
        ("phone", "sms", format!("+4917{person:09}")),
        ("email", "email", format!("person{person}@work.example")),
    ]
}

/// Which handles belong together, as far as messages have said so.
#[derive(Default)]
struct Groups(BTreeMap<String, String>);

impl Groups {
    fn root(&mut self, handle: &str) -> String {
        let parent = self
            .0
            .entry(handle.to_owned())
            .or_insert_with(|| handle.to_owned())
            .clone();
        if parent == handle {
            return parent;
        }
        let root = self.root(&parent);
        self.0.insert(handle.to_owned(), root.clone());
        root
    }

    fn join(&mut self, a: &str, b: &str) {
        let (a, b) = (self.root(a), self.root(b));
        self.0.insert(a, b);
    }

    fn sets(mut self) -> BTreeSet<BTreeSet<String>> {
        let handles: Vec<String> = self.0.keys().cloned().collect();
        let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for handle in handles {
            sets.entry(self.root(&handle)).or_default().insert(handle);
        }
        sets.into_values().collect()
    }
}

fn messages(random: &mut StdRng, groups: &mut Groups) -> Vec<(Inbound, String)> {
    let mut messages = Vec::new();
    for _ in 0..MESSAGES {
        let person = random.random_range(0..PEOPLE);
        let known = handles(person);
        let (_, channel, sender) = known.choose(random).expect("handles").clone();
        let text = *["hello", "it is broken", "thanks", "emergency"]
            .choose(random)
            .expect("texts");
        let mut message = Inbound::new(channel, &sender, text);
        groups.root(&sender);
        for (kind, _, handle) in known {
            if handle != sender && random.random_bool(0.12) {
                message = message.alias(kind, &handle, true);
                groups.join(&sender, &handle);
            }
        }
        messages.push((message, sender));
    }
    messages
}

fn seed() -> u64 {
    let given = std::env::var("STORM_SEED").ok();
    let given = given.and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(rand::random)
}

async fn storm(seed: u64, kill_one: bool) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut groups = Groups::default();
    let messages = messages(&mut random, &mut groups);

    let fixture = Fixture::start().await;
    let mut second = fixture.parts.event_worker().start().await;
    for (number, (message, _)) in messages.iter().enumerate() {
        // In any partition, so that messages of one handle meet as well.
        let mut record = message.record();
        record.key = Some(format!("key-{}", random.random_range(0..50)));
        fixture.channels.send_record(&record).await;
        if kill_one && number == MESSAGES / 2 {
            second.signal(Signal::SIGKILL);
        }
    }
    eventually("all messages are part of tickets", || async {
        let count = fixture.number("SELECT count(*) FROM ticket_messages").await;
        (count == MESSAGES as i64).then_some(())
    })
    .await;

    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT customer_id, handle FROM customer_handles")
            .fetch_all(&fixture.pool)
            .await
            .expect("the handles");
    let mut found: BTreeMap<Uuid, BTreeSet<String>> = BTreeMap::new();
    for (customer, handle) in &rows {
        found.entry(*customer).or_default().insert(handle.clone());
    }
    let owners: BTreeMap<&String, Uuid> = rows.iter().map(|(id, handle)| (handle, *id)).collect();
    let expected = groups.sets();
    let people = expected.len() as i64;
    assert_eq!(found.into_values().collect::<BTreeSet<_>>(), expected);

    for (message, sender) in &messages {
        let (customer, _) = fixture.answered(message.id()).await;
        assert_eq!(customer, owners[sender], "the message is with its sender");
    }
    for (sql, expected) in [
        (
            "SELECT count(*) FROM customers WHERE merged_into IS NULL",
            people,
        ),
        ("SELECT count(*) FROM tickets WHERE status = 'open'", people),
        (
            "SELECT count(DISTINCT customer_id) FROM tickets WHERE status = 'open'",
            people,
        ),
        (
            "SELECT count(DISTINCT ticket_id) FROM ticket_messages",
            people,
        ),
        (
            "SELECT count(*) FROM tickets JOIN customers ON customers.id = customer_id
             WHERE customers.merged_into IS NOT NULL",
            0,
        ),
        (
            "SELECT count(*) FROM customers JOIN customers AS into_id
             ON into_id.id = customers.merged_into WHERE into_id.merged_into IS NOT NULL",
            0,
        ),
    ] {
        assert_eq!(fixture.number(sql).await, expected, "{sql}");
    }
    let replies = fixture.replies().await;
    assert_eq!(replies.len(), MESSAGES);
    assert!(replies.values().all(|replies| replies.len() == 1));
    assert!(fixture.dead_letters().await.is_empty());
    if kill_one {
        return;
    }
    // What was committed is counted, by whichever worker.
    let tickets = fixture.number("SELECT count(*) FROM tickets").await as f64;
    let customers = fixture.number("SELECT count(*) FROM customers").await as f64;
    let merged = fixture
        .number("SELECT count(*) FROM customers WHERE merged_into IS NOT NULL")
        .await;
    assert!(merged > 0, "nobody was merged: the storm is too mild");
    eventually("all is counted", || async {
        let (a, b) = (fixture.worker.metrics().await, second.metrics().await);
        let sum = |name: &str, labels: &[(&str, &str)]| a.sum(name, labels) + b.sum(name, labels);
        (sum("channel_messages_received_total", &[]) == MESSAGES as f64
            && sum("tickets_created_total", &[]) == tickets
            && sum("response_time_seconds_count", &[]) == MESSAGES as f64
            && sum("customer_identity_resolutions_total", &[]) == MESSAGES as f64
            && sum(
                "customer_identity_resolutions_total",
                &[("resolution_type", "created")],
            ) == customers)
            .then_some(())
    })
    .await;
    assert!(second.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_meets_people_end_up_as_what_their_handles_say() {
    let seed = seed();
    println!("STORM_SEED={seed}");
    storm(seed, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn also_if_a_worker_is_killed_in_the_middle() {
    let seed = seed();
    println!("STORM_SEED={seed}");
    storm(seed, true).await;
}
