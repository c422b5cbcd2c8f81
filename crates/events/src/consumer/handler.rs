//! What a service supplies: the effect of an event, and what went wrong with it.

use std::future::Future;

use sqlx::PgTransaction;

use super::Envelope;
use crate::contracts::ContractError;

/// The effect of events on a service's own state.
pub trait Handler: Send + Sync + 'static {
    /// Applies an event within `tx`, in which the inbox row is written too: both
    /// take effect or neither. May run again for the same event, after a
    /// rollback; so it does nothing that a rollback cannot undo.
    fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> impl Future<Output = Result<Outcome, HandlerError>> + Send;

    /// Called once the effect is committed, before the offset moves on: the
    /// place for what has no transaction (a push, a wake-up). It is not called
    /// again if the process dies in the middle.
    fn committed(&self, envelope: &Envelope<'_>) -> impl Future<Output = ()> + Send {
        let _ = envelope;
        async {}
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect.
    Done,
    /// It changed nothing, rightly: it was older than what is known.
    Ignored,
    /// A business rule refused it, and that was dealt with: `failure` in metrics.
    Failed,
}

/// Why an event did not take effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// Another attempt may work: it is tried again, within a budget.
    #[error("{cause}: {detail}")]
    Transient {
        /// A bounded name for metrics and dead letters.
        cause: &'static str,
        /// For a person; without content of the event.
        detail: String,
    },
    /// Something it depends on is away: consumption pauses until it is back,
    /// and no budget is spent.
    #[error("{cause}: {detail}")]
    Unavailable {
        /// What is away.
        cause: &'static str,
        /// For a person.
        detail: String,
    },
    /// No attempt will work: it becomes a dead letter.
    #[error("{cause}: {detail}")]
    Permanent {
        /// A bounded name for metrics and dead letters.
        cause: &'static str,
        /// For a person; without content of the event.
        detail: String,
    },
}

impl HandlerError {
    /// An error that another attempt may not meet.
    pub fn transient(cause: &'static str, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self::Transient { cause, detail }
    }

    /// An error that every attempt will meet.
    pub fn permanent(cause: &'static str, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self::Permanent { cause, detail }
    }

    /// The bounded name.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Transient { cause, .. }
            | Self::Unavailable { cause, .. }
            | Self::Permanent { cause, .. } => cause,
        }
    }

    /// The text for a person.
    pub fn detail(&self) -> &str {
        match self {
            Self::Transient { detail, .. }
            | Self::Unavailable { detail, .. }
            | Self::Permanent { detail, .. } => detail,
        }
    }
}

impl From<ContractError> for HandlerError {
    fn from(error: ContractError) -> Self {
        Self::permanent(error.cause(), error)
    }
}

impl From<sqlx::Error> for HandlerError {
    fn from(error: sqlx::Error) -> Self {
        if service::database::is_unreachable(&error) {
            return Self::Unavailable {
                cause: "database",
                detail: error.to_string(),
            };
        }
        // Classes of SQLSTATE: 22 is data that does not fit, 23 a constraint;
        // they will say the same next time. The server's own message may quote
        // values, so only the code and the constraint are kept.
        match &error {
            sqlx::Error::Database(refused) => {
                let code = refused.code().unwrap_or_default();
                let constraint = refused.constraint().unwrap_or("none");
                let detail = format!("SQLSTATE {code}, constraint {constraint}");
                if code.starts_with("22") || code.starts_with("23") {
                    Self::permanent("database_refused", detail)
                } else {
                    Self::transient("database_error", detail)
                }
            }
            _ => Self::transient("database_error", error),
        }
    }
}
