//! How far consumption is behind: the end of each partition, asked of the
//! broker, against the position of what has been processed.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::assignment::{Client, Context};
use super::group::Group;
use super::progress::Progress;
use crate::topics::Topic;

const INTERVAL: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(2);
/// All partitions together take no longer. librdkafka keeps to [`PATIENCE`] by the
/// wall clock, which may be set back meanwhile.
const ALTOGETHER: Duration = Duration::from_secs(20);
/// Lags from which on there is a log line.
const HIGH_MESSAGES: i64 = 1000;
const HIGH_SECONDS: f64 = 60.0;
/// A burst that is soon worked off is not worth a line.
const HIGH_FOR: Duration = Duration::from_secs(10);
/// A lag that stays high is said again this often.
const REPEAT: Duration = Duration::from_secs(60);

/// Since when a topic's lag is high, and when that was last said.
struct High {
    since: Instant,
    said: Option<Instant>,
}

/// Lag of one topic, over the partitions assigned here.
#[derive(Clone, Copy, Default)]
struct Lag {
    messages: i64,
    seconds: f64,
}

/// Keeps the gauges up to date for as long as the client lives.
pub(super) async fn watch(group: &Arc<Group>, client: Weak<Client>) {
    let mut high: BTreeMap<Topic, High> = BTreeMap::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let client = client.clone();
        let asked = tokio::task::spawn_blocking(move || {
            // Without a client the end is near: nothing to measure any more.
            client
                .upgrade()
                .map_or_else(|| Ok(Vec::new()), |client| ask(&client))
        });
        let lags = match tokio::time::timeout(ALTOGETHER, asked).await {
            Ok(Ok(Ok(lags))) => lags,
            Ok(Ok(Err(error))) => {
                group.lost("kafka", &error.to_string());
                continue;
            }
            Err(_) => {
                group.lost("kafka", "no answer in time");
                continue;
            }
            Ok(Err(panic)) => {
                tracing::error!(error = %panic, "lag_not_measured");
                continue;
            }
        };
        if !lags.is_empty() {
            group.reached("kafka");
        }
        let mut totals: BTreeMap<Topic, Lag> = group
            .settings
            .topics
            .iter()
            .map(|topic| (*topic, Lag::default()))
            .collect();
        for (topic, lag) in lags {
            let total = totals.entry(topic).or_default();
            total.messages += lag.messages;
            total.seconds = total.seconds.max(lag.seconds);
        }
        for (topic, lag) in totals {
            if let Some(subscription) = group.subscription(topic) {
                subscription.series.lag_seconds.set(lag.seconds);
            }
            speak(&group.settings.group, topic, lag, &mut high);
        }
    }
}

/// Asks the broker for the ends. Blocks; not for long, since the first time-out
/// ends it.
fn ask(client: &Client) -> Result<Vec<(Topic, Lag)>, KafkaError> {
    let context = client.context();
    let partitions = context.partitions();
    assume_committed(client, context, &partitions)?;
    let mut lags = Vec::with_capacity(partitions.len());
    for progress in partitions {
        let name = context.full_name(progress.topic);
        let (low, high) = client.fetch_watermarks(&name, progress.partition, PATIENCE)?;
        let position = progress.offsets().position().unwrap_or(low).max(low);
        let (messages, seconds) = progress.observe(position, high);
        lags.push((progress.topic, Lag { messages, seconds }));
    }
    Ok(lags)
}

/// A partition where nothing was processed yet stands where the group last
/// committed.
fn assume_committed(
    client: &Client,
    context: &Context,
    partitions: &[Arc<Progress>],
) -> Result<(), KafkaError> {
    let mut unknown = TopicPartitionList::new();
    for progress in partitions {
        if progress.offsets().position().is_none() {
            unknown.add_partition(&context.full_name(progress.topic), progress.partition);
        }
    }
    if unknown.count() == 0 {
        return Ok(());
    }
    let committed = client.committed_offsets(unknown, PATIENCE)?;
    for progress in partitions {
        let name = context.full_name(progress.topic);
        let found = committed.find_partition(&name, progress.partition);
        if let Some(Offset::Offset(position)) = found.map(|element| element.offset()) {
            progress.offsets().assume(position);
        }
    }
    Ok(())
}

fn speak(group: &str, topic: Topic, lag: Lag, high: &mut BTreeMap<Topic, High>) {
    if lag.messages < HIGH_MESSAGES && lag.seconds < HIGH_SECONDS {
        high.remove(&topic);
        return;
    }
    let now = Instant::now();
    let known = high.entry(topic).or_insert(High {
        since: now,
        said: None,
    });
    let is_news = known.said.is_none_or(|at| now - at >= REPEAT);
    if now - known.since < HIGH_FOR || !is_news {
        return;
    }
    known.said = Some(now);
    tracing::warn!(
        topic = topic.name(),
        consumer_group = group,
        lag_messages = lag.messages,
        lag_seconds = lag.seconds,
        "high_consumer_lag"
    );
}
