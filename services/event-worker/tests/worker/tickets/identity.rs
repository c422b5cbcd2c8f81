//! Whom handles lead to.

use testkit::Inbound;
use uuid::Uuid;

use super::fixture::Fixture;

fn resolutions(samples: &testkit::Samples, kind: &str, success: &str) -> f64 {
    let labels = [("resolution_type", kind), ("success", success)];
    samples.sum("customer_identity_resolutions_total", &labels)
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_and_channels_of_one_handle_are_one_customer() {
    let fixture = Fixture::start().await;
    let (ada, ticket) = fixture
        .say(&Inbound::new("email", "ada@example.org", "one"))
        .await;
    let spelled = Inbound::new("email", " ADA@Example.ORG", "two");
    assert_eq!(fixture.say(&spelled).await, (ada, ticket));
    // A plus makes another address, and so another customer.
    let plus = Inbound::new("email", "ada+x@example.org", "three");
    assert_ne!(fixture.say(&plus).await.0, ada);

    let (bob, ticket) = fixture
        .say(&Inbound::new("sms", "+49 170 1234 5678", "one"))
        .await;
    let whatsapp = Inbound::new("whatsapp", "4917012345678", "two");
    assert_eq!(fixture.say(&whatsapp).await, (bob, ticket));
    assert_ne!(bob, ada);
    let samples = fixture.metrics(5.0).await;
    assert_eq!(resolutions(&samples, "created", "true"), 3.0);
    assert_eq!(resolutions(&samples, "matched", "true"), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_who_turn_out_to_be_one_become_the_oldest_with_one_ticket() {
    let fixture = Fixture::start().await;
    let by_mail = Inbound::new("email", "ada@example.org", "hello");
    let by_phone = Inbound::new("sms", "+4917012345678", "it is an emergency");
    let on_page = Inbound::new("web", "account-1", "hello");
    let (oldest, ticket) = fixture.say(&by_mail).await;
    let (second, second_ticket) = fixture.say(&by_phone).await;
    let (third, _) = fixture.say(&on_page).await;
    assert!(oldest != second && second != third && oldest != third);

    // The page has both verified.
    let tells = Inbound::new("web", "account-1", "it is me")
        .alias("phone", "0049 170 12345678", true)
        .alias("email", "ADA@example.org", true);
    assert_eq!(fixture.say(&tells).await, (oldest, ticket));
    for message in [&by_mail, &by_phone, &on_page] {
        assert_eq!(fixture.answered(message.id()).await, (oldest, ticket));
    }
    let again = Inbound::new("whatsapp", "4917012345678", "and now?");
    assert_eq!(fixture.say(&again).await, (oldest, ticket));

    let reply = fixture.replies().await[&tells.id()][0].clone();
    assert!(!reply.opened);
    assert_eq!(reply.priority, events::contracts::Priority::Urgent);
    assert_eq!(reply.customer_id, oldest);
    const STATUS: &str = "SELECT status FROM tickets WHERE id = $1";
    assert_eq!(fixture.text(STATUS, second_ticket).await, "merged");
    for absorbed in [second, third] {
        let into = "SELECT merged_into::text FROM customers WHERE id = $1";
        assert_eq!(fixture.text(into, absorbed).await, oldest.to_string());
    }
    let samples = fixture.metrics(5.0).await;
    assert_eq!(resolutions(&samples, "created", "true"), 3.0);
    assert_eq!(resolutions(&samples, "merged", "true"), 1.0);
    assert_eq!(resolutions(&samples, "matched", "true"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_only_claims_merges_nobody_and_is_for_a_person_to_decide() {
    let fixture = Fixture::start().await;
    let (ada, _) = fixture
        .say(&Inbound::new("email", "ada@example.org", "hello"))
        .await;
    let claims = Inbound::new("web", "visitor-9", "I am Ada, honestly")
        .alias("email", "ada@example.org", false)
        .alias("phone", "not a number", false)
        .alias("phone", "+4917012345678", false);
    let (visitor, _) = fixture.say(&claims).await;
    assert_ne!(visitor, ada);
    let reviews: Vec<(Uuid, Uuid, String, Uuid)> = sqlx::query_as(
        "SELECT customer_id, candidate_id, reason, message_id FROM identity_reviews",
    )
    .fetch_all(&fixture.pool)
    .await
    .expect("the reviews");
    assert_eq!(
        reviews,
        [(visitor, ada, "unverified".to_owned(), claims.id())]
    );
    // The number was not kept: who really has it is somebody else.
    let owner = Inbound::new("sms", "+4917012345678", "hello");
    assert_ne!(fixture.say(&owner).await.0, visitor);
    // All the same, the message was answered.
    assert_eq!(fixture.replies().await[&claims.id()].len(), 1);
    let samples = fixture.metrics(3.0).await;
    assert_eq!(resolutions(&samples, "ambiguous", "false"), 1.0);
    assert_eq!(resolutions(&samples, "created", "true"), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_handles_than_a_person_has() {
    let fixture = Fixture::start().await;
    let office = "+493012345678";
    let mut people = Vec::new();
    for number in 0..20 {
        let address = format!("person{number}@example.org");
        let message = Inbound::new("email", &address, "hello").alias("phone", office, true);
        people.push((fixture.say(&message).await.0, address));
    }
    let (first, _) = people[0];
    let (last, address) = &people[19];
    assert!(people[..19].iter().all(|(customer, _)| *customer == first));
    assert_ne!(*last, first, "the 21st handle is somebody else's");
    let again = Inbound::new("email", address, "hello").alias("phone", office, true);
    assert_eq!(fixture.say(&again).await.0, *last);
    let reviews = fixture
        .number("SELECT count(*) FROM identity_reviews WHERE reason = 'too_many_handles'")
        .await;
    assert_eq!(reviews, 1, "the question is asked once");
    let samples = fixture.metrics(21.0).await;
    assert_eq!(resolutions(&samples, "ambiguous", "false"), 2.0);
}
