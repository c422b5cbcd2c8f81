//! What can be done to the system.

use std::fmt;
use std::time::Duration;

/// One of our services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Tasks.
    TodoApi,
    /// Accounts, chat, notifications.
    ChatGateway,
    /// Reminders.
    EventWorker,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TodoApi, Self::ChatGateway, Self::EventWorker];

    /// The name of its program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TodoApi => "todo-api",
            Self::ChatGateway => "chat-gateway",
            Self::EventWorker => "event-worker",
        }
    }
}

/// What the services stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// PostgreSQL.
    Postgres,
    /// Kafka.
    Kafka,
    /// Redis.
    Redis,
}

impl Store {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Kafka, Self::Redis];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
            Self::Redis => "redis",
        }
    }
}

/// A process, or several that are one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One of ours.
    Service(Service),
    /// What they stand on.
    Store(Store),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service(service) => service.name(),
            Self::Store(store) => store.name(),
        })
    }
}

/// The way from a service to what it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Who connects.
    pub from: Service,
    /// To what.
    pub to: Store,
}

impl Link {
    /// Every way there is.
    pub const ALL: [Self; 7] = [
        Self::new(Service::TodoApi, Store::Postgres),
        Self::new(Service::TodoApi, Store::Kafka),
        Self::new(Service::ChatGateway, Store::Postgres),
        Self::new(Service::ChatGateway, Store::Kafka),
        Self::new(Service::ChatGateway, Store::Redis),
        Self::new(Service::EventWorker, Store::Postgres),
        Self::new(Service::EventWorker, Store::Kafka),
    ];

    /// The way between these two.
    pub const fn new(from: Service, to: Store) -> Self {
        Self { from, to }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.from.name(), self.to.name())
    }
}

/// A topic that the services read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Changes of tasks.
    Tasks,
    /// What users are told.
    Notifications,
    /// What customers write.
    Inbound,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tasks, Self::Notifications, Self::Inbound];

    /// Its logical name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tasks => "todo.tasks.v1",
            Self::Notifications => "notifications.v1",
            Self::Inbound => "chat.inbound.v1",
        }
    }

    /// Who reads it, in a group of that name.
    pub const fn reader(self) -> Service {
        match self {
            Self::Tasks | Self::Inbound => Service::EventWorker,
            Self::Notifications => Service::ChatGateway,
        }
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// SIGKILL, and a new start.
    Kill(Target),
    /// An orderly stop (SIGTERM; PostgreSQL's fast shutdown), and a new start.
    Terminate(Target),
    /// SIGSTOP for a while.
    Pause(Target, Duration),
    /// Connections end, and none are made for a while.
    Cut(Link, Duration),
    /// Everything arrives later by the first for the length of the second.
    Slow(Link, Duration, Duration),
    /// Connections stay, and nothing passes for a while.
    HalfOpen(Link, Duration),
    /// No file of the server can grow for a while.
    DiskFull(Store, Duration),
    /// Messages that were delivered are delivered again.
    Duplicates(Topic, usize),
    /// Messages that no consumer can read.
    Poison(Topic, usize),
    /// Further workers join the group and leave it again, some without a word.
    Storm(usize, Duration),
    /// Dead letters are sent back; the one who does it dies in the middle of it,
    /// and another finishes.
    Redrive(Topic),
    /// The worker's clock is off by so many seconds for a while.
    ClockJump(i64, Duration),
}

impl Fault {
    /// The names of all kinds.
    pub const KINDS: [&'static str; 12] = [
        "kill",
        "terminate",
        "pause",
        "cut",
        "slow",
        "half-open",
        "disk-full",
        "duplicates",
        "poison",
        "storm",
        "redrive",
        "clock-jump",
    ];

    /// Its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Terminate(_) => "terminate",
            Self::Pause(..) => "pause",
            Self::Cut(..) => "cut",
            Self::Slow(..) => "slow",
            Self::HalfOpen(..) => "half-open",
            Self::DiskFull(..) => "disk-full",
            Self::Duplicates(..) => "duplicates",
            Self::Poison(..) => "poison",
            Self::Storm(..) => "storm",
            Self::Redrive(_) => "redrive",
            Self::ClockJump(..) => "clock-jump",
        }
    }

    /// Whom it hits.
    pub fn target(&self) -> String {
        match self {
            Self::Kill(target) | Self::Terminate(target) | Self::Pause(target, _) => {
                target.to_string()
            }
            Self::Cut(link, _) | Self::Slow(link, ..) | Self::HalfOpen(link, _) => link.to_string(),
            Self::DiskFull(store, _) => store.name().to_owned(),
            Self::Duplicates(topic, count) | Self::Poison(topic, count) => {
                format!("{} × {count}", topic.name())
            }
            Self::Storm(workers, _) => format!("{workers} × event-worker"),
            Self::Redrive(topic) => format!("{}.dlq", topic.name()),
            Self::ClockJump(seconds, _) => format!("event-worker {seconds:+} s"),
        }
    }

    /// How long it lasts, apart from what a new start takes.
    pub const fn lasts(&self) -> Duration {
        match self {
            Self::Pause(_, lasts)
            | Self::Cut(_, lasts)
            | Self::Slow(_, _, lasts)
            | Self::HalfOpen(_, lasts)
            | Self::DiskFull(_, lasts)
            | Self::Storm(_, lasts)
            | Self::ClockJump(_, lasts) => *lasts,
            Self::Kill(_)
            | Self::Terminate(_)
            | Self::Duplicates(..)
            | Self::Poison(..)
            | Self::Redrive(_) => Duration::ZERO,
        }
    }

    /// About how long it takes with everything that follows from it: what the
    /// pace of the writes is planned by.
    pub fn estimate(&self) -> Duration {
        let recovery = match self {
            Self::Kill(Target::Store(Store::Kafka))
            | Self::Terminate(Target::Store(Store::Kafka))
            | Self::DiskFull(Store::Kafka, _) => 8,
            Self::Duplicates(..) | Self::Poison(..) => 1,
            _ => 3,
        };
        self.lasts() + Duration::from_secs(recovery)
    }
}
