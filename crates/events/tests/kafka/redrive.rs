//! Dead letters go back, come back, and are not lost or doubled in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use events::consumer::{Envelope, Handler, HandlerError, Outcome};
use events::redrive::{Condition, DeadLetters, Filter, RedriveError};
use events::topics::Topic;
use sqlx::PgTransaction;
use testkit::{Record, ServiceBuilder, eventually};

use crate::rig::{self, Counted, Rig};

/// Odd numbers die of one cause, every fifth of another, until it is repaired.
#[derive(Clone, Default)]
struct Faulty {
    is_repaired: Arc<AtomicBool>,
}

impl Handler for Faulty {
    async fn handle(
        &self,
        tx: &mut PgTransaction<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Outcome, HandlerError> {
        let n = Counted::read(envelope).n;
        if !self.is_repaired.load(Ordering::SeqCst) {
            if n % 5 == 0 {
                return Err(HandlerError::permanent("fifth", "by its number"));
            }
            if n % 2 == 1 {
                return Err(HandlerError::permanent("odd", "by its number"));
            }
        }
        rig::note(tx, envelope).await?;
        Ok(Outcome::Done)
    }
}

fn filter(conditions: &[&str]) -> Filter {
    let read = |text: &&str| text.parse::<Condition>().expect("a condition");
    conditions.iter().map(read).collect()
}

/// Of 0 to 39: 8 die as fifths, 16 as odd ones.
const FIFTHS: usize = 8;
const ODD: usize = 16;

async fn with_dead_letters(handler: &Faulty) -> (Rig, rig::Member) {
    let rig = Rig::new().await;
    for n in 0..40 {
        rig.send(&format!("key-{}", n % 7), n).await;
    }
    let member = rig.member(handler.clone(), |_| {});
    wait_for_letters(&rig, FIFTHS + ODD).await;
    (rig, member)
}

async fn wait_for_letters(rig: &Rig, count: usize) -> Vec<Record> {
    eventually(&format!("{count} dead letters"), || async {
        let letters = rig.dead_letters().await;
        (letters.len() == count).then_some(letters)
    })
    .await
}

async fn wait_for_effects(rig: &Rig, count: usize) {
    eventually(&format!("{count} effects"), || async {
        let done: usize = rig.effects().await.values().map(Vec::len).sum();
        assert!(done <= count, "{done} effects");
        (done == count).then_some(())
    })
    .await;
}

fn letters_of(rig: &Rig) -> DeadLetters {
    DeadLetters::of(Topic::TodoTasks, &rig.backing.kafka, &rig.prefix)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_there_is_counted_and_left_alone() {
    let (rig, member) = with_dead_letters(&Faulty::default()).await;
    let before = rig.dead_letters().await;
    let survey = letters_of(&rig).survey(&filter(&["cause=odd"])).await;
    let survey = survey.expect("a survey");
    let counts = |cause: &str| (survey.causes[cause].count, survey.causes[cause].matching);
    assert_eq!(counts("odd"), (ODD, ODD));
    assert_eq!(counts("fifth"), (FIFTHS, 0));
    let died = |record: &Record| record.header("dlq_last_failed_at");
    let odd = before.iter().filter(|l| l.header("dlq_cause") == "odd");
    let oldest = survey.causes["odd"].oldest.expect("a time");
    assert_eq!(
        Some(oldest.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
        odd.map(died).min()
    );
    assert_eq!(rig.dead_letters().await, before);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_matches_goes_back_and_takes_effect_and_the_rest_is_left() {
    let handler = Faulty::default();
    let (rig, member) = with_dead_letters(&handler).await;
    let before = rig.dead_letters().await;
    handler.is_repaired.store(true, Ordering::SeqCst);

    let done = letters_of(&rig)
        .redrive(&filter(&["cause=odd"]), Some(5))
        .await;
    assert_eq!(done.expect("done").sent, 5);
    wait_for_effects(&rig, 16 + 5).await;
    assert_eq!(rig.dead_letters().await.len(), FIFTHS + ODD - 5);

    let done = letters_of(&rig)
        .redrive(&filter(&["cause=odd"]), None)
        .await;
    assert_eq!(done.expect("done").sent, ODD - 5);
    wait_for_effects(&rig, 16 + ODD).await;

    // What is left is as it was, but for its place.
    let left = rig.dead_letters().await;
    assert_eq!(left.len(), FIFTHS);
    for letter in &left {
        let same = |other: &&Record| other.header("ce_id") == letter.header("ce_id");
        let original = before.iter().find(same).expect("the same letter");
        assert_eq!(letter.header("dlq_cause"), "fifth");
        assert_eq!((&letter.key, &letter.body), (&original.key, &original.body));
        let mut expected = original.headers.clone();
        let mut headers = letter.headers.clone();
        for headers in [&mut expected, &mut headers] {
            headers.remove("traceparent");
        }
        assert_eq!(headers, expected);
    }

    let done = letters_of(&rig).redrive(&Filter::default(), None).await;
    assert_eq!(done.expect("done").sent, FIFTHS);
    wait_for_effects(&rig, 40).await;
    assert!(rig.dead_letters().await.is_empty());
    let done = letters_of(&rig).redrive(&Filter::default(), None).await;
    assert_eq!(done.expect("done").sent, 0);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_again_returns_with_its_history() {
    let (rig, member) = with_dead_letters(&Faulty::default()).await;
    for round in 1..=2 {
        let done = letters_of(&rig).redrive(&Filter::default(), Some(3)).await;
        assert_eq!(done.expect("done").sent, 3);
        wait_for_letters(&rig, FIFTHS + ODD).await;
        // Only those that never went back are older, so the same three do again
        // when all others have.
        let returned = rig.dead_letters().await;
        let returned = &returned[FIFTHS + ODD - 3..];
        for letter in returned {
            assert_eq!(letter.header("dlq_redrives"), "1", "round {round}");
            assert_eq!(letter.header("dlq_attempts"), "2");
            let history = letter.header("dlq_history");
            assert!(history.ends_with("after 1 attempts"), "{history}");
            assert!(history.contains(&letter.header("dlq_first_failed_at")));
            assert_eq!(letter.header("dlq_origin_topic"), "todo.tasks.v1");
        }
    }
    let id = rig
        .dead_letters()
        .await
        .last()
        .expect("a letter")
        .header("ce_id");
    let done = letters_of(&rig)
        .redrive(&filter(&[&format!("id={id}")]), None)
        .await;
    assert_eq!(done.expect("done").sent, 1);
    let letter = eventually("its third death", || async {
        let letters = rig.dead_letters().await;
        let found = letters.into_iter().find(|l| l.header("ce_id") == id);
        found.filter(|letter| letter.header("dlq_redrives") == "2")
    })
    .await;
    assert_eq!(letter.header("dlq_attempts"), "3");
    assert_eq!(letter.header("dlq_history").lines().count(), 2);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_goes_back_twice_takes_effect_once() {
    let handler = Faulty::default();
    let (rig, member) = with_dead_letters(&handler).await;
    handler.is_repaired.store(true, Ordering::SeqCst);
    let before = rig.dead_letters().await;
    let done = letters_of(&rig).redrive(&Filter::default(), None).await;
    assert_eq!(done.expect("done").sent, FIFTHS + ODD);
    // As if it had died after sending, before deleting.
    for letter in &before {
        rig.kafka
            .send(&format!("{}.dlq", rig.topic()), letter)
            .await;
    }
    let done = letters_of(&rig).redrive(&Filter::default(), None).await;
    assert_eq!(done.expect("done").sent, FIFTHS + ODD);
    // Something new behind them: they were read.
    rig.send("last", 100).await;
    eventually("the last", || async {
        rig.effects().await.contains_key("last").then_some(())
    })
    .await;
    member.stop().await;
    wait_for_effects(&rig, 41).await;
    assert!(rig.dead_letters().await.is_empty());
}

/// Runs `glasshouse redrive` on the rig's topic: what it printed.
async fn command(rig: &Rig, arguments: &[&str]) -> String {
    let output = tokio::process::Command::new(ServiceBuilder::new("glasshouse").program())
        .args(["redrive", "todo.tasks.v1", "--brokers", &rig.backing.kafka])
        .args(["--prefix", &rig.prefix])
        .args(arguments)
        .output()
        .await
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_sends_counts_and_leaves() {
    let handler = Faulty::default();
    let (rig, member) = with_dead_letters(&handler).await;
    handler.is_repaired.store(true, Ordering::SeqCst);
    let shown = command(&rig, &["--dry-run", "--filter", "cause=odd"]).await;
    println!("{shown}");
    let cells: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(cells[0], ["todo.tasks.v1.dlq:", "24"]);
    let row = |cause: &str| cells.iter().find(|row| row.last() == Some(&cause));
    assert_eq!(row("odd").expect("a row")[..2], ["16", "16"]);
    assert_eq!(row("fifth").expect("a row")[..2], ["8", "0"]);
    assert!(shown.ends_with("sent 0, left 24\n"), "{shown}");

    let done = command(&rig, &["--filter", "cause=odd", "--limit", "4"]).await;
    assert!(
        done.ends_with("sent 4 to todo.tasks.v1, left 20\n"),
        "{done}"
    );
    wait_for_effects(&rig, 16 + 4).await;
    let done = command(&rig, &[]).await;
    assert!(
        done.ends_with("sent 20 to todo.tasks.v1, left 0\n"),
        "{done}"
    );
    wait_for_effects(&rig, 40).await;
    // Counted where a message takes effect, whoever sent it back.
    assert_eq!(rig.figure("kafka_redriven_total"), 24.0);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_said_and_not_made() {
    let rig = Rig::new().await;
    let letters = DeadLetters::of(Topic::TodoTasks, &rig.backing.kafka, "nowhere.");
    for _ in 0..2 {
        let error = letters.survey(&Filter::default()).await.expect_err("none");
        assert!(matches!(error, RedriveError::NoTopic(_)), "{error}");
    }
}
