//! Rooms, members and messages in PostgreSQL.

use sqlx::PgPool;
use uuid::Uuid;

use super::{Message, Room, RoomRef};
use crate::error::{Error, constraint};
use crate::metrics;

/// How many rooms one user may create.
const MAX_ROOMS_PER_USER: i64 = 50;

/// The rooms that `user` may see: own ones first, then by name.
pub async fn list(pool: &PgPool, user: Uuid) -> Result<Vec<Room>, Error> {
    let query = sqlx::query_as(
        "select r.id, r.name, r.private, (select count(*) from members m where m.room_id = r.id) as members
         from rooms r left join members mine on mine.room_id = r.id and mine.user_id = $1
         where not r.private or mine.user_id is not null
         order by mine.user_id is null, r.name limit 200",
    )
    .bind(user)
    .fetch_all(pool);
    Ok(metrics::ROOM_LIST.run(query).await?)
}

/// Creates a room, whose creator belongs to it.
pub async fn create(pool: &PgPool, user: Uuid, name: &str, private: bool) -> Result<Room, Error> {
    let query = sqlx::query_as(
        "with created as (
             insert into rooms (id, name, private, created_by)
             select $1, $2, $3, $4 where (select count(*) from rooms where created_by = $4) < $5
             returning id, name, private
         ), joined as (
             insert into members (room_id, user_id) select id, $4 from created
         )
         select id, name, private, 1::bigint as members from created",
    )
    .bind(Uuid::now_v7())
    .bind(name)
    .bind(private)
    .bind(user)
    .bind(MAX_ROOMS_PER_USER)
    .fetch_optional(pool);
    let created =
        metrics::ROOM_INSERT
            .run(query)
            .await
            .map_err(|error| match constraint(&error) {
                Some("rooms_name_key") => Error::RoomNameTaken,
                Some("members_user_id_fkey" | "rooms_created_by_fkey") => Error::UserNotFound,
                _ => error.into(),
            })?;
    created.ok_or(Error::TooManyRooms)
}

/// Makes `user` a member of a public room, or confirms that of any room.
pub async fn join(pool: &PgPool, user: Uuid, room: &RoomRef) -> Result<Room, Error> {
    let (id, name) = room.columns();
    let query = sqlx::query_as(
        "with room as (
             select id, name, private from rooms r
             where (r.id = $1 or r.name = $2)
               and (not r.private or exists (select from members where room_id = r.id and user_id = $3))
         ), joined as (
             insert into members (room_id, user_id) select id, $3 from room
             on conflict do nothing returning room_id
         )
         select id, name, private,
                (select count(*) from members m where m.room_id = room.id) + (select count(*) from joined) as members
         from room",
    )
    .bind(id)
    .bind(name)
    .bind(user)
    .fetch_optional(pool);
    let joined = metrics::ROOM_JOIN
        .run(query)
        .await
        .map_err(|error| match constraint(&error) {
            Some("members_user_id_fkey") => Error::UserNotFound,
            _ => error.into(),
        })?;
    joined.ok_or(Error::RoomNotFound)
}

/// Lets the creator of a room take somebody in.
pub async fn add_member(pool: &PgPool, owner: Uuid, room: Uuid, user: Uuid) -> Result<(), Error> {
    let query = sqlx::query_scalar::<_, bool>(
        "with room as (select id from rooms where id = $1 and created_by = $2), added as (
             insert into members (room_id, user_id) select id, $3 from room on conflict do nothing
         )
         select exists (select from room)",
    )
    .bind(room)
    .bind(owner)
    .bind(user)
    .fetch_one(pool);
    let found = metrics::MEMBER_ADD
        .run(query)
        .await
        .map_err(|error| match constraint(&error) {
            Some("members_user_id_fkey") => Error::UserNotFound,
            _ => error.into(),
        })?;
    if found {
        Ok(())
    } else {
        Err(Error::RoomNotFound)
    }
}

/// A message about to be stored.
pub struct NewMessage<'a> {
    pub user: Uuid,
    pub room: Uuid,
    pub client_id: Option<&'a str>,
    pub text: &'a str,
    pub traceparent: Option<&'a str>,
}

/// Stores a message, if its sender may post in the room. Sent twice with the
/// same client id, it is stored once: then the stored one is answered, with
/// `false`.
pub async fn insert_message(pool: &PgPool, new: &NewMessage<'_>) -> Result<(Message, bool), Error> {
    let query = sqlx::query_as(
        "with stored as (
             insert into messages (id, room_id, user_id, client_id, text, traceparent)
             select $1, r.id, $2, $4, $5, $6 from rooms r
             where r.id = $3
               and (not r.private or exists (select from members where room_id = r.id and user_id = $2))
             on conflict on constraint messages_client_id_key do nothing
             returning id, client_id, user_id, text, traceparent, sent_at
         )
         select s.id, s.client_id, s.user_id, u.name as user_name, s.text, s.traceparent, s.sent_at
         from stored s join users u on u.id = s.user_id",
    )
    .bind(Uuid::now_v7())
    .bind(new.user)
    .bind(new.room)
    .bind(new.client_id)
    .bind(new.text)
    .bind(new.traceparent)
    .fetch_optional(pool);
    let stored =
        metrics::MESSAGE_INSERT
            .run(query)
            .await
            .map_err(|error| match constraint(&error) {
                Some("messages_user_id_fkey") => Error::UserNotFound,
                _ => error.into(),
            })?;
    if let Some(message) = stored {
        return Ok((message, true));
    }
    let query = sqlx::query_as(
        "select m.id, m.client_id, m.user_id, u.name as user_name, m.text, m.traceparent, m.sent_at
         from messages m join users u on u.id = m.user_id
         where m.user_id = $1 and m.client_id = $2 and m.room_id = $3",
    )
    .bind(new.user)
    .bind(new.client_id)
    .bind(new.room)
    .fetch_optional(pool);
    let known: Option<Message> = metrics::MESSAGE_BY_CLIENT_ID.run(query).await?;
    known
        .map(|message| (message, false))
        .ok_or(Error::RoomNotFound)
}

/// A page of what was said, newest first, before a given message.
pub async fn history(
    pool: &PgPool,
    user: Uuid,
    room: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Message>, Error> {
    let query = sqlx::query_as(
        "select m.id, m.client_id, m.user_id, u.name as user_name, m.text, m.traceparent, m.sent_at
         from messages m join users u on u.id = m.user_id join rooms r on r.id = m.room_id
         where m.room_id = $1
           and (not r.private or exists (select from members where room_id = r.id and user_id = $2))
           and ($3::uuid is null or (m.sent_at, m.id) < (
                select sent_at, id from messages where id = $3 and room_id = $1))
         order by m.sent_at desc, m.id desc limit $4",
    )
    .bind(room)
    .bind(user)
    .bind(before)
    .bind(limit)
    .fetch_all(pool);
    Ok(metrics::MESSAGE_HISTORY.run(query).await?)
}

/// Whether `user` may see the room at all.
pub async fn visible(pool: &PgPool, user: Uuid, room: Uuid) -> Result<bool, Error> {
    let query = sqlx::query_scalar(
        "select exists (select from rooms r where r.id = $1
           and (not r.private or exists (select from members where room_id = r.id and user_id = $2)))",
    )
    .bind(room)
    .bind(user)
    .fetch_one(pool);
    Ok(metrics::ROOM_VISIBLE.run(query).await?)
}
