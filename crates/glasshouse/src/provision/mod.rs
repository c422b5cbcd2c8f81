//! What has to be there before the services start, where nobody but a container
//! would make it: secrets and topics. Natively `up` does the same by itself.

mod secrets;

pub use secrets::secrets;

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
