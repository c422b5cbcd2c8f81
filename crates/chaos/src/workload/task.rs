//! A task as its writer knows it.

use uuid::Uuid;

/// What the last acknowledged write left.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// The task.
    pub id: Uuid,
    /// Its version.
    pub version: i64,
    /// Whether it is completed.
    pub completed: bool,
}
