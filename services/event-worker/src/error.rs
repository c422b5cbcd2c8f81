//! Why the worker cannot go on.

use events::consumer::ConsumerError;
use events::producer::ProduceError;

/// An error that ends the process; whoever runs it starts it again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Consumption ended by itself.
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    /// The producer cannot be made.
    #[error(transparent)]
    Producer(#[from] ProduceError),
    /// A part of it ended that should not have.
    #[error("{0} ended by itself")]
    Ended(&'static str),
}
