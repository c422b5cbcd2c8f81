//! The fan-out of a gateway that is alone: no bus, only its own sockets.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::{Bus, Channel, Envelope};
use crate::socket::Registry;

/// How many changed channels are looked at in one go.
const BATCH: usize = 1024;

/// A bus that reaches this process only.
pub struct Local {
    registry: Arc<Registry>,
}

impl Local {
    /// A bus to the sockets of `registry`.
    #[must_use]
    pub fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Tells new listeners that their channel is delivered, which here it
    /// always is.
    pub async fn run(registry: Arc<Registry>, stop: CancellationToken) {
        while stop.run_until_cancelled(registry.changed()).await.is_some() {
            loop {
                let changed = registry.take_changed(BATCH);
                changed
                    .iter()
                    .for_each(|channel| registry.set_live(*channel, true));
                if changed.is_empty() {
                    break;
                }
            }
        }
    }
}

impl Bus for Local {
    fn publish(&self, channel: Channel, payload: String) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let envelope =
                Envelope::decode(payload.as_bytes()).map_err(|error| error.to_string())?;
            self.registry
                .deliver(channel, &envelope.outgoing(), envelope.except);
            Ok(())
        })
    }
}
