//! `todo.tasks.v1` → the schedule.

use events::consumer::{Envelope, HandlerError, Outcome};
use events::contracts::TaskEvent;
use sqlx::PgTransaction;

use super::plan::Plan;
use super::store;

/// Keeps the schedule up to date with the tasks.
pub(crate) struct Handler;

impl events::consumer::Handler for Handler {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let event: TaskEvent = envelope.event()?;
        let plan = Plan::of(&event);
        // The span of this very message: firing will be below it.
        let traceparent = telemetry::current().map(|context| context.traceparent());
        if !store::carry_out(tx, &plan, &event.task, traceparent).await? {
            return Ok(Outcome::Ignored);
        }
        tracing::debug!(task_id = %event.task.id, "reminders_planned");
        Ok(Outcome::Done)
    }
}
