//! Probes: what each service says while a dependency is away.

use serde_json::Value;
use testkit::{Proxy, Service, SystemBuilder, eventually};

struct Proxied {
    parts: SystemBuilder,
    postgres: Proxy,
    kafka: Proxy,
    redis: Proxy,
}

/// A system whose services reach everything through proxies. Kafka's clients
/// follow the broker's own address, so its proxy only guards the first contact;
/// for Kafka the test stops short of that (see `a_lost_broker…`).
async fn proxied() -> Proxied {
    let parts = SystemBuilder::new().await;
    let host = |url: &str| {
        let after_user = url.rsplit('@').next().unwrap_or(url);
        let after_scheme = after_user.split("://").last().unwrap_or(after_user);
        after_scheme
            .split('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let postgres = Proxy::start(host(&parts.backing.postgres)).await;
    let kafka = Proxy::start(parts.backing.kafka.clone()).await;
    let redis = Proxy::start(host(&parts.backing.redis)).await;
    Proxied {
        parts,
        postgres,
        kafka,
        redis,
    }
}

impl Proxied {
    fn database(&self, service: &str) -> String {
        let url = &self.parts.database(service).url;
        let (head, database) = url.rsplit_once('/').expect("a path");
        let (user, _) = head.rsplit_once('@').expect("a user");
        format!("{user}@{}/{database}", self.postgres.address)
    }
}

fn failing(body: &Value) -> Vec<&str> {
    let checks = body["failing"].as_array();
    checks
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

async fn becomes(service: &Service, status: u16, failing_check: Option<&str>) {
    let what = format!("readiness {status} naming {failing_check:?}");
    eventually(&what, || async {
        let (now, body) = service.probe("/health/ready").await;
        let named = failing_check.is_none_or(|check| failing(&body).contains(&check));
        (now == status && named).then_some(())
    })
    .await;
    // Whatever a dependency does, the process itself is alive.
    assert_eq!(service.probe("/health/live").await.0, 200);
    assert_eq!(service.probe("/health/liveness").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_takes_readiness_away_and_gives_it_back() {
    let system = proxied().await;
    let todo = system
        .parts
        .todo_api()
        .env("DATABASE_URL", system.database("todo-api"))
        .start()
        .await;
    let worker = system
        .parts
        .event_worker()
        .env("DATABASE_URL", system.database("event-worker"))
        .start()
        .await;
    let gateway = system
        .parts
        .chat_gateway(&todo.url(""))
        .env("DATABASE_URL", system.database("chat-gateway"))
        .start()
        .await;
    system.postgres.cut();
    for service in [&todo, &worker, &gateway] {
        becomes(service, 503, Some("database")).await;
        service.log("dependency_lost").await;
    }
    // On the public port: the same verdict, without detail.
    let public = reqwest::get(todo.url("/health/ready"))
        .await
        .expect("an answer");
    assert_eq!(public.status(), 503);
    assert!(!public.text().await.expect("text").contains("database"));

    system.postgres.restore();
    for service in [&todo, &worker, &gateway] {
        becomes(service, 200, None).await;
        service.log("dependency_recovered").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_takes_the_gateways_readiness_away_and_gives_it_back() {
    let system = proxied().await;
    let gateway = system
        .parts
        .chat_gateway("http://127.0.0.1:9")
        .env("REDIS_URL", format!("redis://{}", system.redis.address))
        .start()
        .await;
    system.redis.cut();
    becomes(&gateway, 503, Some("redis")).await;
    system.redis.restore();
    becomes(&gateway, 200, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_the_worker_is_not_ready_and_the_others_go_on_degraded() {
    let system = proxied().await;
    // Nothing listens there: the broker's own address stays unknown.
    system.kafka.cut();
    let broker = system.kafka.address.to_string();
    let todo = system
        .parts
        .todo_api()
        .env("KAFKA_BROKERS", &broker)
        .start()
        .await;
    let worker = system
        .parts
        .event_worker()
        .env("KAFKA_BROKERS", &broker)
        .bound()
        .await;
    becomes(&worker, 503, Some("kafka")).await;
    becomes(&todo, 200, None).await;
    eventually("todo-api names kafka as degraded", || async {
        let (_, body) = todo.probe("/health/detailed").await;
        body.to_string().contains("degraded").then_some(())
    })
    .await;

    // It accepts work all the same, and sends it when the broker is there.
    let who = system.parts.keys.user();
    let created = reqwest::Client::new()
        .post(todo.url("/v1/tasks"))
        .bearer_auth(&who.token)
        .json(&serde_json::json!({"title": "while the broker is away"}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(created.status(), 201);
    eventually("the event waits in the outbox", || async {
        (todo.metrics().await.sum("outbox_pending", &[]) == 1.0).then_some(())
    })
    .await;

    system.kafka.restore();
    becomes(&worker, 200, None).await;
    eventually("the outbox is empty", || async {
        (todo.metrics().await.sum("outbox_pending", &[]) == 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_probe_answers_on_its_path() {
    let parts = SystemBuilder::new().await;
    let todo = parts.todo_api().start().await;
    for path in [
        "/health",
        "/health/live",
        "/health/liveness",
        "/health/ready",
        "/health/readiness",
        "/ready",
        "/health/startup",
        "/health/detailed",
        "/health/kafka",
    ] {
        eventually(&format!("{path} is 200"), || async {
            (todo.probe(path).await.0 == 200).then_some(())
        })
        .await;
    }
    let (_, health) = todo.probe("/health").await;
    assert!(
        health["status"].is_string()
            && health["version"].is_string()
            && health["timestamp"].is_string()
    );
    let topic = format!("{}todo.tasks.v1", parts.prefix);
    let (status, body) = todo.probe(&format!("/health/topic/{topic}")).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["partitions"].as_array().map(Vec::len),
        Some(3),
        "{body}"
    );
    assert_eq!(todo.probe("/health/topic/no.such.topic").await.0, 404);

    for path in ["/health", "/health/live", "/health/ready", "/ready"] {
        let public = reqwest::get(todo.url(path)).await.expect("an answer");
        assert_eq!(public.status(), 200, "{path}");
    }
    for path in [
        "/metrics",
        "/health/detailed",
        "/health/kafka",
        "/log-level",
        "/debug/pprof/profile",
    ] {
        let public = reqwest::get(todo.url(path)).await.expect("an answer");
        assert_eq!(public.status(), 404, "{path} must not be public");
    }
}
