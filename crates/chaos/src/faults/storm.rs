//! A rebalance storm: workers join the group and leave it again, in order or
//! without a word, faster than the group comes to rest.

use std::time::{Duration, Instant};

use anyhow::Result;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::Came;
use crate::world::World;

/// Lets `workers` at a time come and go.
pub async fn rage(world: &World, workers: usize, lasts: Duration, seed: u64) -> Result<Came> {
    let deadline = Instant::now() + lasts;
    let all = (0..workers).map(|n| come_and_go(world, n, seed ^ n as u64, deadline));
    let joined = futures_util::future::try_join_all(all).await?;
    let joined: usize = joined.iter().sum();
    Ok(Came::Done(format!("{joined} joined and left")))
}

async fn come_and_go(world: &World, n: usize, seed: u64, deadline: Instant) -> Result<usize> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut joined = 0;
    while Instant::now() < deadline {
        let node = world.another_worker(&format!("extra{n}")).await?;
        joined += 1;
        let stays = Duration::from_millis(random.random_range(300..2500));
        tokio::time::sleep(stays).await;
        node.hold();
        if random.random_bool(0.5) {
            node.process().kill().await;
        } else {
            node.process().stop(Duration::from_secs(12)).await;
        }
    }
    Ok(joined)
}
