//! Leaving in order: nothing acknowledged is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sqlx::Row;
use testkit::{System, SystemBuilder};
use tokio::sync::Mutex;

#[tokio::test(flavor = "multi_thread")]
async fn under_load_no_acknowledged_request_is_lost() {
    let parts = SystemBuilder::new().await;
    let mut todo = parts.todo_api().start().await;
    let who = parts.keys.user();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let url = todo.url("/v1/tasks");
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
            let (url, token) = (url.clone(), who.token.clone());
            tokio::spawn(async move {
                let http = reqwest::Client::new();
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let body = json!({"title": format!("{client}-{number}")});
                    let sent = http.post(&url).bearer_auth(&token).json(&body).send().await;
                    // Refused connections and 503 are what a leaving service may say.
                    if let Ok(response) = sent
                        && response.status() == 201
                        && let Ok(task) = response.json::<Value>().await
                    {
                        acknowledged
                            .lock()
                            .await
                            .insert(task["id"].as_str().expect("an id").to_owned());
                    }
                }
            })
        })
        .collect();
    testkit::eventually("two hundred acknowledged tasks", || async {
        (acknowledged.lock().await.len() >= 200).then_some(())
    })
    .await;
    assert!(todo.stop().await.success());
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client");
    }

    let pool = parts.database("todo-api").pool().await;
    let rows = sqlx::query("SELECT id::text FROM tasks")
        .fetch_all(&pool)
        .await
        .expect("tasks");
    let stored: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let acknowledged = acknowledged.lock().await;
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    println!(
        "{} acknowledged, {} stored",
        acknowledged.len(),
        stored.len()
    );
    assert!(lost.is_empty(), "acknowledged but not stored: {lost:#?}");

    // The events of all of them are on their way, or wait in the outbox for
    // the next start: start it, and they all arrive.
    let again = parts.todo_api().start().await;
    testkit::eventually("the outbox is empty", || async {
        (again.metrics().await.sum("outbox_pending", &[]) == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_the_way_out_are_logged_and_sockets_close_with_1001() {
    let mut system = System::start().await;
    let token = system.sign_in().await;
    let mut socket = system.socket(&token).await;
    system.chat_gateway.signal(Signal::SIGTERM);
    assert_eq!(socket.closed().await, 1001);
    assert!(system.chat_gateway.ended().await.success());
    assert!(system.event_worker.stop().await.success());
    assert!(system.todo_api.stop().await.success());
    for service in [&system.chat_gateway, &system.event_worker, &system.todo_api] {
        let logs = service.logs();
        let way_out: Vec<_> = (logs.iter())
            .skip_while(|log| !log.message.starts_with("shutdown_"))
            .collect();
        assert!(!way_out.is_empty());
        assert!(
            (way_out.iter()).all(|log| log.level != "CRITICAL" && log.level != "ERROR"),
            "{way_out:#?}"
        );
        assert!(service.errors().is_empty(), "{:?}", service.errors());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_forces_the_exit() {
    let parts = SystemBuilder::new().await;
    let mut todo = parts
        .todo_api()
        .env("SHUTDOWN_DELAY_SECONDS", "60")
        .env("SHUTDOWN_DEADLINE_SECONDS", "90")
        .start()
        .await;
    todo.signal(Signal::SIGTERM);
    // Waiting for load balancers: not ready, and still there.
    testkit::eventually("readiness off", || async {
        (todo.probe("/health/ready").await.0 == 503).then_some(())
    })
    .await;
    assert_eq!(todo.probe("/health/live").await.0, 200);
    todo.signal(Signal::SIGTERM);
    assert!(!todo.ended().await.success(), "forced");
}
