//! Being a member of the group: the client, and the thread that attends to it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use tokio_util::sync::CancellationToken;

use super::assignment::{Client, Context, SUBSCRIBED_TOPIC};
use super::group::Group;
use super::partition::{self, Worker};
use super::{ConsumerError, Effects};
use crate::client::error_type;

/// Between two looks for something to call back. librdkafka would itself wait for it,
/// but by the wall clock: if that is set back, for as much longer.
const LOOK: Duration = Duration::from_millis(20);
const STORE_INTERVAL: Duration = Duration::from_millis(500);

/// Why a member has left.
pub(super) enum Parting {
    /// It was asked to.
    Asked,
    /// It is out of its group and does not find its way back: another may.
    Stuck,
}

/// Makes the client and subscribes. No broker need be there yet. A member that
/// comes in the place of one that was put out is out itself until it is let in.
pub(super) fn join<E: Effects>(
    group: &Arc<Group>,
    worker: Arc<Worker<E>>,
    replaces: bool,
) -> Result<Arc<Client>, KafkaError> {
    let start = move |assigned| partition::start(worker.clone(), assigned);
    let context = Context::new(group.clone(), start);
    context.put_outside(replaces);
    let names: Vec<String> = group
        .settings
        .topics
        .iter()
        .map(|topic| context.full_name(*topic))
        .collect();
    let client: Arc<Client> = Arc::new(group.settings.client().create_with_context(context)?);
    client.context().attach(&client);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    client.subscribe(&names)?;
    Ok(client)
}

/// Serves the client's callbacks until `stop`, then lets all partitions go. The
/// messages themselves come through the partitions' own queues.
pub(super) fn attend(client: &Client, stop: &CancellationToken) -> Result<Parting, ConsumerError> {
    let context = client.context();
    let mut next_store = Instant::now() + STORE_INTERVAL;
    let (mut result, mut parting) = (Ok(()), Parting::Asked);
    while !stop.is_cancelled() && result.is_ok() {
        result = match client.poll(Duration::ZERO) {
            None => {
                thread::park_timeout(LOOK);
                Ok(())
            }
            // It would be processed out of order, or not at all. Ending the
            // process reads it again, from the committed position.
            Some(Ok(_)) => Err(ConsumerError::Broken(
                "a message came outside its partition",
            )),
            Some(Err(error)) => trouble(context, error),
        };
        if context.broken.is_cancelled() {
            result = Err(ConsumerError::Broken("a partition's task panicked"));
        }
        if context.outside() > context.group.settings.rejoin {
            parting = Parting::Stuck;
            break;
        }
        if Instant::now() >= next_store {
            context.store(client);
            rouse(client);
            next_store = Instant::now() + STORE_INTERVAL;
        }
    }
    context.release_all();
    result.map(|()| parting)
}

/// Asks the client's main thread something, so that it is awake. It commits, and tells
/// the group that we live, but sleeps until then by the wall clock (`cnd_timedwait_ms`
/// of its tinycthread): if that is set back by an hour, for an hour. A question ends
/// that at once, and is itself waited for without a clock.
fn rouse(client: &Client) {
    // What it answers is known here already.
    let _ = client.assignment();
}

/// Counts an error of the client. Only a fatal one ends consumption: the client
/// repairs the rest by itself.
fn trouble(context: &Context, error: KafkaError) -> Result<(), ConsumerError> {
    let kind = error_type(&error);
    context.group.count_error(kind);
    match error {
        KafkaError::MessageConsumptionFatal(_) => Err(error.into()),
        // Found by itself once it is created; until then somebody should know.
        _ if kind == "unknown_topic" => {
            context.group.lost(SUBSCRIBED_TOPIC, &error.to_string());
            Ok(())
        }
        _ => {
            tracing::debug!(%error, "consumer_client_error");
            Ok(())
        }
    }
}
