//! The SQL of lists: only the conditions that were asked for, so that each
//! combination has a plan of its own.

use sqlx::{FromRow, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    super::{
        store::{COLUMNS, Row},
        task::{Priority, Status, Task},
    },
    counts::Counts,
    cursor::{Cursor, Place},
    filter::{Filter, Range},
    order::{Direction, Order, Sort},
    words::Words,
};
use crate::{
    Error, Store,
    metrics::{TASK_COUNTS, TASK_LIST},
};

type Sql = QueryBuilder<Postgres>;

/// As titles are compared: by code points, so that a newer library with other
/// rules does not reorder what a cursor points into.
const TITLE: &str = r#"lower(title) COLLATE "C""#;

/// Part of a list.
pub(in super::super) struct Page {
    pub(in super::super) tasks: Vec<Task>,
    pub(in super::super) next: Option<Cursor>,
}

/// What to show of a list.
pub(in super::super) struct Part<'a> {
    pub(in super::super) filter: &'a Filter,
    pub(in super::super) order: Order,
    pub(in super::super) after: Option<Cursor>,
    pub(in super::super) limit: u32,
}

#[derive(FromRow)]
struct Placed {
    #[sqlx(flatten)]
    row: Row,
    place_title: Option<String>,
    place_rank: Option<f32>,
}

impl Store {
    /// A page of a user's tasks.
    pub(in super::super) async fn list(&self, owner: Uuid, part: &Part<'_>) -> Result<Page, Error> {
        self.available()?;
        let limit = part.limit as usize;
        let mut sql = list_sql(owner, part);
        let query = sql.build_query_as::<Placed>();
        let rows = TASK_LIST
            .run(async {
                let mut connection = self.connection().await?;
                let rows = query.fetch_all(&mut *connection).await?;
                connection.pass_on();
                Ok(rows)
            })
            .await;
        let mut rows = rows.map_err(|error| self.failed(error))?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| Cursor {
            place: last.place(part.order.sort),
            id: last.row.id,
        });
        let tasks = rows.into_iter().map(|placed| placed.row.into()).collect();
        Ok(Page { tasks, next })
    }

    /// Counts a user's tasks.
    pub(super) async fn counts(
        &self,
        owner: Uuid,
        filter: &Filter,
        top_tags: u32,
    ) -> Result<Counts, Error> {
        self.available()?;
        let mut sql = counts_sql(owner, filter, top_tags);
        let query = sql.build_query_as::<Counts>();
        let counts = TASK_COUNTS
            .run(async {
                let mut connection = self.connection().await?;
                let counts = query.fetch_one(&mut *connection).await?;
                connection.pass_on();
                Ok(counts)
            })
            .await;
        counts.map_err(|error| self.failed(error))
    }
}

impl Placed {
    fn place(&self, sort: Sort) -> Place {
        match sort {
            Sort::Created => Place::Moment(self.row.created_at),
            Sort::Updated => Place::Moment(self.row.updated_at),
            Sort::Due => self.row.due_at.map_or(Place::Never, Place::Moment),
            Sort::Priority => Place::Priority(self.row.priority),
            Sort::Title => Place::Title(self.place_title.clone().unwrap_or_default()),
            Sort::Rank => Place::Rank(self.place_rank.unwrap_or_default()),
        }
    }
}

fn list_sql(owner: Uuid, part: &Part<'_>) -> Sql {
    let words = part.filter.words.as_ref();
    let Order { sort, direction } = part.order;
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS);
    sql.push(if sort == Sort::Title {
        ", lower(title)"
    } else {
        ", NULL"
    });
    sql.push(" AS place_title, ");
    match sort {
        Sort::Rank => push_key(&mut sql, sort, words),
        _ => _ = sql.push("NULL::real"),
    }
    sql.push(" AS place_rank FROM tasks");
    push_filter(&mut sql, owner, part.filter);
    if let Some(cursor) = &part.after {
        push_after(&mut sql, part.order, cursor, words);
    }
    let direction = match direction {
        Direction::Asc => " ASC",
        Direction::Desc => " DESC",
    };
    sql.push(" ORDER BY ");
    push_key(&mut sql, sort, words);
    sql.push(direction);
    if sort == Sort::Due {
        sql.push(" NULLS LAST");
    }
    sql.push(", id").push(direction);
    // One more tells whether there is another page.
    sql.push(" LIMIT ").push_bind(i64::from(part.limit) + 1);
    sql
}

/// What is ordered by.
fn push_key(sql: &mut Sql, sort: Sort, words: Option<&Words>) {
    match (sort, words) {
        (Sort::Created, _) => sql.push("created_at"),
        (Sort::Updated, _) => sql.push("updated_at"),
        (Sort::Due, _) => sql.push("due_at"),
        (Sort::Priority, _) => sql.push("priority"),
        (Sort::Title, _) => sql.push(TITLE),
        (Sort::Rank, Some(words)) => {
            sql.push("ts_rank(search, ");
            push_words(sql, words);
            sql.push(")")
        }
        (Sort::Rank, None) => sql.push("0::real"),
    };
}

fn push_words(sql: &mut Sql, words: &Words) {
    sql.push("to_tsquery('pg_catalog.simple', ");
    sql.push_bind(words.as_tsquery().to_owned()).push(")");
}

/// Everything behind the cursor, in the order.
fn push_after(sql: &mut Sql, order: Order, cursor: &Cursor, words: Option<&Words>) {
    let after = order.direction.after();
    if cursor.place == Place::Never {
        sql.push(" AND due_at IS NULL AND id").push(after);
        sql.push_bind(cursor.id);
        return;
    }
    sql.push(" AND ((");
    push_key(sql, order.sort, words);
    sql.push(", id)").push(after).push("(");
    match &cursor.place {
        Place::Moment(moment) => sql.push_bind(*moment),
        Place::Priority(number) => sql.push_bind(*number),
        Place::Title(title) => sql.push_bind(title.clone()),
        Place::Rank(rank) => sql.push_bind(*rank),
        Place::Never => sql,
    };
    sql.push(", ").push_bind(cursor.id).push(")");
    if order.sort == Sort::Due {
        sql.push(" OR due_at IS NULL");
    }
    sql.push(")");
}

/// The owner's tasks that pass.
fn push_filter(sql: &mut Sql, owner: Uuid, filter: &Filter) {
    sql.push(" WHERE user_id = ").push_bind(owner);
    if let Some(words) = &filter.words {
        sql.push(" AND search @@ ");
        push_words(sql, words);
    }
    match filter.status {
        Some(Status::Open) => _ = sql.push(" AND completed_at IS NULL"),
        Some(Status::Completed) => _ = sql.push(" AND completed_at IS NOT NULL"),
        None => {}
    }
    if !filter.priorities.is_empty() {
        let numbers = filter.priorities.iter().map(|priority| priority.number());
        sql.push(" AND priority = ANY (");
        sql.push_bind(numbers.collect::<Vec<_>>()).push(")");
    }
    for (operator, tags) in [(" @> ", &filter.tags_all), (" && ", &filter.tags_any)] {
        if !tags.is_empty() {
            let tags: Vec<_> = tags.iter().map(|tag| tag.as_str().to_owned()).collect();
            sql.push(" AND tags").push(operator).push_bind(tags);
        }
    }
    push_range(sql, "due_at", filter.due);
    push_range(sql, "created_at", filter.created);
    push_range(sql, "updated_at", filter.updated);
    if let Some(overdue) = filter.overdue {
        // Never null: what is never due is not overdue.
        sql.push(" AND (completed_at IS NULL AND coalesce(due_at < ");
        sql.push_bind(filter.now).push(", false)) = ");
        sql.push_bind(overdue);
    }
    match filter.has_reminder {
        Some(true) => _ = sql.push(" AND reminders <> '[]'"),
        Some(false) => _ = sql.push(" AND reminders = '[]'"),
        None => {}
    }
    match filter.recurring {
        Some(true) => _ = sql.push(" AND recurrence IS NOT NULL"),
        Some(false) => _ = sql.push(" AND recurrence IS NULL"),
        None => {}
    }
}

fn push_range(sql: &mut Sql, column: &str, range: Range) {
    if let Some(after) = range.after {
        sql.push(" AND ").push(column).push(" >= ").push_bind(after);
    }
    if let Some(before) = range.before {
        sql.push(" AND ").push(column).push(" < ").push_bind(before);
    }
}

fn counts_sql(owner: Uuid, filter: &Filter, top_tags: u32) -> Sql {
    let mut sql = Sql::new(
        "WITH passing AS MATERIALIZED (SELECT completed_at, due_at, priority, tags FROM tasks",
    );
    push_filter(&mut sql, owner, filter);
    sql.push(
        "), top AS (
            SELECT tag, count(*) AS number FROM passing, unnest(tags) AS tag
            GROUP BY tag ORDER BY number DESC, tag LIMIT ",
    );
    sql.push_bind(i64::from(top_tags));
    sql.push(
        ")
        SELECT count(*) AS total, count(completed_at) AS completed,
               count(*) FILTER (WHERE completed_at IS NULL AND due_at < ",
    );
    sql.push_bind(filter.now).push(") AS overdue,");
    for (priority, name) in [
        (Priority::Low, "low"),
        (Priority::Normal, "normal"),
        (Priority::High, "high"),
        (Priority::Urgent, "urgent"),
    ] {
        sql.push(" count(*) FILTER (WHERE priority = ");
        sql.push(priority.number())
            .push(") AS ")
            .push(name)
            .push(",");
    }
    sql.push(
        " ARRAY(SELECT tag FROM top ORDER BY number DESC, tag) AS tags,
          ARRAY(SELECT number FROM top ORDER BY number DESC, tag) AS tag_counts
        FROM passing",
    );
    sql
}
