//! Several workers, one of which dies.

use nix::sys::signal::Signal;
use testkit::eventually;

use super::fixture::{Fixture, ids, minutes, now, task};

const TASKS: usize = 60;
const EACH: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn of_several_workers_each_reminder_is_fired_by_one_though_one_is_killed_and_one_stalls() {
    let mut fixture = Fixture::start().await;
    let mut killed = fixture.parts.event_worker().start().await;
    let stalled = fixture.parts.event_worker().start().await;
    let due = now() + minutes(10);
    let mut expected = Vec::new();
    for _ in 0..TASKS {
        let created = task(&[due; EACH]);
        expected.extend(ids(&created));
        fixture.tell(&created).await;
    }
    fixture.wait("scheduled", TASKS * EACH).await;
    // All are due at once.
    fixture.set_clock(due).await;
    eventually("some have fired", || async {
        (fixture.count("fired").await > 0).then_some(())
    })
    .await;
    killed.signal(Signal::SIGKILL);
    stalled.signal(Signal::SIGSTOP);
    killed.ended().await;
    // What the stalled one has locked waits for it; the rest does not.
    eventually("the others go on", || async {
        (fixture.count("fired").await >= TASKS * EACH - 100).then_some(())
    })
    .await;
    stalled.signal(Signal::SIGCONT);
    fixture.wait("fired", TASKS * EACH).await;

    let sent = fixture.notifications().await;
    expected.sort_unstable();
    assert_eq!(sent.keys().copied().collect::<Vec<_>>(), expected);
    let twice: Vec<_> = sent.iter().filter(|(_, told)| told.len() != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(fixture.worker.stop().await.success());
}
