//! The private PostgreSQL, Redis and Kafka, for real.

use std::time::{Duration, Instant};

use glasshouse::backing::{Backing, KafkaChoice, Options, PostgresOptions, RedisChoice, topics};
use glasshouse::supervise::Ready;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::{Connection, PgConnection};

fn options() -> Options {
    let databases = vec!["todo".to_owned(), "chat".to_owned()];
    Options {
        postgres: PostgresOptions {
            databases,
            durable: false,
        },
        ..Options::for_tests()
    }
}

/// The topics a broker has, and their partitions.
async fn topics_of(brokers: String) -> Vec<(String, usize)> {
    let ask = move || {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .create()
            .expect("a consumer");
        let metadata = client
            .fetch_metadata(None, Duration::from_secs(10))
            .expect("metadata");
        let topics = metadata.topics().iter();
        topics
            .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
            .collect()
    };
    tokio::task::spawn_blocking(ask).await.expect("an answer")
}

async fn produce(brokers: &str, topic: &str) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .expect("a producer");
    let record = FutureRecord::to(topic).key("key").payload("payload");
    producer
        .send(record, Duration::from_secs(10))
        .await
        .map_err(|(error, _)| error)
        .expect("an acknowledgement");
}

#[tokio::test]
async fn all_three_start_go_down_and_come_back_where_they_were() {
    let backing = Backing::start_temporary(options()).await.unwrap();
    let (postgres, redis, kafka) = (&backing.postgres, &backing.redis, &backing.kafka);

    // Each role reaches its own database and no other.
    let todo = postgres.url("todo").unwrap();
    let mut own = PgConnection::connect(&todo).await.unwrap();
    sqlx::query("CREATE TABLE kept (id int)")
        .execute(&mut own)
        .await
        .unwrap();
    for other in ["chat", "postgres", "template1"] {
        let strange = format!("{}/{other}", todo.strip_suffix("/todo").unwrap());
        let error = PgConnection::connect(&strange)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("permission denied"), "{other}: {error}");
    }
    let wrong = todo.replace("//todo:", "//todo:x");
    assert!(PgConnection::connect(&wrong).await.is_err());
    own.close().await.unwrap();

    kafka.create_topics("one.").await.unwrap();
    kafka.create_topics("one.").await.unwrap();
    let names = topics_of(kafka.brokers()).await;
    for name in topics::names("one.") {
        // Dead letters are few, and read in order by a person.
        let partitions = if name.ends_with(".dlq") { 1 } else { 3 };
        assert!(
            names.contains(&(name.clone(), partitions)),
            "{name} in {names:?}"
        );
    }
    produce(&kafka.brokers(), "one.todo.tasks.v1").await;

    // Down and up again, one by one, on the same port and with the same data.
    postgres.stop().await;
    assert!(PgConnection::connect(&todo).await.is_err());
    postgres.resume().await.unwrap();
    let mut own = PgConnection::connect(&todo).await.unwrap();
    sqlx::query("SELECT id FROM kept")
        .execute(&mut own)
        .await
        .unwrap();

    let ready = Ready::Redis(redis.port().address());
    redis.stop().await;
    assert!(ready.check().await.is_err());
    redis.resume().await.unwrap();
    ready.check().await.unwrap();

    kafka.stop().await;
    kafka.resume().await.unwrap();
    let after: Vec<_> = topics_of(kafka.brokers()).await;
    assert!(names.iter().all(|topic| after.contains(topic)), "{after:?}");
    produce(&kafka.brokers(), "one.todo.tasks.v1").await;

    let root = backing.place().root().to_owned();
    backing.remove().await.unwrap();
    assert!(!root.exists());
    assert!(PgConnection::connect(&todo).await.is_err());
}

#[tokio::test]
async fn what_stands_in_for_redis_and_kafka_answers_the_same_calls() {
    let stand_ins = Options {
        redis: RedisChoice::StandIn,
        kafka: KafkaChoice::Mock,
        ..options()
    };
    let backing = Backing::start_temporary(stand_ins).await.unwrap();
    let ready = Ready::Redis(backing.redis.port().address());
    ready.check().await.unwrap();
    backing.redis.stop().await;
    backing.redis.resume().await.unwrap();
    ready.check().await.unwrap();

    backing.kafka.create_topics("two.").await.unwrap();
    let names = topics_of(backing.kafka.brokers()).await;
    assert!(
        names.contains(&("two.todo.tasks.v1.dlq".to_owned(), 3)),
        "{names:?}"
    );
    produce(&backing.kafka.brokers(), "two.todo.tasks.v1").await;
    backing.kafka.stop().await;
    backing.kafka.resume().await.unwrap();
    produce(&backing.kafka.brokers(), "two.todo.tasks.v1").await;
    backing.remove().await.unwrap();
}

#[test]
fn nothing_outlives_a_launcher_that_is_killed() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let mut launcher = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .args([
            "backing",
            "--",
            "sh",
            "-c",
            "echo $GLASSHOUSE_TEST_POSTGRES; exec sleep 60",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(launcher.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let port: u16 = url
        .trim()
        .rsplit([':', '/'])
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());

    launcher.kill().unwrap();
    launcher.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(
            Instant::now() < deadline,
            "PostgreSQL outlived the launcher"
        );
        std::thread::yield_now();
    }
    // And what is left on disk goes with the next one.
    glasshouse::backing::scratch().unwrap().remove().unwrap();
}
