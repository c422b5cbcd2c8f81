//! What is done with one statement is committed, whoever had its connection before.

use futures_util::poll;
use service::Secret;
use service::database::{self, begin};
use testkit::{Backing, Database};

#[tokio::test]
async fn a_beginning_that_is_given_up_leaves_nothing_behind() {
    let backing = Backing::shared().await;
    let here = Database::create(&backing, "transactions").await;
    let outside = here.pool().await;
    let only_one = database::pool(&Secret::new(&here.url), 1).unwrap();
    sqlx::query("CREATE TABLE written (number int)")
        .execute(&only_one)
        .await
        .unwrap();
    for number in 0..20 {
        let mut beginning = Box::pin(begin(&only_one));
        // The first look sends BEGIN, as the connection is there and idle; later
        // ones are at other points of the way.
        for _ in 0..=number / 5 {
            if poll!(beginning.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(beginning);
        sqlx::query("INSERT INTO written VALUES ($1)")
            .bind(number)
            .execute(&only_one)
            .await
            .unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM written")
            .fetch_one(&outside)
            .await
            .unwrap();
        assert_eq!(count, i64::from(number) + 1, "not committed");
    }
}
