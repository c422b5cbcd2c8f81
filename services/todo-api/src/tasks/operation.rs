use std::time::Instant;

use uuid::Uuid;

use super::{store::Edit, task::Task};
use crate::{Error, Store};

/// What can be done to a task: a metric label and the stem of log events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new task.
    Create,
    /// Other values for its fields.
    Update,
    /// Its end.
    Delete,
    /// It is done.
    Complete,
    /// It is not done after all.
    Reopen,
}

impl Operation {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Complete,
        Self::Reopen,
    ];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Complete => "complete",
            Self::Reopen => "reopen",
        }
    }

    /// The log events of its begin, its success and its failure.
    const fn events(self) -> [&'static str; 3] {
        match self {
            Self::Create => [
                "task_creation_started",
                "task_creation_successful",
                "task_creation_failed",
            ],
            Self::Update => [
                "task_update_started",
                "task_update_successful",
                "task_update_failed",
            ],
            Self::Delete => [
                "task_deletion_started",
                "task_deletion_successful",
                "task_deletion_failed",
            ],
            Self::Complete => [
                "task_completion_started",
                "task_completion_successful",
                "task_completion_failed",
            ],
            Self::Reopen => [
                "task_reopening_started",
                "task_reopening_successful",
                "task_reopening_failed",
            ],
        }
    }

    /// Changes one task of a user, and logs and counts what became of it.
    pub(super) async fn change(
        self,
        store: &Store,
        user_id: Uuid,
        task_id: Uuid,
        edit: &Edit<'_>,
    ) -> Result<Task, Error> {
        let work = async {
            let (value, changed) = store.change(user_id, task_id, edit).await?;
            Ok(Done {
                task_id,
                changed,
                value,
            })
        };
        self.attempt(store, user_id, work).await
    }

    /// Runs the operation for a user, and logs and counts what became of it.
    /// `work` answers with the task and whether anything changed.
    pub(super) async fn attempt<T, F>(
        self,
        store: &Store,
        user_id: Uuid,
        work: F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Done<T>, Error>>,
    {
        let [started, successful, failed] = self.events();
        let start = Instant::now();
        tracing::debug!(message = started, user_id = %user_id);
        let result = work.await;
        let duration_ms = telemetry::milliseconds(start.elapsed());
        match result {
            Ok(Done {
                task_id,
                changed,
                value,
            }) => {
                if changed {
                    store.done(self);
                }
                tracing::info!(message = successful, user_id = %user_id, task_id = %task_id, changed, duration_ms);
                Ok(value)
            }
            Err(error) if error.is_ours() => {
                let code = error.code();
                tracing::error!(message = failed, user_id = %user_id, code, error = %error, duration_ms);
                Err(error)
            }
            Err(error) => {
                let code = error.code();
                tracing::warn!(message = failed, user_id = %user_id, code, duration_ms);
                Err(error)
            }
        }
    }
}

/// An operation that was carried out.
pub(super) struct Done<T> {
    pub(super) task_id: Uuid,
    /// False if there was nothing to do.
    pub(super) changed: bool,
    pub(super) value: T,
}
