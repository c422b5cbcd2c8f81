//! The schedule of an older release is there after the migrations, and goes on.

use events::contracts::Change;
use testkit::SystemBuilder;
use uuid::Uuid;

use super::fixture::{Fixture, minutes, now, reminders, task, then};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
const EVENTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../crates/events/migrations"
);

/// One reminder for a task, known by the task's id, and tasks without one.
#[tokio::test(flavor = "multi_thread")]
async fn reminders_of_the_first_release_fire_once_and_old_news_stays_old() {
    let parts = SystemBuilder::new().await;
    let database = parts.database("event-worker");
    database.migrate_to(EVENTS, 20_261_121_000_002).await;
    database.migrate_to(OWN, 20_261_121_140_001).await;
    let pool = database.pool().await;
    let start = now();
    let mut ids = Vec::new();
    for (title, at, status) in [
        ("late", Some(-60), "scheduled"),
        ("later", Some(60), "scheduled"),
        ("fired", Some(-90), "fired"),
        ("cancelled", Some(30), "cancelled"),
        ("none", None, "none"),
    ] {
        let id = Uuid::now_v7();
        let row = sqlx::query(
            "INSERT INTO reminders (task_id, user_id, title, remind_at, status, task_version)
             VALUES ($1, $1, $2, $3, $4, 5)",
        );
        let at = at.map(|at| start + minutes(at));
        let row = row.bind(id).bind(title).bind(at).bind(status);
        row.execute(&pool).await.expect("a row");
        ids.push(id);
    }
    let [late, later, fired, cancelled, none] = ids[..] else {
        panic!("five tasks")
    };
    let fixture = Fixture::start_on(parts).await;
    // What came due while it was down, and what had fired before.
    fixture.wait("fired", 2).await;
    let sent = fixture.notifications().await;
    assert_eq!(sent.keys().collect::<Vec<_>>(), [&late]);
    let told = &sent[&late][0];
    assert_eq!(
        (told.task_id, told.user_id, &*told.title),
        (late, late, "late")
    );
    assert_eq!(told.remind_at, start - minutes(60));

    // Versions that are known already change nothing, not even for those who have
    // no reminder.
    let told_of = |id: Uuid, version: i64, at: i64| {
        let mut event = task(&[start + minutes(at)]);
        event.task.id = id;
        event.task.version = version;
        reminders(&mut event)[0].id = id;
        then(&event, Change::Updated)
    };
    for id in [fired, cancelled, none] {
        fixture.tell(&told_of(id, 4, 1)).await;
    }
    // A newer one moves the reminder, which is the same.
    fixture.tell(&told_of(later, 5, 10)).await;
    let moved = "SELECT count(*) FROM reminders WHERE id = $1 AND remind_at = $2";
    testkit::eventually("the reminder is moved", || async {
        let moved = sqlx::query_scalar::<_, i64>(moved).bind(later);
        let moved = moved.bind(start + minutes(10)).fetch_one(&pool).await;
        (moved.expect("a count") == 1).then_some(())
    })
    .await;
    let skipped = "kafka_consumer_messages_total";
    testkit::eventually("old news is known to be old", || async {
        let metrics = fixture.worker.metrics().await;
        (metrics.sum(skipped, &[]) >= 4.0).then_some(())
    })
    .await;
    fixture.set_clock(start + minutes(120)).await;
    fixture.wait("fired", 3).await;
    let sent = fixture.notifications().await;
    let mut both = [late, later];
    both.sort_unstable();
    assert_eq!(sent.keys().copied().collect::<Vec<_>>(), both);
    assert_eq!(sent[&later].len(), 1);
    assert_eq!(fixture.count("cancelled").await, 1);
}
