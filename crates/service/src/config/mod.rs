//! Configuration from the environment: read once at start, every problem
//! reported together, and documented by the same calls that read it.

mod env;
mod secret;
mod setting;
mod settings;
mod signals;

pub use env::Env;
pub use secret::Secret;
pub use setting::Setting;
pub use settings::Settings;
pub(crate) use signals::telemetry;
