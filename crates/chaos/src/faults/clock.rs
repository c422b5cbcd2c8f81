//! The worker's clock jumps, by the library of faketime: it reads from a file by
//! how much it is to lie.

use std::time::Duration;

use anyhow::Result;

use super::Came;
use crate::world::World;

/// The library looks into its file once a second.
const NOTICED: Duration = Duration::from_millis(1100);

/// Lets the clock jump by so many seconds, and back.
pub async fn jump(world: &World, seconds: i64, lasts: Duration) -> Result<Came> {
    if world.ground.faketime.is_none() {
        return Ok(Came::Skipped(
            "libfaketime is not installed (Debian: package faketime)".to_owned(),
        ));
    }
    let clock = world.ground.clock();
    std::fs::write(&clock, format!("{seconds:+}"))?;
    tokio::time::sleep(lasts + NOTICED).await;
    std::fs::write(&clock, "+0")?;
    Ok(Came::Done(String::new()))
}
