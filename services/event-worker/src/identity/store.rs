//! The SQL of customers and their handles.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::handle::Handle;
use super::resolve::Doubt;
use crate::metrics::{
    CUSTOMER_CREATE, CUSTOMER_MERGE, CUSTOMERS_CURRENT, HANDLES_COUNT, HANDLES_FIND, HANDLES_LINK,
    IDENTITY_ANSWERED, IDENTITY_DECIDED, IDENTITY_LOCK, IDENTITY_REVIEW,
};

/// Kinds and values, as the arrays that one statement takes.
fn columns(handles: &[&Handle]) -> (Vec<&'static str>, Vec<String>) {
    let kinds = handles.iter().map(|handle| handle.kind().as_str());
    let values = handles.iter().map(|handle| handle.value().to_owned());
    (kinds.collect(), values.collect())
}

/// Locks names; false if that would be waiting for them with others in hand.
pub(super) async fn lock(
    tx: &mut PgConnection,
    names: Vec<String>,
    last: bool,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query_scalar("SELECT identity_lock($1, $2)");
    IDENTITY_LOCK
        .run(query.bind(names).bind(last).fetch_one(tx))
        .await
}

/// Whose the handles are, as far as they are known.
pub(super) async fn find(
    tx: &mut PgConnection,
    handles: &BTreeSet<&Handle>,
) -> Result<BTreeMap<Handle, Uuid>, sqlx::Error> {
    let handles: Vec<&Handle> = handles.iter().copied().collect();
    let (kinds, values) = columns(&handles);
    let rows: Vec<(i64, Uuid)> = HANDLES_FIND
        .run(
            sqlx::query_as(
                "SELECT asked.place, customer_id
                 FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (kind, handle, place)
                 JOIN customer_handles USING (kind, handle)",
            )
            .bind(kinds)
            .bind(values)
            .fetch_all(tx),
        )
        .await?;
    let found = rows.into_iter().filter_map(|(place, customer)| {
        let handle = handles.get(usize::try_from(place).ok()?.checked_sub(1)?)?;
        Some(((*handle).clone(), customer))
    });
    Ok(found.collect())
}

/// How many handles these customers have.
pub(super) async fn count(tx: &mut PgConnection, customers: &[Uuid]) -> Result<i64, sqlx::Error> {
    let query =
        sqlx::query_scalar("SELECT count(*) FROM customer_handles WHERE customer_id = ANY($1)");
    HANDLES_COUNT.run(query.bind(customers).fetch_one(tx)).await
}

/// A new customer with these handles.
pub(super) async fn create(
    tx: &mut PgConnection,
    customer: Uuid,
    handles: &[&Handle],
) -> Result<(), sqlx::Error> {
    let (kinds, values) = columns(handles);
    CUSTOMER_CREATE
        .run(
            sqlx::query(
                "WITH customer AS (INSERT INTO customers (id) VALUES ($1))
                 INSERT INTO customer_handles (customer_id, kind, handle)
                 SELECT $1, kind, handle FROM unnest($2::text[], $3::text[]) AS new (kind, handle)",
            )
            .bind(customer)
            .bind(kinds)
            .bind(values)
            .execute(tx),
        )
        .await
        .map(drop)
}

/// Adds handles to a customer.
pub(super) async fn link(
    tx: &mut PgConnection,
    customer: Uuid,
    handles: &[&Handle],
) -> Result<(), sqlx::Error> {
    let (kinds, values) = columns(handles);
    HANDLES_LINK
        .run(
            sqlx::query(
                "INSERT INTO customer_handles (customer_id, kind, handle)
                 SELECT $1, kind, handle FROM unnest($2::text[], $3::text[]) AS new (kind, handle)",
            )
            .bind(customer)
            .bind(kinds)
            .bind(values)
            .execute(tx),
        )
        .await
        .map(drop)
}

/// Makes `customer` of the others, and of all who became one of them before.
pub(super) async fn merge(
    tx: &mut PgConnection,
    customer: Uuid,
    others: &[Uuid],
) -> Result<(), sqlx::Error> {
    CUSTOMER_MERGE
        .run(
            sqlx::query(
                "WITH merged AS (
                     UPDATE customers SET merged_into = $1
                     WHERE id = ANY($2) OR merged_into = ANY($2)
                 )
                 UPDATE customer_handles SET customer_id = $1 WHERE customer_id = ANY($2)",
            )
            .bind(customer)
            .bind(others)
            .execute(tx),
        )
        .await
        .map(drop)
}

/// Asks a person whether `customer` is one of those in doubt.
pub(super) async fn review(
    tx: &mut PgConnection,
    customer: Uuid,
    doubts: &[(Uuid, Doubt)],
    message: Uuid,
) -> Result<(), sqlx::Error> {
    let candidates: Vec<Uuid> = doubts.iter().map(|(candidate, _)| *candidate).collect();
    let reasons: Vec<&str> = doubts
        .iter()
        .map(|(_, doubt)| match doubt {
            Doubt::Unverified => "unverified",
            Doubt::TooManyHandles => "too_many_handles",
        })
        .collect();
    IDENTITY_REVIEW
        .run(
            sqlx::query(
                "INSERT INTO identity_reviews (customer_id, candidate_id, reason, message_id)
                 SELECT $1, candidate, reason, $4
                 FROM unnest($2::uuid[], $3::text[]) AS doubts (candidate, reason)
                 ON CONFLICT DO NOTHING",
            )
            .bind(customer)
            .bind(candidates)
            .bind(reasons)
            .bind(message)
            .execute(tx),
        )
        .await
        .map(drop)
}

/// Two customers who may be one.
pub(super) type Review = (Uuid, Uuid);

/// The oldest review by which two are the same.
pub(super) async fn decided(tx: &mut PgConnection) -> Result<Option<Review>, sqlx::Error> {
    IDENTITY_DECIDED
        .run(
            sqlx::query_as(
                "SELECT customer_id, candidate_id FROM identity_reviews
                 WHERE decision = 'same' ORDER BY decided_at LIMIT 1",
            )
            .fetch_optional(tx),
        )
        .await
}

/// Who the two are by now.
pub(super) async fn current(
    tx: &mut PgConnection,
    review: Review,
) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let ids: Vec<Uuid> = CUSTOMERS_CURRENT
        .run(
            sqlx::query_scalar(
                "SELECT coalesce(merged_into, id) FROM customers WHERE id = ANY($1)",
            )
            .bind(vec![review.0, review.1])
            .fetch_all(tx),
        )
        .await?;
    Ok(ids.into_iter().collect())
}

/// Deletes a review by which two are the same, and the same question the other way
/// round. False if it is not there any more.
pub(super) async fn answered(tx: &mut PgConnection, review: Review) -> Result<bool, sqlx::Error> {
    let done = IDENTITY_ANSWERED
        .run(
            sqlx::query(
                "DELETE FROM identity_reviews
                 WHERE customer_id = ANY($1) AND candidate_id = ANY($1)
                   AND EXISTS (SELECT FROM identity_reviews
                               WHERE customer_id = ANY($1) AND candidate_id = ANY($1)
                                 AND decision = 'same')",
            )
            .bind(vec![review.0, review.1])
            .execute(tx),
        )
        .await?;
    Ok(done.rows_affected() > 0)
}
