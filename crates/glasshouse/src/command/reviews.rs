//! `glasshouse reviews`: which customers may be one, and what a person decides.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::database;
use crate::output;

/// Most questions that are shown, the oldest first.
const MOST: i64 = 50;
/// How long the worker may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Customers who may be one.
#[derive(Args, Debug)]
pub struct Reviews {
    #[command(subcommand)]
    decision: Option<Decision>,
    /// A file with the address of event-worker's database, other than that of the
    /// system that runs here
    #[arg(long, global = true, value_name = "FILE")]
    database_url_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Decision {
    /// They are one: the older takes over handles and tickets of the other
    Same(Pair),
    /// They are two, and it is not asked again
    Different(Pair),
}

/// A customer, and who it may be.
#[derive(Args, Debug)]
struct Pair {
    customer: Uuid,
    candidate: Uuid,
}

#[derive(FromRow)]
struct Question {
    customer_id: Uuid,
    candidate_id: Uuid,
    reason: String,
    created_at: DateTime<Utc>,
    customer_handles: Vec<String>,
    candidate_handles: Vec<String>,
    customer_tickets: Vec<i64>,
    candidate_tickets: Vec<i64>,
}

/// Shows what is open, or decides it and waits until that is carried out.
///
/// # Errors
/// When the database is not reached, or there is no such question.
pub async fn run(home: &Path, asked: Reviews) -> Result<ExitCode> {
    let pool = database::connect(home, "event-worker", asked.database_url_file.as_ref()).await?;
    match asked.decision {
        None => show(&pool).await?,
        Some(Decision::Same(pair)) => {
            decide(&pool, &pair, "same").await?;
            unite(&pool, &pair).await?;
        }
        Some(Decision::Different(pair)) => {
            decide(&pool, &pair, "different").await?;
            output::line("they stay two customers");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(pool: &PgPool) -> Result<()> {
    const OPEN: &str = "FROM identity_questions WHERE decision IS NULL";
    let all: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) {OPEN}")))
        .fetch_one(pool)
        .await?;
    let shown = format!("SELECT * {OPEN} ORDER BY created_at, customer_id, candidate_id LIMIT $1");
    let questions: Vec<Question> = sqlx::query_as(sqlx::AssertSqlSafe(shown))
        .bind(MOST)
        .fetch_all(pool)
        .await?;
    output::line(&format!("customers who may be one: {all}"));
    for question in &questions {
        let since = question
            .created_at
            .to_rfc3339_opts(SecondsFormat::Secs, true);
        output::line(&format!("\n{} since {since}", question.reason));
        let sides = [
            (
                "customer ",
                question.customer_id,
                &question.customer_handles,
                &question.customer_tickets,
            ),
            (
                "candidate",
                question.candidate_id,
                &question.candidate_handles,
                &question.candidate_tickets,
            ),
        ];
        for (side, id, handles, tickets) in sides {
            let tickets: Vec<_> = tickets.iter().map(|number| format!("#{number}")).collect();
            let (handles, tickets) = (handles.join(" "), tickets.join(" "));
            output::line(&format!("  {side}  {id}  {handles}  {tickets}"));
        }
    }
    if !questions.is_empty() {
        output::line("\nglasshouse reviews same|different CUSTOMER CANDIDATE decides");
    }
    Ok(())
}

async fn decide(pool: &PgPool, pair: &Pair, verdict: &str) -> Result<()> {
    let decided: bool = sqlx::query_scalar("SELECT identity_decide($1, $2, $3)")
        .bind(pair.customer)
        .bind(pair.candidate)
        .bind(verdict)
        .fetch_one(pool)
        .await?;
    if !decided {
        bail!(
            "there is no open question about these two; `glasshouse reviews` shows those there are"
        );
    }
    Ok(())
}

/// Waits until event-worker has made one of them.
async fn unite(pool: &PgPool, pair: &Pair) -> Result<()> {
    let current = "SELECT coalesce(merged_into, id) FROM customers WHERE id = ANY($1) GROUP BY 1";
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let now: Vec<Uuid> = sqlx::query_scalar(current)
            .bind(vec![pair.customer, pair.candidate])
            .fetch_all(pool)
            .await?;
        if let [one] = now[..] {
            output::line(&format!("they are one customer: {one}"));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    output::line("decided; it is carried out as soon as event-worker runs");
    Ok(())
}
