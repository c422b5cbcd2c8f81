//! What a person decides about customers who may be one, by the real command.

use testkit::{Inbound, ServiceBuilder};
use uuid::Uuid;

use super::fixture::Fixture;

/// Runs `glasshouse reviews` on the worker's database: whether it succeeded, and
/// what it said.
async fn reviews(fixture: &Fixture, arguments: &[&str]) -> (bool, String) {
    let file = std::env::temp_dir().join(testkit::unique("reviews"));
    std::fs::write(&file, &fixture.parts.database("event-worker").url).expect("a file");
    let output = tokio::process::Command::new(ServiceBuilder::new("glasshouse").program())
        .arg("reviews")
        .args(arguments)
        .arg("--database-url-file")
        .arg(&file)
        .output()
        .await
        .expect("it runs");
    std::fs::remove_file(&file).expect("no file");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    (output.status.success(), said)
}

/// Somebody with an address, and somebody who claims it.
async fn in_doubt(fixture: &Fixture, name: &str) -> ((Uuid, Uuid), (Uuid, Uuid)) {
    let address = format!("{name}@example.org");
    let owner = fixture.say(&Inbound::new("email", &address, "hello")).await;
    let claims = Inbound::new("web", &format!("visitor-{name}"), "it is an emergency")
        .alias("email", &address, false);
    (owner, fixture.say(&claims).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_are_the_same_become_one_customer_with_one_ticket_and_others_stay_two() {
    let mut fixture = Fixture::start().await;
    let (nobody, said) = reviews(&fixture, &[]).await;
    assert!(nobody && said == "customers who may be one: 0\n", "{said}");
    let ((ada, ticket), (visitor, other_ticket)) = in_doubt(&fixture, "ada").await;
    let ((bob, _), (stranger, _)) = in_doubt(&fixture, "bob").await;
    assert!(ada != visitor && bob != stranger);

    let (shown, said) = reviews(&fixture, &[]).await;
    assert!(
        shown && said.starts_with("customers who may be one: 2\n"),
        "{said}"
    );
    for text in [
        "unverified since",
        "email:ada@example.org",
        "web:visitor-ada",
        "#1",
        "#2",
    ] {
        assert!(said.contains(text), "{text} in {said}");
    }
    let ids = |pair: (Uuid, Uuid)| [pair.0.to_string(), pair.1.to_string()];
    let [visitor_id, ada_id] = ids((visitor, ada));
    let [stranger_id, bob_id] = ids((stranger, bob));

    let (done, said) = reviews(&fixture, &["same", &visitor_id, &ada_id]).await;
    assert!(
        done && said == format!("they are one customer: {ada}\n"),
        "{said}"
    );
    let (done, said) = reviews(&fixture, &["different", &stranger_id, &bob_id]).await;
    assert!(done && said == "they stay two customers\n", "{said}");
    for decided in [[&visitor_id, &ada_id], [&stranger_id, &bob_id]] {
        let again = ["same", decided[0].as_str(), decided[1].as_str()];
        let (done, said) = reviews(&fixture, &again).await;
        assert!(!done && said.contains("no open question"), "{said}");
    }
    let (_, said) = reviews(&fixture, &[]).await;
    assert_eq!(said, "customers who may be one: 0\n");

    // One customer with one ticket, of the higher priority, by either handle.
    const STATUS: &str = "SELECT status || ' ' || priority FROM tickets WHERE id = $1";
    assert_eq!(fixture.text(STATUS, ticket).await, "open urgent");
    assert_eq!(fixture.text(STATUS, other_ticket).await, "merged urgent");
    for message in [
        Inbound::new("web", "visitor-ada", "and now?"),
        Inbound::new("email", "ada@example.org", "and now?"),
    ] {
        assert_eq!(fixture.say(&message).await, (ada, ticket));
    }
    // And two who stay so, without being asked about again.
    let claims =
        Inbound::new("web", "visitor-bob", "honestly").alias("email", "bob@example.org", false);
    assert_eq!(fixture.say(&claims).await.0, stranger);
    let (_, said) = reviews(&fixture, &[]).await;
    assert_eq!(said, "customers who may be one: 0\n");

    // What is decided while no worker runs is carried out by the next.
    let ((carol, _), (guest, _)) = in_doubt(&fixture, "carol").await;
    fixture.worker.stop().await;
    let decided = sqlx::query_scalar::<_, bool>("SELECT identity_decide($1, $2, 'same')");
    let decided = decided
        .bind(guest)
        .bind(carol)
        .fetch_one(&fixture.pool)
        .await;
    assert!(decided.expect("an answer"));
    fixture.worker = fixture.parts.event_worker().start().await;
    testkit::eventually("they are one", || async {
        let into = "SELECT merged_into = $1 FROM customers WHERE id = $2";
        let into = sqlx::query_scalar::<_, Option<bool>>(into)
            .bind(carol)
            .bind(guest);
        let one = into.fetch_one(&fixture.pool).await.expect("an answer");
        one.unwrap_or(false).then_some(())
    })
    .await;
}
