//! The account everybody knows, in demo mode only.

use sqlx::PgPool;

use super::{Passwords, store};
use crate::error::Error;

/// The published demo account.
pub const EMAIL: &str = "demo@glasshouse.example";
const PASSWORD: &str = "glasshouse-demo";
const NAME: &str = "Demo";

/// Adds the demo account unless it exists. Only call in demo mode.
///
/// # Errors
/// When the database does not answer.
pub async fn seed(pool: &PgPool, passwords: &Passwords) -> Result<(), Error> {
    if store::by_email(pool, EMAIL).await?.is_some() {
        return Ok(());
    }
    let hash = passwords.hash(PASSWORD.to_owned()).await?;
    match store::insert(pool, EMAIL, NAME, &hash).await {
        Ok(account) => tracing::info!(user_id = %account.id, "demo_account_seeded"),
        // Another gateway was faster.
        Err(Error::EmailTaken) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
