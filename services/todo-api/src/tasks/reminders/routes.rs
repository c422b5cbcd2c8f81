//! Reminders of one task: set, put off, taken away. Each is a change of the task.

use chrono::{DateTime, Utc};
use events::contracts::Change;
use service::{
    auth::User,
    http::{Json, Path},
    problem::FieldError,
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    super::{
        Operation,
        domain::now,
        operation::Done,
        routes::{Precondition, TaskAnswer, TaskId},
        store::Edit,
        task::Task,
        version::IfMatch,
    },
    Reminder, added,
    body::{NewReminderBody, SnoozeBody},
    replaced,
};
use crate::{AppState, Error, Store, idempotency::Once, metrics::Feature};

/// The routes of reminders.
pub(in super::super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(set))
        .routes(routes!(cancel))
        .routes(routes!(snooze))
}

/// The reminder that a path names.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its documentation is used")]
struct ReminderId {
    /// The task
    id: Uuid,
    /// The reminder
    reminder_id: Uuid,
}

/// Set a reminder
///
/// A task has at most ten.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/reminders",
    operation_id = "set_reminder",
    tag = "reminders",
    params(TaskId, Precondition, Once),
    request_body = NewReminderBody,
    responses(TaskAnswer)
)]
async fn set(
    user: User,
    store: Store,
    Path(id): Path<Uuid>,
    expected: IfMatch,
    Json(body): Json<NewReminderBody>,
) -> Result<TaskAnswer, Error> {
    let when = body.into_when()?;
    let apply = |task: &Task| {
        let reminder = Reminder::new(when, task.due_at, now()).map_err(|invalid| {
            let error = FieldError::new(when.field(), invalid.code, invalid.message);
            Error::Invalid(vec![error])
        })?;
        Ok(Task {
            reminders: added(&task.reminders, reminder)?,
            ..task.clone()
        })
    };
    let edit = Edit {
        change: Change::ReminderSet,
        expected: &expected,
        apply: &apply,
    };
    let task = change(&user, &store, id, &edit).await?;
    Feature::Reminder.used();
    Ok(task.into())
}

/// Cancel a reminder
#[utoipa::path(
    delete,
    path = "/v1/tasks/{id}/reminders/{reminder_id}",
    operation_id = "cancel_reminder",
    tag = "reminders",
    params(ReminderId, Precondition),
    responses(TaskAnswer)
)]
async fn cancel(
    user: User,
    store: Store,
    Path((id, reminder)): Path<(Uuid, Uuid)>,
    expected: IfMatch,
) -> Result<TaskAnswer, Error> {
    let apply = |task: &Task| {
        Ok(Task {
            reminders: replaced(&task.reminders, reminder, |_| None)?,
            ..task.clone()
        })
    };
    let edit = Edit {
        change: Change::ReminderCancelled,
        expected: &expected,
        apply: &apply,
    };
    change(&user, &store, id, &edit).await.map(TaskAnswer::from)
}

/// Snooze a reminder
///
/// It fires at that time in place of its own, again if it has fired. Snoozing it
/// until the same time twice changes nothing.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/reminders/{reminder_id}/snooze",
    operation_id = "snooze_reminder",
    tag = "reminders",
    params(ReminderId, Precondition, Once),
    request_body = SnoozeBody,
    responses(TaskAnswer)
)]
async fn snooze(
    user: User,
    store: Store,
    Path((id, reminder)): Path<(Uuid, Uuid)>,
    expected: IfMatch,
    Json(body): Json<SnoozeBody>,
) -> Result<TaskAnswer, Error> {
    let until: DateTime<Utc> = body.into_moment(now())?;
    let apply = |task: &Task| {
        Ok(Task {
            reminders: replaced(&task.reminders, reminder, |old| Some(old.snoozed(until)))?,
            ..task.clone()
        })
    };
    let edit = Edit {
        change: Change::ReminderSnoozed,
        expected: &expected,
        apply: &apply,
    };
    let task = change(&user, &store, id, &edit).await?;
    Feature::Snooze.used();
    Ok(task.into())
}

async fn change(user: &User, store: &Store, id: Uuid, edit: &Edit<'_>) -> Result<Task, Error> {
    let work = async {
        let (value, changed) = store.change(user.id, id, edit).await?;
        Ok(Done {
            task_id: id,
            changed,
            value,
        })
    };
    Operation::Update.attempt(user.id, work).await
}
