//! `glasshouse redrive` as a person calls it, on what real services have left in a
//! real Kafka and a real PostgreSQL.

use std::fs;
use std::path::Path;

use glasshouse::components::{Component, State};
use glasshouse::state::{Phase, RunState, StateFile};
use sqlx::PgPool;
use testkit::{Kafka, Record, SystemBuilder, eventually};
use uuid::Uuid;

/// Runs the command on a folder: whether it succeeded, and what it said.
async fn redrive(home: &Path, arguments: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_glasshouse"))
        .arg("redrive")
        .args(arguments)
        .arg("--home")
        .arg(home)
        .output()
        .await
        .expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    (output.status.success(), said)
}

/// What `up` leaves in its folder while it runs: here it is this test that runs.
fn running(home: &Path, parts: &SystemBuilder) {
    let mut kafka = Component::new("kafka", "the broker");
    kafka.state = State::Running;
    kafka.address = Some(parts.backing.kafka.clone());
    let mut run = RunState::begin(vec![kafka]);
    run.phase = Phase::Ready;
    StateFile::in_folder(home).save(&run).expect("the state");
    fs::create_dir_all(home.join("secrets")).expect("a folder");
    let url = &parts.database("todo-api").url;
    fs::write(home.join("secrets/todo-api-database-url"), url).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_the_system_that_runs_here_go_back() {
    let parts = SystemBuilder::new().await;
    let home = tempfile::tempdir().expect("a folder");
    let (home, prefix) = (home.path(), parts.prefix.as_str());
    let (found, said) = redrive(home, &["todo.tasks.v1", "--dry-run"]).await;
    assert!(!found && said.contains("not running here"), "{said}");
    running(home, &parts);

    let mut worker = parts.event_worker().start().await;
    let kafka = Kafka::new(&parts.backing.kafka);
    let topic = format!("{prefix}todo.tasks.v1");
    let letters = format!("{topic}.dlq");
    for (number, kind) in ["created", "created", "shouted"].into_iter().enumerate() {
        let kind = format!("todo.task.{kind}.v1");
        let body = serde_json::json!({ "number": number });
        let record = Record::event(&Uuid::now_v7().to_string(), &kind, "/test", &body);
        kafka.send(&topic, &record).await;
    }
    eventually("three dead letters", || async {
        (kafka.read(&letters).await.len() == 3).then_some(())
    })
    .await;
    worker.stop().await;
    let before = kafka.read(&topic).await.len();

    let here = |arguments: &[&'static str]| {
        let prefix = prefix.to_owned();
        let arguments = arguments.to_vec();
        async move {
            let mut all = vec!["todo.tasks.v1.dlq", "--prefix", &prefix];
            all.extend(arguments);
            redrive(home, &all).await
        }
    };
    let (done, said) = here(&["--dry-run", "--filter", "type=todo.task.created.v1"]).await;
    assert!(done && said.starts_with("todo.tasks.v1.dlq: 3\n"), "{said}");
    let rows: Vec<Vec<&str>> = said
        .lines()
        .skip(2)
        .map(|line| line.split_whitespace().take(2).collect())
        .collect();
    assert!(
        rows.contains(&vec!["2", "2"]) && rows.contains(&vec!["1", "0"]),
        "{said}"
    );
    assert!(said.ends_with("sent 0, left 3\n"), "{said}");
    assert_eq!(
        kafka.read(&letters).await.len(),
        3,
        "a dry run changes nothing"
    );

    let some = ["--filter", "type=todo.task.created.v1", "--limit", "1"];
    let (done, said) = here(&some).await;
    assert!(
        done && said.ends_with("sent 1 to todo.tasks.v1, left 2\n"),
        "{said}"
    );
    let (done, said) = here(&[]).await;
    assert!(
        done && said.ends_with("sent 2 to todo.tasks.v1, left 0\n"),
        "{said}"
    );
    let back = kafka.read(&topic).await;
    assert_eq!(back.len(), before + 3);
    let redriven = back.iter().filter(|r| r.header("dlq_redrives") == "1");
    assert_eq!(redriven.count(), 3);

    // Nothing is repaired: they die again, and say that they were there before.
    let _worker = parts.event_worker().start().await;
    eventually("three dead letters with a history", || async {
        let letters = kafka.read(&letters).await;
        let again = letters.iter().filter(|l| l.header("dlq_redrives") == "1");
        (again.count() == 3).then_some(())
    })
    .await;

    let (done, said) = redrive(home, &["no.such.topic"]).await;
    assert!(!done && said.contains("there is no topic"), "{said}");
}

/// Puts rows aside as the relay does with what the broker refuses for good.
async fn set_aside(pool: &PgPool) {
    let rows = "
        INSERT INTO outbox (id, topic, key, type, source, body, attempts, failed_at, cause)
        SELECT gen_random_uuid(), 'todo.tasks.v1', 'key-' || n, 'todo.task.created.v1', '/test',
               '{}', 3, now(), CASE WHEN n < 3 THEN 'too large' ELSE 'not allowed' END
        FROM generate_series(1, 4) AS n";
    let done = sqlx::query(rows).execute(pool).await.expect("rows");
    assert_eq!(done.rows_affected(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_an_outbox_has_set_aside_are_sent_again() {
    let parts = SystemBuilder::new().await;
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    let (found, said) = redrive(home, &["--outbox", "todo-api"]).await;
    assert!(!found && said.contains("not running here"), "{said}");
    running(home, &parts);

    let _todo_api = parts.todo_api().start().await;
    let pool = parts.database("todo-api").pool().await;
    set_aside(&pool).await;
    let (done, said) = redrive(home, &["--outbox", "todo-api", "--dry-run"]).await;
    assert!(
        done && said.starts_with("the outbox of todo-api: 4\n"),
        "{said}"
    );
    assert!(
        said.contains("too large") && said.contains("not allowed"),
        "{said}"
    );
    assert!(
        said.ends_with("handed 0 back to the relay, left 4\n"),
        "{said}"
    );

    let some = [
        "--outbox",
        "todo-api",
        "--filter",
        "cause=too large",
        "--limit",
        "1",
    ];
    let (done, said) = redrive(home, &some).await;
    assert!(
        done && said.ends_with("handed 1 back to the relay, left 3\n"),
        "{said}"
    );
    // Of a system that does not run here, by a file that says where its database is.
    let file = home.join("elsewhere");
    fs::write(&file, format!("{}\n", parts.database("todo-api").url)).expect("a file");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = file.display().to_string();
    let rest = ["--outbox", "todo-api", "--database-url-file", &file];
    let (done, said) = redrive(elsewhere.path(), &rest).await;
    assert!(
        done && said.ends_with("handed 3 back to the relay, left 0\n"),
        "{said}"
    );
    // The relay was woken, and sends them.
    let sent = parts.published("todo-api", "todo.tasks.v1").await;
    let mut keys: Vec<_> = sent.iter().filter_map(|r| r.key.as_deref()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["key-1", "key-2", "key-3", "key-4"]);

    let (found, said) = redrive(home, &["--outbox", "nobody"]).await;
    assert!(
        !found && said.contains("nobody has no database here"),
        "{said}"
    );
}
