//! The SQL of tasks. Every statement is scoped to the owner, and every change
//! commits together with its event, in one statement.

use chrono::{DateTime, Utc};
use events::{contracts::Change, outbox::Entry};
use service::database;
use sqlx::{
    FromRow, PgConnection, Postgres, postgres::PgArguments, query::Query, query::QueryAs,
    query_builder::Separated, types::Json,
};
use uuid::Uuid;

use super::{
    Operation,
    domain::{Description, Tag, TimeZone, Title, now},
    recurrence::Recurrence,
    reminders::Reminder,
    task::{Priority, Task},
    version::IfMatch,
};
use crate::{
    Error, Store,
    metrics::{TASK_COMMIT, TASK_DELETE, TASK_GET, TASK_INSERT, TASK_LOCK, TASK_UPDATE},
};

/// How often a change is tried without a lock. Two writers of one task are rare;
/// if there are more, the lock makes them queue.
const OPTIMISTIC: usize = 3;

const INSERT: &str = "
    WITH task AS (
        INSERT INTO tasks (id, user_id, version, title, description, priority, tags, due_at,
                           reminders, time_zone, recurrence, completed_at, updated_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    )
    INSERT INTO outbox (id, topic, key, type, source, traceparent, body)
    VALUES ($15, $16, $17, $18, $19, $20, $21)";

const UPDATE: &str = "
    WITH changed AS (
        UPDATE tasks
        SET version = $3, title = $4, description = $5, priority = $6, tags = $7, due_at = $8,
            reminders = $9, time_zone = $10, recurrence = $11, completed_at = $12,
            updated_at = $13
        WHERE id = $1 AND user_id = $2 AND version = $3 - 1
        RETURNING id
    )
    INSERT INTO outbox (id, topic, key, type, source, traceparent, body)
    SELECT $14, $15, $16, $17, $18, $19, $20 FROM changed";

const DELETE: &str = "
    WITH deleted AS (
        DELETE FROM tasks WHERE id = $1 AND user_id = $2 AND version = $3 - 1
        RETURNING id
    )
    INSERT INTO outbox (id, topic, key, type, source, traceparent, body)
    SELECT $4, $5, $6, $7, $8, $9, $10 FROM deleted";

macro_rules! columns {
    () => {
        "id, user_id, version, title, description, priority, tags, due_at, reminders, time_zone, \
         recurrence, completed_at, updated_at, created_at"
    };
}

/// The columns of a [`Row`].
pub(super) const COLUMNS: &str = columns!();

const GET: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tasks WHERE id = $1 AND user_id = $2"
);

const GET_LOCKED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM tasks WHERE id = $1 AND user_id = $2 FOR UPDATE"
);

/// A change to be made to one task.
pub(super) struct Edit<'a> {
    /// The event that tells of it.
    pub(super) change: Change,
    /// The versions that may be changed.
    pub(super) expected: &'a IfMatch,
    /// What becomes of the task.
    pub(super) apply: &'a (dyn Fn(&Task) -> Result<Task, Error> + Sync),
}

impl Store {
    /// Keeps a new task.
    pub(super) async fn insert(&self, task: &Task) -> Result<(), Error> {
        self.available()?;
        let query = insertion(task)?;
        let insert = async {
            let mut connection = self.connection().await?;
            query.execute(&mut *connection).await?;
            connection.pass_on();
            Ok(())
        };
        TASK_INSERT
            .run(insert)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// A user's task.
    pub(super) async fn get(&self, owner: Uuid, id: Uuid) -> Result<Task, Error> {
        self.available()?;
        let get = async {
            let mut connection = self.connection().await?;
            let row = select(GET, owner, id)
                .fetch_optional(&mut *connection)
                .await?;
            connection.pass_on();
            Ok(row)
        };
        let row = TASK_GET.run(get).await;
        row.map_err(|error| self.failed(error))?
            .map(Task::from)
            .ok_or(Error::NotFound)
    }

    /// Changes a user's task. Answers with the task, and whether it is different
    /// from before; if it is not, nothing was written and no event is sent.
    pub(super) async fn change(
        &self,
        owner: Uuid,
        id: Uuid,
        edit: &Edit<'_>,
    ) -> Result<(Task, bool), Error> {
        self.available()?;
        for _ in 0..OPTIMISTIC {
            // One connection for both statements.
            let read = async {
                let mut connection = self.connection().await?;
                let row = select(GET, owner, id)
                    .fetch_optional(&mut *connection)
                    .await?;
                Ok((connection, row))
            };
            let (mut connection, row) = TASK_GET
                .run(read)
                .await
                .map_err(|error| self.failed(error))?;
            let before = row.map(Task::from).ok_or(Error::NotFound)?;
            let written = self.write(&mut connection, before, edit).await?;
            connection.pass_on();
            if let Some(done) = written {
                return Ok(done);
            }
            // Somebody else was quicker. If the caller named a version, the
            // next look says so.
        }
        self.change_locked(owner, id, edit).await
    }

    async fn change_locked(
        &self,
        owner: Uuid,
        id: Uuid,
        edit: &Edit<'_>,
    ) -> Result<(Task, bool), Error> {
        let mut connection = None;
        let lock = async {
            let connection = connection.insert(self.connection().await?);
            let mut transaction = database::begin_on(&mut **connection).await?;
            let row = select(GET_LOCKED, owner, id)
                .fetch_optional(&mut *transaction)
                .await?;
            Ok((transaction, row))
        };
        let (mut transaction, row) = TASK_LOCK
            .run(lock)
            .await
            .map_err(|error| self.failed(error))?;
        let before = row.map(Task::from).ok_or(Error::NotFound)?;
        let done = self.write(&mut transaction, before, edit).await?;
        TASK_COMMIT
            .run(transaction.commit())
            .await
            .map_err(|error| self.failed(error))?;
        // Nobody else can have changed a locked row.
        done.ok_or(Error::NotFound)
    }

    /// Writes what the edit makes of the task. Nothing if the task is not at
    /// that version any more.
    async fn write(
        &self,
        connection: &mut PgConnection,
        before: Task,
        edit: &Edit<'_>,
    ) -> Result<Option<(Task, bool)>, Error> {
        service::planted!("condition_after_write" => (), else edit.expected.check(before.version)?);
        let mut after = (edit.apply)(&before)?;
        if after == before && edit.change != Change::Deleted {
            return Ok(Some((before, false)));
        }
        let next = match edit.change {
            Change::Completed | Change::Deleted => after.hand_on(now()),
            _ => None,
        };
        let after = after.next_version(now());
        let written = match next {
            None => self.write_one(connection, &after, edit.change).await?,
            Some(next) => {
                let begin = database::begin_on(&mut *connection).await;
                let mut transaction = begin.map_err(|error| self.failed(error))?;
                let written = self
                    .write_one(&mut transaction, &after, edit.change)
                    .await?;
                if written {
                    TASK_INSERT
                        .run(insertion(&next)?.execute(&mut *transaction))
                        .await
                        .map_err(|error| self.failed(error))?;
                    TASK_COMMIT
                        .run(transaction.commit())
                        .await
                        .map_err(|error| self.failed(error))?;
                    self.done(Operation::Create);
                }
                written
            }
        };
        service::planted!("condition_after_write" => edit.expected.check(before.version)?);
        Ok(written.then_some((after, true)))
    }

    async fn write_one(
        &self,
        connection: &mut PgConnection,
        after: &Task,
        change: Change,
    ) -> Result<bool, Error> {
        let entry = Entry::new(&after.event(change))?;
        let done = if change == Change::Deleted {
            let query = sqlx::query(DELETE)
                .bind(after.id)
                .bind(after.user_id)
                .bind(after.version);
            TASK_DELETE
                .run(bind_entry(query, entry).execute(connection))
                .await
        } else {
            let query = bind_entry(bind_task(sqlx::query(UPDATE), after), entry);
            TASK_UPDATE.run(query.execute(connection)).await
        };
        let rows = done.map_err(|error| self.failed(error))?.rows_affected();
        Ok(rows > 0)
    }
}

/// A new task and its event.
fn insertion(task: &Task) -> Result<Statement<'_>, Error> {
    let entry = Entry::new(&task.event(Change::Created))?;
    let query = bind_task(sqlx::query(INSERT), task).bind(task.created_at);
    Ok(bind_entry(query, entry))
}

fn select(
    sql: &'static str,
    owner: Uuid,
    id: Uuid,
) -> QueryAs<'static, Postgres, Row, PgArguments> {
    sqlx::query_as(sql).bind(id).bind(owner)
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// $1 to $13.
fn bind_task<'q>(query: Statement<'q>, task: &'q Task) -> Statement<'q> {
    query
        .bind(task.id)
        .bind(task.user_id)
        .bind(task.version)
        .bind(task.title.as_str())
        .bind(task.description.as_ref().map(Description::as_str))
        .bind(task.priority.number())
        .bind(task.tags.iter().map(Tag::as_str).collect::<Vec<_>>())
        .bind(task.due_at)
        .bind(Json(&task.reminders))
        .bind(task.time_zone.as_ref().map(TimeZone::as_str))
        .bind(task.recurrence.as_ref().map(Json))
        .bind(task.completed_at)
        .bind(task.updated_at)
}

/// The values of [`COLUMNS`].
pub(super) fn push_task(row: &mut Separated<'_, Postgres, &'static str>, task: &Task) {
    let tags = task.tags.iter().map(|tag| tag.as_str().to_owned());
    let text = |text: &str| text.to_owned();
    row.push_bind(task.id)
        .push_bind(task.user_id)
        .push_bind(task.version)
        .push_bind(text(task.title.as_str()))
        .push_bind(task.description.as_ref().map(|value| text(value.as_str())))
        .push_bind(task.priority.number())
        .push_bind(tags.collect::<Vec<_>>())
        .push_bind(task.due_at)
        .push_bind(Json(task.reminders.clone()))
        .push_bind(task.time_zone.as_ref().map(|value| text(value.as_str())))
        .push_bind(task.recurrence.clone().map(Json))
        .push_bind(task.completed_at)
        .push_bind(task.updated_at)
        .push_bind(task.created_at);
}

/// The last seven.
fn bind_entry(query: Statement<'_>, entry: Entry) -> Statement<'_> {
    query
        .bind(entry.id)
        .bind(entry.topic)
        .bind(entry.key)
        .bind(entry.event_type)
        .bind(entry.source)
        .bind(entry.traceparent)
        .bind(entry.body)
}

/// A task as it is kept.
#[derive(FromRow)]
pub(super) struct Row {
    pub(super) id: Uuid,
    user_id: Uuid,
    version: i64,
    title: String,
    description: Option<String>,
    pub(super) priority: i16,
    tags: Vec<String>,
    pub(super) due_at: Option<DateTime<Utc>>,
    reminders: Json<Vec<Reminder>>,
    time_zone: Option<String>,
    recurrence: Option<Json<Recurrence>>,
    completed_at: Option<DateTime<Utc>>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) created_at: DateTime<Utc>,
}

impl From<Row> for Task {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            title: Title::stored(row.title),
            description: row.description.map(Description::stored),
            priority: Priority::stored(row.priority),
            tags: row.tags.into_iter().map(Tag::stored).collect(),
            due_at: row.due_at,
            reminders: row.reminders.0,
            time_zone: row.time_zone.map(TimeZone::stored),
            recurrence: row.recurrence.map(|stored| stored.0),
            completed_at: row.completed_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
