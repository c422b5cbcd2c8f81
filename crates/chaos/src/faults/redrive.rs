//! Sending dead letters back, with a death in the middle.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::process::{Child, Command};

use super::Came;
use crate::fault::{Link, Service, Store, Topic};
use crate::world::World;

/// Whoever sends them back hears from the broker this much later, so that there
/// is a middle to die in. It asks many things before it deletes any: with
/// much more, nothing is deleted within [`PATIENCE`].
const LATE: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends back all dead letters of a topic: one process begins and is killed as
/// soon as the first letter is deleted, another does it all. They were poisoned,
/// so they die again. Poison that was `sent` may still be on its way to its death,
/// and is waited for.
pub async fn die_and_finish(world: &World, topic: Topic, sent: bool) -> Result<Came> {
    let name = format!("{}.dlq", world.topic(topic));
    let brokers = world.ground.backing.kafka.brokers();
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .create()?;
    let client = Arc::new(client);
    let deadline = Instant::now() + PATIENCE;
    let before = loop {
        let before = ends(&client, &name).await?;
        if before.0 < before.1 {
            break before;
        }
        if !sent || Instant::now() > deadline {
            return Ok(Came::Done("there were no dead letters".to_owned()));
        }
        tokio::time::sleep(LOOK).await;
    };
    let proxy = world
        .ground
        .proxy(Link::new(Service::TodoApi, Store::Kafka));
    proxy.slow(LATE);
    let mut first = start(world, topic, &proxy.address.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    while first.try_wait()?.is_none()
        && ends(&client, &name).await?.0 == before.0
        && Instant::now() < deadline
    {
        tokio::time::sleep(LOOK).await;
    }
    first.kill().await?;
    proxy.restore();
    let mut second = start(world, topic, &brokers)?;
    let ended = tokio::time::timeout(PATIENCE, second.wait()).await??;
    ensure!(ended.success(), "redrive of {name}: {ended}");
    Ok(Came::Done(format!("{} dead letters", before.1 - before.0)))
}

fn start(world: &World, topic: Topic, brokers: &str) -> Result<Child> {
    let mut command = Command::new(world.ground.launcher());
    command
        .args(["redrive", topic.name(), "--brokers", brokers])
        .args(["--prefix", &world.prefix])
        .env("PLANTED_BUG", &world.planted)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

/// The first offset of a topic with one partition, and the one after its last.
async fn ends(client: &Arc<BaseConsumer>, topic: &str) -> Result<(i64, i64)> {
    let (client, topic) = (client.clone(), topic.to_owned());
    let ask = move || client.fetch_watermarks(&topic, 0, PATIENCE);
    Ok(tokio::task::spawn_blocking(ask).await??)
}
