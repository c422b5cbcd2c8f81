//! Stops, clocks that jump, and clocks that change by an hour.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::fixture::{Fixture, ids, minutes, now, task};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_of_days_what_came_due_fires_once_and_its_lateness_is_measured() {
    let mut fixture = Fixture::start().await;
    let start = now();
    let created = task(&[
        start + minutes(10),
        start + minutes(20),
        start + minutes(60 * 24 * 30),
    ]);
    fixture.tell(&created).await;
    fixture.wait("scheduled", 3).await;
    assert!(fixture.worker.stop().await.success());

    fixture.set_clock(start + minutes(60 * 24 * 3)).await;
    fixture.worker = fixture.parts.event_worker().start().await;
    fixture.wait("fired", 2).await;
    let sent = fixture.notifications().await;
    assert_eq!(sent.len(), 2);
    for (id, at) in ids(&created).into_iter().zip([10, 20]) {
        let [told] = &sent[&id][..] else {
            panic!("once: {sent:?}")
        };
        assert_eq!(told.remind_at, start + minutes(at));
        let late = told.fired_at - told.remind_at;
        let expected = minutes(60 * 24 * 3 - at);
        assert!((expected..expected + minutes(2)).contains(&late), "{late}");
    }
    let metrics = fixture.worker.metrics().await;
    assert_eq!(metrics.sum("reminder_lateness_seconds_count", &[]), 2.0);
    let late = metrics.sum("reminder_lateness_seconds_sum", &[]);
    let expected = f64::from(2 * 3 * 24 * 3600 - 30 * 60);
    assert!((expected..expected + 240.0).contains(&late), "{late}");
    assert_eq!(fixture.count("scheduled").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_either_way_fires_each_reminder_once() {
    let fixture = Fixture::start().await;
    let start = now();
    let skipped = task(&[start + minutes(30)]);
    let later = task(&[start + minutes(90)]);
    fixture.tell(&skipped).await;
    fixture.tell(&later).await;
    fixture.wait("scheduled", 2).await;
    // Forward, over one of them.
    fixture.set_clock(start + minutes(60)).await;
    fixture.wait("fired", 1).await;
    // Back, before both: what has fired stays so; what comes due fires.
    fixture.set_clock(start).await;
    let soon = task(&[start + minutes(1)]);
    fixture.tell(&soon).await;
    fixture.wait("scheduled", 2).await;
    fixture.set_clock(start + minutes(2)).await;
    fixture.wait("fired", 2).await;
    // Over the first's time once more, and over the last one's.
    fixture.set_clock(start + minutes(100)).await;
    fixture.wait("fired", 3).await;
    let sent = fixture.notifications().await;
    for event in [&skipped, &later, &soon] {
        assert_eq!(sent[&ids(event)[0]].len(), 1, "{sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_clocks_change_by_an_hour_each_reminder_fires_once_and_in_order() {
    let mut fixture = Fixture::start().await;
    // The database, too, lives where clocks change.
    let name: String = sqlx::query_scalar("SELECT current_database()")
        .fetch_one(&fixture.pool)
        .await
        .expect("a name");
    let sql = format!(r#"ALTER DATABASE "{name}" SET timezone TO 'Europe/Berlin'"#);
    let set = sqlx::query(AssertSqlSafe(sql)).execute(&fixture.pool).await;
    set.expect("the zone is set");
    assert!(fixture.worker.stop().await.success());
    fixture.worker = fixture.parts.event_worker().start().await;

    let at = |text: &str| -> DateTime<Utc> { text.parse().expect("a time") };
    // Forward in March; in October 02:30 happens twice.
    for (before, times, after) in [
        (
            "2027-03-28T00:50:00Z",
            [
                "2027-03-28T00:59:59Z",
                "2027-03-28T01:00:00Z",
                "2027-03-28T01:30:00Z",
            ],
            "2027-03-28T01:10:00Z",
        ),
        (
            "2027-10-31T00:20:00Z",
            [
                "2027-10-31T00:30:00Z",
                "2027-10-31T00:59:59Z",
                "2027-10-31T01:30:00Z",
            ],
            "2027-10-31T01:10:00Z",
        ),
    ] {
        let fired = fixture.count("fired").await;
        fixture.set_clock(at(before)).await;
        let created = task(&times.map(at));
        fixture.tell(&created).await;
        fixture.wait("scheduled", 3).await;
        fixture.set_clock(at(after)).await;
        fixture.wait("fired", fired + 2).await;
        assert_eq!(
            fixture.count("scheduled").await,
            1,
            "the third is an hour away"
        );
        fixture.set_clock(at(times[2])).await;
        fixture.wait("fired", fired + 3).await;
        let sent = fixture.notifications().await;
        for (id, time) in ids(&created).into_iter().zip(times) {
            assert_eq!(sent[&id].len(), 1, "{sent:?}");
            assert_eq!(sent[&id][0].remind_at, at(time));
        }
    }
}
