//! A worker's surroundings, and the events that it is told.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use events::contracts::{Change, Priority, ReminderSnapshot, Status, TaskEvent, TaskSnapshot};
use events::contracts::{Event, Notification};
use sqlx::{AssertSqlSafe, PgPool};
use testkit::{Kafka, Record, Schemas, Service, SystemBuilder, eventually};
use uuid::Uuid;

/// Databases and topics of the test's own, with one worker to begin with.
pub(crate) struct Fixture {
    pub(crate) parts: SystemBuilder,
    pub(crate) worker: Service,
    pub(crate) pool: PgPool,
    kafka: Kafka,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_on(SystemBuilder::new().await).await
    }

    /// On a database that is there already.
    pub(crate) async fn start_on(parts: SystemBuilder) -> Self {
        let worker = parts.event_worker().start().await;
        let pool = parts.database("event-worker").pool().await;
        let kafka = Kafka::new(&parts.backing.kafka);
        Self {
            parts,
            worker,
            pool,
            kafka,
        }
    }

    /// Puts an event on the topic, with a field that no version has yet.
    pub(crate) async fn tell(&self, event: &TaskEvent) {
        let mut body = serde_json::to_value(event).expect("JSON");
        body["of_the_future"] = true.into();
        let topic = format!("{}todo.tasks.v1", self.parts.prefix);
        let record = Record::event(&event.key(), event.event_type(), event.source(), &body);
        self.kafka.send(&topic, &record).await;
    }

    /// Sets the scheduler's clock: it goes on from there.
    pub(crate) async fn set_clock(&self, to: DateTime<Utc>) {
        let shift = (to - Utc::now()).num_milliseconds();
        let sql = format!(
            "CREATE OR REPLACE FUNCTION scheduler_now() RETURNS timestamptz LANGUAGE sql VOLATILE
             AS 'SELECT clock_timestamp() + interval ''{shift} milliseconds'''"
        );
        let set = sqlx::query(AssertSqlSafe(sql)).execute(&self.pool).await;
        set.expect("the clock is set");
    }

    /// How many reminders are in that state.
    pub(crate) async fn count(&self, status: &str) -> usize {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM reminders WHERE status = $1")
            .bind(status)
            .fetch_one(&self.pool)
            .await
            .expect("a count");
        usize::try_from(count).expect("no negative count")
    }

    /// Waits until so many reminders are in that state.
    pub(crate) async fn wait(&self, status: &str, count: usize) {
        eventually(&format!("{count} reminders are {status}"), || async {
            (self.count(status).await == count).then_some(())
        })
        .await;
    }

    /// What was sent for each reminder, once the outbox is empty.
    pub(crate) async fn notifications(&self) -> BTreeMap<Uuid, Vec<Notification>> {
        let schemas = Schemas::load();
        let mut all: BTreeMap<Uuid, Vec<Notification>> = BTreeMap::new();
        let mut seen = Vec::new();
        for record in self
            .parts
            .published("event-worker", "notifications.v1")
            .await
        {
            // The relay sends again what a broker may not have had: the same event.
            let id = record.header("ce_id");
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let body = record.json();
            schemas.check_produced(&record.header("ce_type"), &body);
            let told: Notification = serde_json::from_value(body).expect("a notification");
            let reminder = told.reminder_id.expect("a reminder's id");
            all.entry(reminder).or_default().push(told);
        }
        all
    }
}

/// A task with reminders at these times.
pub(crate) fn task(times: &[DateTime<Utc>]) -> TaskEvent {
    let reminder = |at: &DateTime<Utc>| ReminderSnapshot {
        id: Uuid::now_v7(),
        at: *at,
    };
    TaskEvent {
        change: Change::Created,
        task: TaskSnapshot {
            id: Uuid::now_v7(),
            user_id: Uuid::now_v7(),
            title: "water the plants".to_owned(),
            status: Status::Open,
            priority: Priority::Normal,
            tags: Vec::new(),
            due_at: None,
            remind_at: times.iter().min().copied(),
            reminders: Some(times.iter().map(reminder).collect()),
            time_zone: Some("Europe/Berlin".to_owned()),
            series: None,
            version: 1,
            updated_at: Utc::now(),
        },
    }
}

/// The next event about the same task.
pub(crate) fn then(event: &TaskEvent, change: Change) -> TaskEvent {
    let mut next = event.clone();
    next.change = change;
    next.task.version += 1;
    next.task.updated_at = Utc::now();
    next
}

/// Its reminders, to be changed.
pub(crate) fn reminders(event: &mut TaskEvent) -> &mut Vec<ReminderSnapshot> {
    event.task.reminders.get_or_insert_default()
}

/// The ids of its reminders.
pub(crate) fn ids(event: &TaskEvent) -> Vec<Uuid> {
    let reminders = event.task.reminders();
    reminders.iter().map(|reminder| reminder.id).collect()
}

/// Now, to the microsecond, as the database keeps it.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).expect("a time")
}

pub(crate) fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}
