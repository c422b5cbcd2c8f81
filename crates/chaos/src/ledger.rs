//! What was asked for, and what the system said to it.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What a write does to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A new task.
    Create,
    /// Another title, perhaps another reminder.
    Update,
    /// It is done.
    Complete,
    /// It is not.
    Reopen,
    /// Its end.
    Delete,
}

impl Change {
    /// What the event says.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::Complete => "completed",
            Self::Reopen => "reopened",
            Self::Delete => "deleted",
        }
    }
}

/// What the system said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done: the version the task is at now.
    Acknowledged(i64),
    /// It was not done.
    Refused {
        /// The HTTP status; 0 if nobody took the request.
        status: u16,
        /// The problem's code.
        code: String,
    },
    /// It may have been done.
    Unknown {
        /// Why nobody knows.
        why: String,
        /// The connection ended without an answer.
        cut: bool,
    },
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub struct Write {
    /// Its place in the order of sending.
    pub number: u64,
    /// Whose it is.
    pub user: Uuid,
    /// What it does.
    pub change: Change,
    /// The task; of a creation that was not acknowledged nobody knows it.
    pub task: Option<Uuid>,
    /// The title it sets: one that no other write has.
    pub title: Option<String>,
    /// The reminder it sets.
    pub remind_at: Option<DateTime<Utc>>,
    /// Whether it must not be accepted.
    pub improper: bool,
    /// Whether it has an `Idempotency-Key`, and was sent until it was answered.
    pub keyed: bool,
    /// What was answered.
    pub answer: Answer,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// When the answer came.
    pub answered_at: DateTime<Utc>,
}

impl Write {
    /// Whether it was done for certain.
    pub fn acknowledged(&self) -> bool {
        matches!(self.answer, Answer::Acknowledged(_))
    }

    /// Whether it was not done for certain.
    pub fn refused(&self) -> bool {
        matches!(self.answer, Answer::Refused { .. })
    }
}

/// A chat message that was sent, perhaps several times.
#[derive(Clone, Debug)]
pub struct Said {
    /// The client's own id.
    pub id: String,
    /// Whose it is.
    pub user: Uuid,
    /// Whether it came back.
    pub acknowledged: bool,
}

/// A customer's message that was sent.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The message.
    pub id: Uuid,
    /// Who wrote it.
    pub customer: u64,
    /// Whether the broker has it.
    pub acknowledged: bool,
}

/// All of it. Grows only.
#[derive(Debug, Default)]
pub struct Ledger {
    books: Mutex<Books>,
}

/// The entries, each list in the order of the answers.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Writes through todo-api.
    pub writes: Vec<Write>,
    /// Messages through chat-gateway.
    pub said: Vec<Said>,
    /// Messages of customers.
    pub inquiries: Vec<Inquiry>,
}

impl Ledger {
    /// Enters a write.
    pub fn write(&self, write: Write) {
        self.lock().writes.push(write);
    }

    /// Enters a message.
    pub fn said(&self, said: Said) {
        self.lock().said.push(said);
    }

    /// Enters a customer's message.
    pub fn inquiry(&self, inquiry: Inquiry) {
        self.lock().inquiries.push(inquiry);
    }

    /// The entries so far.
    pub fn close(&self) -> Books {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
