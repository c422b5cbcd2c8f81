//! What is over is deleted after its time.

use testkit::{Inbound, eventually};

use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn tickets_end_by_silence_and_go_after_ninety_days_with_all_that_was_written() {
    let mut fixture = Fixture::start().await;
    let gone = Inbound::new("email", "gone@example.org", "an old story");
    let silent = Inbound::new("email", "silent@example.org", "a newer one");
    let here = Inbound::new("email", "here@example.org", "today's");
    for message in [&gone, &silent, &here] {
        fixture.say(message).await;
    }
    assert!(fixture.worker.stop().await.success());
    for (handle, days, status) in [
        ("gone@example.org", 91, "closed"),
        ("silent@example.org", 15, "open"),
    ] {
        let aged = sqlx::query(
            "WITH customer AS (
                 UPDATE customers SET last_seen_at = now() - make_interval(days => $2)
                 WHERE id = (SELECT customer_id FROM customer_handles WHERE handle = $1)
                 RETURNING id
             )
             UPDATE tickets SET status = $3, last_message_at = now() - make_interval(days => $2),
                 updated_at = now() - make_interval(days => $2)
             WHERE customer_id = (SELECT id FROM customer)",
        )
        .bind(handle)
        .bind(days)
        .bind(status)
        .execute(&fixture.pool)
        .await;
        assert_eq!(aged.expect("the rows are aged").rows_affected(), 1);
    }
    fixture.worker = fixture.parts.event_worker().start().await;
    eventually("what is over is gone", || async {
        let customers = fixture.number("SELECT count(*) FROM customers").await;
        (customers == 2).then_some(())
    })
    .await;
    for (sql, expected) in [
        ("SELECT count(*) FROM customer_handles", 2),
        ("SELECT count(*) FROM tickets", 2),
        ("SELECT count(*) FROM ticket_messages", 2),
        ("SELECT count(*) FROM tickets WHERE status = 'open'", 1),
    ] {
        assert_eq!(fixture.number(sql).await, expected, "{sql}");
    }
    // Who was forgotten is new.
    let again = Inbound::new("email", "gone@example.org", "hello");
    fixture.say(&again).await;
    let samples = fixture.metrics(1.0).await;
    let created = [("resolution_type", "created")];
    assert_eq!(
        samples.sum("customer_identity_resolutions_total", &created),
        1.0
    );
}
