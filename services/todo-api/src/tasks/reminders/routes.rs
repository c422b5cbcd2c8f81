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
    let add = |task: &Task| {
        let reminder = Reminder::new(when, task.due_at, now()).map_err(|invalid| {
            let error = FieldError::new(when.field(), invalid.code, invalid.message);
            Error::Invalid(vec![error])
        })?;
        added(&task.reminders, reminder)
    };
    let task = change((&user, &store, id), &expected, Change::ReminderSet, add).await?;
    Feature::Reminder.used();
    Ok(task)
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
    let remove = |task: &Task| replaced(&task.reminders, reminder, |_| None);
    let to = (&user, &store, id);
    change(to, &expected, Change::ReminderCancelled, remove).await
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
    let put_off = |task: &Task| replaced(&task.reminders, reminder, |old| Some(old.snoozed(until)));
    let to = (&user, &store, id);
    let task = change(to, &expected, Change::ReminderSnoozed, put_off).await?;
    Feature::Snooze.used();
    Ok(task)
}

/// Puts another list in place of a task's reminders.
async fn change(
    to: (&User, &Store, Uuid),
    expected: &IfMatch,
    change: Change,
    apply: impl Fn(&Task) -> Result<Vec<Reminder>, Error> + Sync,
) -> Result<TaskAnswer, Error> {
    let (user, store, id) = to;
    let edit = Edit {
        change,
        expected,
        apply: &|task| {
            Ok(Task {
                reminders: apply(task)?,
                ..task.clone()
            })
        },
    };
    let task = Operation::Update.change(store, user.id, id, &edit);
    task.await.map(TaskAnswer::from)
}
