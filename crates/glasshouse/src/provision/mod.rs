//! What has to be there before anything starts, where nobody but a container
//! would make it: secrets, topics, Alertmanager's configuration. Natively `up`
//! does the same by itself.

mod alertmanager;
mod secrets;

pub use alertmanager::{ALERT_TOKEN, Receivers, alertmanager};
pub use secrets::{secrets, write};

use anyhow::Result;

use crate::backing::create_topics;
use crate::output;

/// Creates every topic that is missing.
///
/// # Errors
/// When the broker does not answer or refuses one.
pub async fn topics(brokers: &str) -> Result<()> {
    create_topics(brokers, "").await?;
    output::line(&format!(
        "topics at {brokers}: {}",
        events::topics::names("").join(", ")
    ));
    Ok(())
}
