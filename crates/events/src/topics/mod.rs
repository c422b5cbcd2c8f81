//! The topics of the system. A name here is a promise to other services, so the
//! list is closed: a new topic is a new variant.

mod create;

use std::fmt;

pub use create::{CreateError, create};

/// A topic that carries events of this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Every change of a task; key: task id.
    TodoTasks,
    /// What a user is told; key: user id.
    Notifications,
    /// What customers write, on any channel; key: customer handle.
    ChatInbound,
    /// What customers are answered; key: ticket id.
    ChatReplies,
}

/// All topics, dead letters aside.
pub const ALL: &[Topic] = &[
    Topic::TodoTasks,
    Topic::Notifications,
    Topic::ChatInbound,
    Topic::ChatReplies,
];

/// Appended to a topic's name to get the name of its dead-letter topic.
pub const DEAD_LETTER_SUFFIX: &str = ".dlq";

impl Topic {
    /// The logical name: what metrics, logs and spans say, whatever prefix a
    /// deployment or a test puts in front.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TodoTasks => "todo.tasks.v1",
            Self::Notifications => "notifications.v1",
            Self::ChatInbound => "chat.inbound.v1",
            Self::ChatReplies => "chat.replies.v1",
        }
    }

    /// Logical name of the dead-letter topic.
    pub const fn dead_letters(self) -> &'static str {
        match self {
            Self::TodoTasks => "todo.tasks.v1.dlq",
            Self::Notifications => "notifications.v1.dlq",
            Self::ChatInbound => "chat.inbound.v1.dlq",
            Self::ChatReplies => "chat.replies.v1.dlq",
        }
    }

    /// Whether its keys name people (an address, a number): such a key stays out of
    /// logs, spans and metrics.
    pub const fn has_personal_keys(self) -> bool {
        match self {
            Self::ChatInbound => true,
            Self::TodoTasks | Self::Notifications | Self::ChatReplies => false,
        }
    }

    /// The topic with this logical name.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|topic| topic.name() == name)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a topic at the broker: `TOPIC_PREFIX` and the logical name.
pub fn name(prefix: &str, topic: Topic) -> String {
    full_name(prefix, topic.name())
}

/// As [`name`], for a logical name (a dead-letter topic, a row of the outbox).
pub fn full_name(prefix: &str, logical: &str) -> String {
    format!("{prefix}{logical}")
}

/// Every name at the broker, dead letters included: what a launcher or a
/// deployment has to create.
pub fn names(prefix: &str) -> Vec<String> {
    ALL.iter()
        .flat_map(|topic| [topic.name(), topic.dead_letters()])
        .map(|logical| full_name(prefix, logical))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for topic in ALL {
            assert_eq!(Topic::from_name(topic.name()), Some(*topic));
            assert_eq!(topic.dead_letters(), format!("{topic}{DEAD_LETTER_SUFFIX}"));
        }
        assert_eq!(Topic::from_name("todo.tasks.v2"), None);
        assert_eq!(name("test-7.", Topic::TodoTasks), "test-7.todo.tasks.v1");
    }
}
