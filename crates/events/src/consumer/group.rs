//! What all partitions of a group share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use telemetry::messaging::MessageSpans;
use tokio::sync::{OnceCell, Semaphore};

use super::Settings;
use crate::client::DEAD_LETTER_MAX_BYTES;
use crate::dependency::Dependency;
use crate::metrics::{ConsumerSeries, GroupSeries, ProducerSeries};
use crate::producer::{ProduceError, Producer};
use crate::topics::Topic;

pub(super) struct Group {
    pub settings: Settings,
    /// One for each batch that may be under way.
    pub permits: Arc<Semaphore>,
    pub totals: GroupSeries,
    subscriptions: BTreeMap<Topic, Arc<Subscription>>,
    outages: Mutex<BTreeMap<&'static str, Arc<Dependency>>>,
    dead_letters: OnceCell<Producer>,
}

/// One of the topics that the group reads.
pub(super) struct Subscription {
    pub series: ConsumerSeries,
    pub spans: MessageSpans,
}

impl Group {
    pub fn new(settings: Settings, concurrency: usize) -> Self {
        let group = &settings.group;
        let totals = GroupSeries::new(group);
        let mut subscriptions = BTreeMap::new();
        for topic in &settings.topics {
            let subscription = Subscription {
                series: ConsumerSeries::new(topic.name(), group),
                spans: MessageSpans::consumer(topic.name(), group),
            };
            subscriptions.insert(*topic, Arc::new(subscription));
            // Starts at zero, though the producer is made only when needed.
            drop(ProducerSeries::new(
                topic.dead_letters(),
                &dead_letters_id(group),
            ));
        }
        Self {
            settings,
            permits: Arc::new(Semaphore::new(concurrency.max(1))),
            totals,
            subscriptions,
            outages: Mutex::default(),
            dead_letters: OnceCell::new(),
        }
    }

    /// A topic's own; none for one that was not asked for.
    pub fn subscription(&self, topic: Topic) -> Option<&Arc<Subscription>> {
        self.subscriptions.get(&topic)
    }

    /// Counts an error that belongs to no topic in particular.
    pub fn count_error(&self, kind: &str) {
        for subscription in self.subscriptions.values() {
            subscription.series.count_error(kind);
        }
    }

    /// Makes the producer of dead letters when the first one dies: most
    /// processes never need a second client.
    pub async fn dead_letters(&self) -> Result<&Producer, ProduceError> {
        let Settings {
            brokers,
            group,
            prefix,
            ..
        } = &self.settings;
        self.dead_letters
            .get_or_try_init(|| async {
                let id = dead_letters_id(group);
                Producer::with_largest_message(brokers, &id, prefix, DEAD_LETTER_MAX_BYTES)
            })
            .await
    }

    /// Something that work depends on is away.
    pub fn lost(&self, dependency: &'static str, reason: &str) {
        let outage = self
            .outages()
            .entry(dependency)
            .or_insert_with(|| Arc::new(Dependency::new(dependency, "consumer")))
            .clone();
        outage.lost(reason);
    }

    /// It answered.
    pub fn reached(&self, dependency: &str) {
        let known = self.outages().get(dependency).cloned();
        if let Some(outage) = known {
            outage.reached();
        }
    }

    /// A handler succeeded: whatever it depends on is there. The brokers are
    /// seen elsewhere.
    pub fn handler_succeeded(&self) {
        for (name, outage) in self.outages().iter() {
            if *name != "kafka" {
                outage.reached();
            }
        }
    }

    fn outages(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Arc<Dependency>>> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dead_letters_id(group: &str) -> String {
    format!("{group}-dead-letters")
}
