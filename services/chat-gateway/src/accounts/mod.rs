//! Accounts: who may sign in, and how they prove it.

mod client_address;
mod demo;
mod password;
mod routes;
mod store;
mod throttle;
mod tokens;
mod validate;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use client_address::ClientAddress;
pub use demo::seed as seed_demo_account;
pub use password::Passwords;
pub use routes::router;
pub use throttle::Throttle;
pub use tokens::Signer;

/// An account, as its tokens describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
pub struct Account {
    /// Its id, the `sub` of its tokens.
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// `user` or `admin`.
    pub role: String,
}
