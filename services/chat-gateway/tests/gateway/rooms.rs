//! Rooms: who may see them, and what was said in them.

use serde_json::{Value, json};

use super::client::{Gateway, join};

#[tokio::test(flavor = "multi_thread")]
async fn a_private_room_exists_for_its_members_only() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let eve = gateway.register("Eve").await;
    let id = gateway.room(&ada, "secret", true).await;
    let path = |action: &str| format!("/api/rooms/{id}/{action}");
    let mut listener = gateway.socket(&ada).await;
    join(&mut listener, "secret").await;

    for (status, answer) in [
        gateway.get(&path("messages"), &eve).await,
        gateway.post(&path("join"), &eve, &json!({})).await,
        gateway
            .post(&path("members"), &eve, &json!({"user_id": eve.id}))
            .await,
    ] {
        assert_eq!((status, &answer["code"]), (404, &json!("room_not_found")));
    }
    assert!(!names(&gateway.get("/api/rooms", &eve).await.1).contains(&"secret"));
    let mut socket = gateway.socket(&eve).await;
    for room in ["secret", id.as_str()] {
        socket.send(json!({"type": "join", "room": room})).await;
        assert_eq!(socket.expect("error").await["code"], "room_not_found");
        socket
            .send(json!({"type": "message", "id": "7", "room": room, "text": "psst"}))
            .await;
        let error = socket.expect("error").await;
        assert_eq!(
            (&error["code"], &error["client_id"]),
            (&json!("room_not_found"), &json!("7"))
        );
    }

    // Taken in, she may.
    let member = json!({"user_id": eve.id});
    assert_eq!(gateway.post(&path("members"), &ada, &member).await.0, 204);
    assert_eq!(join(&mut socket, "secret").await["members"], 2);
    socket
        .send(json!({"type": "message", "room": "secret", "text": "thanks"}))
        .await;
    // Nothing that she said before was delivered.
    let heard = listener.expect("message").await;
    assert_eq!(
        (&heard["text"], &heard["from"]["name"]),
        (&json!("thanks"), &json!("Eve"))
    );
    let (status, history) = gateway.get(&path("messages"), &eve).await;
    assert_eq!((status, texts(&history)), (200, vec!["thanks"]));
    assert!(names(&gateway.get("/api/rooms", &eve).await.1).contains(&"secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_nobody_joined_is_not_heard() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let bob = gateway.register("Bob").await;
    gateway.room(&ada, "garden", false).await;
    let mut outside = gateway.socket(&bob).await;
    join(&mut outside, "general").await;
    let mut inside = gateway.socket(&ada).await;
    for (room, text) in [("garden", "not for you"), ("general", "for all")] {
        inside
            .send(json!({"type": "message", "room": room, "text": text}))
            .await;
        inside.expect("message").await;
    }
    assert_eq!(outside.expect("message").await["text"], "for all");

    let again = json!({"name": "Garden"});
    let (status, answer) = gateway.post("/api/rooms", &bob, &again).await;
    assert_eq!((status, &answer["code"]), (409, &json!("room_name_taken")));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_goes_back_page_by_page_while_people_talk() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let id = gateway.room(&ada, "garden", false).await;
    let mut socket = gateway.socket(&ada).await;
    let mut say = async |text: &str| {
        socket
            .send(json!({"type": "message", "room": "garden", "text": text}))
            .await;
        socket.expect("message").await
    };
    for number in 0..25 {
        say(&format!("{number}")).await;
    }
    let mut seen: Vec<String> = Vec::new();
    let mut before = String::new();
    let mut sizes = Vec::new();
    loop {
        let path = format!("/api/rooms/{id}/messages?limit=10{before}");
        let (status, page) = gateway.get(&path, &ada).await;
        assert_eq!(status, 200, "{page}");
        sizes.push(texts(&page).len());
        seen.extend(texts(&page).into_iter().map(str::to_owned));
        say("meanwhile").await;
        match page["next_before"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    let expected: Vec<String> = (0..25).rev().map(|number| number.to_string()).collect();
    assert_eq!(seen, expected, "newest first, each once");

    for limit in ["0", "101", "x"] {
        let path = format!("/api/rooms/{id}/messages?limit={limit}");
        assert_eq!(gateway.get(&path, &ada).await.0, 422, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_twice_is_stored_once() {
    let gateway = Gateway::start().await;
    let ada = gateway.register("Ada").await;
    let id = gateway.room(&ada, "garden", false).await;
    let mut socket = gateway.socket(&ada).await;
    let frame = json!({"type": "message", "id": "mine-1", "room": "garden", "text": "once"});
    let mut answers = Vec::new();
    for _ in 0..2 {
        socket.send(frame.clone()).await;
        answers.push(socket.expect("message").await);
    }
    assert_eq!(answers[0]["client_id"], "mine-1");
    assert_eq!(answers[0]["id"], answers[1]["id"]);
    let (_, history) = gateway
        .get(&format!("/api/rooms/{id}/messages"), &ada)
        .await;
    assert_eq!(texts(&history), ["once"]);
    let samples = gateway.service.metrics().await;
    assert_eq!(samples.sum("chat_messages_sent_total", &[]), 1.0);
}

fn texts(history: &Value) -> Vec<&str> {
    let items = history["items"].as_array().expect("items");
    items
        .iter()
        .filter_map(|message| message["text"].as_str())
        .collect()
}

fn names(rooms: &Value) -> Vec<&str> {
    let items = rooms["items"].as_array().expect("items");
    items
        .iter()
        .filter_map(|room| room["name"].as_str())
        .collect()
}
