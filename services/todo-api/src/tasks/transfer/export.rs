use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header;
use telemetry::Span;
use uuid::Uuid;

use super::{
    super::search::{Cursor, Filter, Order, Part},
    calendar,
    format::Format,
    json_lines,
};
use crate::{Error, Store};

/// Tasks that are read at once.
const PAGE: u32 = 500;

/// An export that is under way: no more of it is held than a page.
pub(super) struct Export {
    store: Store,
    owner: Uuid,
    filter: Filter,
    format: Format,
    place: Place,
    /// Ends when the last page was taken.
    span: Span,
}

enum Place {
    Begin,
    After(Cursor),
    End,
}

impl Export {
    pub(super) fn new(store: Store, owner: Uuid, filter: Filter, format: Format) -> Self {
        Self {
            store,
            owner,
            filter,
            format,
            place: Place::Begin,
            span: telemetry::span("task.export").start(),
        }
    }

    /// Streams the tasks. The first page is read before the answer begins, so
    /// that a database that is away has its problem document; if it goes later,
    /// the body breaks off, and the client sees that it is not all.
    pub(super) async fn answer(mut self) -> Result<Response, Error> {
        let format = self.format;
        let first = self.next().await?;
        let rest = stream::try_unfold(self, |mut export| async move {
            if matches!(export.place, Place::End) {
                return Ok(None);
            }
            match export.next().await {
                Ok(part) => Ok(Some((part, export))),
                Err(error) => {
                    let code = error.code();
                    tracing::error!(code, error = %error, "task_export_broken_off");
                    Err(error)
                }
            }
        });
        let whole = stream::iter([Ok(first)]).chain(rest);
        let mut response = Response::new(Body::from_stream(whole));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, format.content_type());
        headers.insert(header::CONTENT_DISPOSITION, format.disposition());
        Ok(response)
    }

    /// The next page, written.
    async fn next(&mut self) -> Result<Bytes, Error> {
        let mut out = Vec::new();
        let after = match std::mem::replace(&mut self.place, Place::End) {
            Place::Begin => {
                if self.format == Format::Calendar {
                    out.extend_from_slice(calendar::BEGIN);
                }
                None
            }
            Place::After(cursor) => Some(cursor),
            Place::End => return Ok(Bytes::new()),
        };
        let part = Part {
            filter: &self.filter,
            order: Order::OLDEST_FIRST,
            after,
            limit: PAGE,
        };
        let page = self.span.scope(self.store.list(self.owner, &part)).await?;
        for task in &page.tasks {
            match self.format {
                Format::JsonLines => json_lines::write(task, &mut out),
                Format::Calendar => calendar::write(task, &mut out),
            }
        }
        match page.next {
            Some(cursor) => self.place = Place::After(cursor),
            None if self.format == Format::Calendar => out.extend_from_slice(calendar::END),
            None => {}
        }
        Ok(out.into())
    }
}
