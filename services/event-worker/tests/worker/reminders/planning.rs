//! What events do to the schedule.

use events::contracts::{Change, Status};

use super::fixture::{Fixture, ids, minutes, now, reminders, task, then};

#[tokio::test(flavor = "multi_thread")]
async fn each_reminder_of_a_task_fires_once_at_its_time_again_if_put_off_and_never_if_cancelled() {
    let fixture = Fixture::start().await;
    let start = now();
    let created = task(&[
        start,
        start + minutes(10),
        start + minutes(20),
        start + minutes(30),
    ]);
    let [first, second, third, fourth] = ids(&created)[..] else {
        panic!("four reminders")
    };
    fixture.tell(&created).await;
    fixture.wait("fired", 1).await;

    // An edit does not fire again what has fired.
    let mut edited = then(&created, Change::Updated);
    edited.task.title = "water all plants".to_owned();
    fixture.tell(&edited).await;
    let mut cancelled = then(&edited, Change::ReminderCancelled);
    reminders(&mut cancelled).retain(|reminder| reminder.id != second);
    fixture.tell(&cancelled).await;
    fixture.wait("cancelled", 1).await;
    fixture.set_clock(start + minutes(25)).await;
    fixture.wait("fired", 2).await;

    // The third has fired: put off, it fires again.
    let mut snoozed = then(&cancelled, Change::ReminderSnoozed);
    for reminder in reminders(&mut snoozed) {
        if reminder.id == third {
            reminder.at = start + minutes(28);
        }
    }
    fixture.tell(&snoozed).await;
    fixture.wait("scheduled", 2).await;
    fixture.set_clock(start + minutes(40)).await;
    fixture.wait("fired", 3).await;

    let sent = fixture.notifications().await;
    let times = |id| {
        let sent = sent.get(&id).into_iter().flatten();
        sent.map(|told| told.remind_at).collect::<Vec<_>>()
    };
    assert_eq!(times(first), [start]);
    assert!(times(second).is_empty());
    assert_eq!(times(third), [start + minutes(20), start + minutes(28)]);
    assert_eq!(times(fourth), [start + minutes(30)]);
    let told = &sent[&fourth][0];
    assert_eq!(told.title, "water all plants");
    assert_eq!(told.time_zone.as_deref(), Some("Europe/Berlin"));
    assert!(told.fired_at >= told.remind_at, "{told:?}");
    let metrics = fixture.worker.metrics().await;
    assert_eq!(metrics.sum("reminders_fired_total", &[]), 4.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_cancels_and_reopening_revives_what_is_still_to_come() {
    let fixture = Fixture::start().await;
    let start = now();
    let mut created = task(&[start + minutes(10), start + minutes(30)]);
    created.task.updated_at = start;
    fixture.tell(&created).await;
    fixture.wait("scheduled", 2).await;
    let mut completed = then(&created, Change::Completed);
    completed.task.status = Status::Completed;
    fixture.tell(&completed).await;
    fixture.wait("cancelled", 2).await;

    let mut reopened = then(&completed, Change::Reopened);
    reopened.task.status = Status::Open;
    reopened.task.updated_at = start + minutes(20);
    fixture.tell(&reopened).await;
    fixture.wait("scheduled", 1).await;
    // Old news changes nothing.
    fixture.tell(&completed).await;
    fixture.set_clock(start + minutes(60)).await;
    fixture.wait("fired", 1).await;
    let sent = fixture.notifications().await;
    assert_eq!(sent.keys().copied().collect::<Vec<_>>(), ids(&created)[1..]);
    assert_eq!(fixture.count("cancelled").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_1_0_has_one_reminder() {
    let fixture = Fixture::start().await;
    let mut old = task(&[now()]);
    old.task.reminders = None;
    fixture.tell(&old).await;
    fixture.wait("fired", 1).await;
    let sent = fixture.notifications().await;
    assert_eq!(sent[&old.task.id].len(), 1);
    // Once it is known by name, it is still the same one.
    let mut named = then(&old, Change::Updated);
    named.task.reminders = Some(old.task.reminders());
    fixture.tell(&named).await;
    let mut other = task(&[now()]);
    other.task.user_id = old.task.user_id;
    fixture.tell(&other).await;
    fixture.wait("fired", 2).await;
    assert_eq!(fixture.notifications().await[&old.task.id].len(), 1);
}
