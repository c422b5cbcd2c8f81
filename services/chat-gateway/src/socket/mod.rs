//! WebSockets: one task for each, a bounded queue in front of it, and a
//! registry of who hears what.

mod authenticate;
mod connection;
mod conversation;
mod pace;
pub mod protocol;
pub mod queue;
mod registry;
mod routes;
mod writer;

use uuid::Uuid;

pub use registry::{Refused, Registry};
pub use routes::router;

use queue::SendQueue;

/// What others need to know of an open socket.
#[derive(Debug)]
pub struct Socket {
    /// The session's id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What waits to be written.
    pub queue: SendQueue,
}

impl Socket {
    /// A socket whose queue holds at most so many frames and bytes.
    #[must_use]
    pub fn new(user_id: Uuid, max_frames: usize, max_bytes: usize) -> Self {
        Self {
            id: Uuid::new_v4(),
            user_id,
            queue: SendQueue::new(max_frames, max_bytes),
        }
    }
}
