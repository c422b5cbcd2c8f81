//! What an older release has left is there after the migrations, and goes on.

use serde_json::json;
use testkit::SystemBuilder;

use super::client::{Gateway, PASSWORD, Person};
use super::notifications::{counted, remind};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

/// Before there were notifications, and without the tables of events.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_rooms_and_messages_of_an_older_release_are_kept() {
    // A hash as they are stored is best made by who makes them.
    let other = Gateway::start().await;
    let ada = other.register("Ada").await;
    let hash = sqlx::query_scalar::<_, String>("SELECT password_hash FROM users WHERE id = $1");
    let pool = other.parts.database("chat-gateway").pool().await;
    let hash = hash.bind(ada.id).fetch_one(&pool).await.expect("a hash");

    let parts = SystemBuilder::new().await;
    let database = parts.database("chat-gateway");
    database.migrate_to(OWN, 20_261_121_130_002).await;
    let pool = database.pool().await;
    for sql in [
        "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, 'Ada', $3)",
        "INSERT INTO rooms (name, private, created_by)
         SELECT 'garden', true, $1 WHERE $2 <> $3",
        "INSERT INTO members (room_id, user_id)
         SELECT id, $1 FROM rooms WHERE name = 'garden' AND $2 <> $3",
        "INSERT INTO messages (id, room_id, user_id, text)
         SELECT gen_random_uuid(), id, $1, 'The roses!' FROM rooms
         WHERE name = 'garden' AND $2 <> $3",
    ] {
        let row = sqlx::query(sql).bind(ada.id).bind(&ada.email).bind(&hash);
        let rows = row.execute(&pool).await.expect("a row").rows_affected();
        assert_eq!(rows, 1, "{sql}");
    }
    let gateway = Gateway::start_on(parts, &[]).await;

    let (status, tokens) = gateway.login(&ada.email, PASSWORD).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["user"]["id"], json!(ada.id));
    let ada = Person {
        token: tokens["access_token"].as_str().expect("a token").to_owned(),
        ..ada
    };
    let rooms = gateway.get("/api/rooms", &ada).await.1;
    let garden = rooms["items"].as_array().expect("rooms").iter();
    let garden = garden.clone().find(|room| room["name"] == "garden");
    let garden = garden.expect("the room");
    assert_eq!(
        (&garden["private"], &garden["members"]),
        (&json!(true), &json!(1))
    );
    let history = format!(
        "/api/rooms/{}/messages",
        garden["id"].as_str().expect("an id")
    );
    let history = gateway.get(&history, &ada).await.1;
    assert_eq!(history["items"][0]["text"], "The roses!");
    assert_eq!(history["items"][0]["user_name"], "Ada");
    let bob = gateway.register("Bob").await;
    let rooms = gateway.get("/api/rooms", &bob).await.1;
    assert!(!rooms.to_string().contains("garden"), "{rooms}");

    // And what came later works for who was there before.
    remind(&gateway, &ada, "water the roses").await;
    counted(&gateway, "stored", 1.0).await;
    let kept = gateway.get("/api/notifications", &ada).await.1;
    assert_eq!(kept["items"][0]["title"], "water the roses");
}
