use std::collections::HashSet;

use chrono::{DateTime, Utc};
use service::problem::FieldError;
use sqlx::PgConnection;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    super::{Operation, domain::now},
    item::Item,
    report::Report,
    source::Source,
};
use crate::{Error, Store};

/// Tasks that are written at once.
const BATCH: usize = 100;
/// Most tasks in one file.
const MOST: usize = 5_000;
/// Most errors that are told of a file that is refused as a whole.
const MOST_ERRORS: usize = 100;
/// Files that are imported as a whole at the same time: each holds a connection
/// for as long as its client sends.
static WHOLE: Semaphore = Semaphore::const_new(2);

/// An import into a user's tasks.
pub(super) struct Import<'a> {
    store: &'a Store,
    owner: Uuid,
    source: Source,
    now: DateTime<Utc>,
    read: usize,
    report: Report,
}

impl<'a> Import<'a> {
    pub(super) fn new(store: &'a Store, owner: Uuid, source: Source) -> Self {
        Self {
            store,
            owner,
            source,
            now: now(),
            read: 0,
            report: Report::default(),
        }
    }

    /// Each task for itself: what will not do is told, the others are made.
    pub(super) async fn by_line(mut self) -> Result<Report, Error> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let next = self.next().await;
            match next {
                Ok(Some((_, Ok(item)))) => batch.push(item),
                Ok(Some((line, Err(error)))) => self.report.failed(line, &error),
                Ok(None) => break,
                // What came before it stays, so that the answer has to tell.
                Err(error) => {
                    self.report.failed(self.source.line() + 1, &error);
                    break;
                }
            }
            if batch.len() == BATCH {
                self.write(&mut batch).await;
            }
        }
        self.write(&mut batch).await;
        self.count();
        Ok(self.report.in_order())
    }

    async fn write(&mut self, batch: &mut Vec<Item>) {
        let (store, owner) = (self.store, self.owner);
        let written = async {
            let mut connection = None;
            let mut transaction = store.begin_import(&mut connection).await?;
            let made = store.import(&mut transaction, owner, batch).await?;
            store.commit_import(transaction).await?;
            Ok(made)
        };
        match written.await {
            Ok(made) => self.note(batch, &made),
            Err(error) => {
                for item in batch.iter() {
                    self.report.failed(item.line, &error);
                }
            }
        }
        batch.clear();
    }

    /// Everything or nothing.
    pub(super) async fn whole(mut self) -> Result<Report, Error> {
        let _permit = WHOLE.try_acquire().map_err(|_| Error::Overloaded)?;
        let store = self.store;
        let mut connection = None;
        let mut transaction = store.begin_import(&mut connection).await?;
        let mut batch = Vec::with_capacity(BATCH);
        let mut errors: Vec<FieldError> = Vec::new();
        while let Some((line, item)) = self.next().await? {
            match item {
                Ok(item) => batch.push(item),
                Err(Error::Invalid(found)) => errors.extend(found.into_iter().map(|error| {
                    let separator = if error.field.is_empty() { "" } else { "." };
                    let field = format!("lines[{line}]{separator}{}", error.field);
                    FieldError::new(field, error.code, error.message)
                })),
                Err(error) => return Err(error),
            }
            // With an error nothing will be kept: what follows is only read.
            if !errors.is_empty() {
                batch.clear();
            }
            if errors.len() >= MOST_ERRORS {
                errors.truncate(MOST_ERRORS);
                break;
            }
            if batch.len() == BATCH {
                self.flush(&mut transaction, &mut batch).await?;
            }
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        self.flush(&mut transaction, &mut batch).await?;
        store.commit_import(transaction).await?;
        self.count();
        Ok(self.report)
    }

    fn count(&self) {
        for _ in 0..self.report.count() {
            self.store.done(Operation::Create);
        }
    }

    async fn flush(
        &mut self,
        connection: &mut PgConnection,
        batch: &mut Vec<Item>,
    ) -> Result<(), Error> {
        let made = self.store.import(connection, self.owner, batch).await?;
        self.note(batch, &made);
        batch.clear();
        Ok(())
    }

    fn note(&mut self, batch: &[Item], made: &HashSet<Uuid>) {
        for item in batch {
            if made.contains(&item.task.id) {
                self.report.created(item.line, item.task.id);
            } else {
                self.report.existing(item.line);
            }
        }
    }

    async fn next(&mut self) -> Result<Option<(usize, Result<Item, Error>)>, Error> {
        let next = self.source.next(self.owner, self.now).await?;
        self.read += usize::from(next.is_some());
        if self.read > MOST {
            return Err(Error::TooManyTasks);
        }
        Ok(next)
    }
}
