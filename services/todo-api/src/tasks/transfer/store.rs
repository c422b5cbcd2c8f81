//! The SQL of imports.

use std::collections::HashSet;

use events::{contracts::Change, outbox::Entry};
use service::database;
use sqlx::{PgConnection, Postgres, QueryBuilder, Transaction};
use uuid::Uuid;

use super::{
    super::store::{COLUMNS, push_task},
    item::Item,
};
use crate::{
    Error, Store,
    metrics::{TASK_COMMIT, TASK_IMPORT, TASK_IMPORT_BEGIN, TASK_IMPORT_CLAIM},
    store::Connection,
};

/// Notes who is imported, unless they were before, or are tasks of this owner.
const CLAIM: &str = "
    INSERT INTO task_imports (user_id, uid, task_id)
    SELECT $1, uid, task_id
    FROM unnest($2::text[], $3::uuid[], $4::uuid[]) AS item (uid, own_id, task_id)
    WHERE NOT EXISTS (SELECT FROM tasks WHERE id = own_id AND user_id = $1)
    ON CONFLICT DO NOTHING
    RETURNING task_id";

impl Store {
    /// Begins a transaction on a connection that it puts into `held`.
    pub(super) async fn begin_import<'c>(
        &self,
        held: &'c mut Option<Connection>,
    ) -> Result<Transaction<'c, Postgres>, Error> {
        self.available()?;
        let begin = async {
            let connection = held.insert(self.connection().await?);
            database::begin_on(&mut **connection).await
        };
        let begun = TASK_IMPORT_BEGIN.run(begin).await;
        begun.map_err(|error| self.failed(error))
    }

    pub(super) async fn commit_import(
        &self,
        transaction: Transaction<'_, Postgres>,
    ) -> Result<(), Error> {
        let committed = TASK_COMMIT.run(transaction.commit()).await;
        committed.map_err(|error| self.failed(error))
    }

    /// Makes tasks of the items that are none yet, with their events, and
    /// answers with the ids of those.
    pub(super) async fn import(
        &self,
        connection: &mut PgConnection,
        owner: Uuid,
        items: &[Item],
    ) -> Result<HashSet<Uuid>, Error> {
        let known = self.claim(connection, owner, items).await?;
        let new = || {
            items
                .iter()
                .filter(|item| item.uid.is_none() || known.contains(&item.task.id))
                .map(|item| &item.task)
        };
        let events = new().map(|task| Entry::new(&task.event(Change::Created)));
        let entries = events.collect::<Result<Vec<_>, _>>()?;
        let made: HashSet<_> = new().map(|task| task.id).collect();
        if made.is_empty() {
            return Ok(made);
        }
        let mut sql = QueryBuilder::<Postgres>::new("WITH task AS (INSERT INTO tasks (");
        sql.push(COLUMNS).push(") ");
        sql.push_values(new(), |mut row, task| push_task(&mut row, task));
        sql.push(") INSERT INTO outbox (id, topic, key, type, source, traceparent, body) ");
        sql.push_values(entries, |mut row, entry| {
            row.push_bind(entry.id)
                .push_bind(entry.topic)
                .push_bind(entry.key)
                .push_bind(entry.event_type)
                .push_bind(entry.source)
                .push_bind(entry.traceparent)
                .push_bind(entry.body);
        });
        let query = sql.build().execute(connection);
        let written = TASK_IMPORT.run(query).await;
        written.map_err(|error| self.failed(error))?;
        Ok(made)
    }

    /// The ids of the tasks that are to be made of the items with a uid.
    async fn claim(
        &self,
        connection: &mut PgConnection,
        owner: Uuid,
        items: &[Item],
    ) -> Result<HashSet<Uuid>, Error> {
        let named = || {
            items
                .iter()
                .filter_map(|item| Some((item.uid.as_deref()?, item)))
        };
        let uids: Vec<_> = named().map(|(uid, _)| uid).collect();
        if uids.is_empty() {
            return Ok(HashSet::new());
        }
        let own_ids: Vec<_> = uids.iter().map(|uid| Uuid::parse_str(uid).ok()).collect();
        let task_ids: Vec<_> = named().map(|(_, item)| item.task.id).collect();
        let query = sqlx::query_scalar(CLAIM)
            .bind(owner)
            .bind(&uids)
            .bind(own_ids)
            .bind(task_ids);
        let claimed = TASK_IMPORT_CLAIM.run(query.fetch_all(connection)).await;
        let claimed: Vec<Uuid> = claimed.map_err(|error| self.failed(error))?;
        Ok(claimed.into_iter().collect())
    }
}
