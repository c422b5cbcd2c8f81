//! A customer who writes on two channels, of which one vouches for the other's
//! handle: whichever message comes first, it is one person.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use testkit::Inbound;

use crate::fault::Topic;
use crate::ledger::{Inquiry, Ledger};
use crate::pace::Pace;
use crate::world::World;

/// The share of messages that their channel delivers as two events.
const TWICE: f64 = 0.1;

/// Writes one message for each `share` of acknowledged writes, each after the
/// broker has the one before it.
pub async fn write(
    world: Arc<World>,
    ledger: Arc<Ledger>,
    pace: Arc<Pace>,
    seed: u64,
    number: u64,
    share: u64,
) {
    let mut random = SmallRng::seed_from_u64(seed ^ !number);
    let topic = world.topic(Topic::Inbound);
    let (email, visitor) = (
        format!("c{number}@example.org"),
        format!("visitor-{number}"),
    );
    let mut written = 0;
    while pace.turn().await {
        if written * share > pace.done() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let text = format!("c{number}-{written}");
        written += 1;
        let message = if random.random_bool(0.5) {
            Inbound::new("email", &email, &text)
        } else {
            Inbound::new("web", &visitor, &text).alias("email", &email, true)
        };
        let mut acknowledged = world
            .kafka
            .try_send(&topic, &message.record())
            .await
            .is_ok();
        if random.random_bool(TWICE) {
            let again = world.kafka.try_send(&topic, &message.record()).await;
            acknowledged |= again.is_ok();
        }
        ledger.inquiry(Inquiry {
            id: message.id(),
            customer: number,
            acknowledged,
        });
    }
}
