//! `glasshouse redrive`: what lies with the dead letters of a topic, or is set
//! aside in an outbox, and sending it again.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use events::outbox;
use events::redrive::{Condition, DeadLetters, Filter};
use events::topics::{self, Topic};

use super::{database, running};
use crate::output;

/// What to send again.
#[derive(Args, Debug)]
pub struct Redrive {
    /// The topic whose dead letters are meant, such as todo.tasks.v1
    #[arg(required_unless_present = "outbox", conflicts_with = "outbox")]
    topic: Option<String>,
    /// In place of dead letters, the rows that this service's outbox has set aside
    #[arg(long, value_name = "SERVICE")]
    outbox: Option<String>,
    /// Only those of which this holds: cause=…, type=…, key=… or id=…; may be repeated
    #[arg(long, value_name = "FIELD=VALUE")]
    filter: Vec<Condition>,
    /// Only show what lies there
    #[arg(long)]
    dry_run: bool,
    /// At most so many, the oldest first
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Brokers other than those of the system that runs here
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// TOPIC_PREFIX of the services
    #[arg(long, value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// A file with the address of the service's database, other than that of the
    /// system that runs here
    #[arg(long, value_name = "FILE", requires = "outbox")]
    database_url_file: Option<PathBuf>,
}

/// Shows what lies there and, unless this is a dry run, sends again what matches.
///
/// # Errors
/// When it cannot be found, read or sent.
pub async fn run(home: &Path, asked: Redrive) -> Result<ExitCode> {
    let filter: Filter = asked.filter.iter().cloned().collect();
    match &asked.outbox {
        Some(service) => rows(home, &asked, service, &filter).await?,
        None => letters(home, &asked, &filter).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn letters(home: &Path, asked: &Redrive, filter: &Filter) -> Result<()> {
    let name = asked.topic.as_deref().unwrap_or_default();
    // Either name will do: people have the one of the alert in front of them.
    let name = name
        .strip_suffix(topics::DEAD_LETTER_SUFFIX)
        .unwrap_or(name);
    let Some(topic) = Topic::from_name(name) else {
        let known: Vec<_> = topics::ALL.iter().map(|topic| topic.name()).collect();
        bail!("there is no topic {name:?}; there are {}", known.join(", "));
    };
    let brokers = match &asked.brokers {
        Some(brokers) => brokers.clone(),
        None => running(home)?
            .address("kafka")
            .context("no Kafka is running here; --brokers names another")?
            .to_owned(),
    };
    let letters = DeadLetters::of(topic, &brokers, &asked.prefix);
    let survey = letters.survey(filter).await?;
    let lines = survey.causes.iter().map(|(cause, found)| Line {
        count: found.count,
        matching: found.matching,
        oldest: found.oldest,
        cause,
    });
    show(topic.dead_letters(), survey.count(), lines.collect());
    if survey.without_body > 0 {
        output::line(&format!(
            "{} match, but their body did not fit and stayed at the origin: they are left",
            survey.without_body
        ));
    }
    if asked.dry_run || survey.matching() == 0 {
        output::line(&format!("sent 0, left {}", survey.count()));
        return Ok(());
    }
    let done = letters.redrive(filter, asked.limit).await?;
    if done.refused > 0 {
        output::line(&format!("{} were refused by {topic}", done.refused));
    }
    let left = letters.survey(&Filter::default()).await?.count();
    output::line(&format!("sent {} to {topic}, left {left}", done.sent));
    Ok(())
}

async fn rows(home: &Path, asked: &Redrive, service: &str, filter: &Filter) -> Result<()> {
    let pool = database::connect(home, service, asked.database_url_file.as_ref()).await?;
    let found = outbox::set_aside(&pool, filter).await?;
    let count = |n: i64| usize::try_from(n).unwrap_or_default();
    let total = found.iter().map(|row| count(row.count)).sum();
    let lines = found.iter().map(|row| Line {
        count: count(row.count),
        matching: count(row.matching),
        oldest: Some(row.oldest),
        cause: &row.cause,
    });
    show(&format!("the outbox of {service}"), total, lines.collect());
    let again = if asked.dry_run {
        0
    } else {
        outbox::try_again(&pool, filter, asked.limit).await?
    };
    let left = outbox::set_aside(&pool, &Filter::default()).await?;
    let left: i64 = left.iter().map(|row| row.count).sum();
    output::line(&format!("handed {again} back to the relay, left {left}"));
    Ok(())
}

/// What lies there for one reason.
struct Line<'a> {
    count: usize,
    matching: usize,
    oldest: Option<DateTime<Utc>>,
    cause: &'a str,
}

fn show(place: &str, total: usize, lines: Vec<Line<'_>>) {
    output::line(&format!("{place}: {total}"));
    if lines.is_empty() {
        return;
    }
    output::line("   count  matching  oldest                cause");
    for line in lines {
        let oldest = line.oldest.map_or_else(
            || "–".to_owned(),
            |time| time.to_rfc3339_opts(SecondsFormat::Secs, true),
        );
        output::line(&format!(
            "{:>8}  {:>8}  {oldest:<20}  {}",
            line.count, line.matching, line.cause
        ));
    }
}
