//! The pool, and what is known about it.

mod admission;
mod begin;
mod check;
mod kept;
mod migrate;

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{Secret, Settings, metrics};
pub use admission::{Admission, Admitted, Connection};
pub use begin::{begin, begin_by_index, begin_on};
pub(crate) use check::Pinger;
pub use migrate::{is_unreachable, migrate};

/// Longest wait for a connection: beyond it the answer is "overloaded".
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A pool that connects when it is first asked. It must be made inside a
/// runtime.
pub fn pool(url: &Secret, max: u32) -> Result<PgPool, sqlx::Error> {
    Ok(pool_with(options(url, "glasshouse")?, max))
}

/// The pool that requests are served from. The database gives up a statement
/// shortly before the request's deadline: else it would go on with what nobody
/// waits for, and the connection with it.
pub(crate) fn main_pool(settings: &Settings) -> Result<PgPool, sqlx::Error> {
    let at_most = (settings.request_deadline * 9 / 10).as_millis().max(1);
    let options = options(&settings.database_url, "glasshouse")?
        .options([("statement_timeout", at_most.to_string())]);
    Ok(pool_with(options, settings.database_connections))
}

fn pool_with(options: PgConnectOptions, max: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Telemetry times the wait as part of each query.
        .acquire_slow_threshold(ACQUIRE_TIMEOUT)
        .idle_timeout(Duration::from_secs(300))
        // A ping before each use doubles the round trips of a read. A broken
        // connection fails one query, and is then gone.
        .test_before_acquire(false)
        .before_acquire(|_, metadata| {
            let born = Instant::now().checked_sub(metadata.age);
            let certain = born.is_none_or(begin::is_certain);
            Box::pin(async move { Ok(certain) })
        })
        .connect_lazy_with(options)
}

pub(crate) fn options(url: &Secret, application: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.expose())?
        .application_name(application)
        // "Already exists, skipping" is no news.
        .options([("client_min_messages", "warning")])
        // Queries are measured and logged by telemetry, without parameters.
        .disable_statement_logging();
    crate::planted!("commit_is_not_on_disk" => return Ok(options.options([("synchronous_commit", "off")])));
    Ok(options)
}

/// Keeps the pool's gauges up to date with every scrape.
pub(crate) fn report(pool: &PgPool) {
    let active = metrics::DATABASE_CONNECTIONS_ACTIVE.gauge_handle(&[]);
    let idle = metrics::DATABASE_CONNECTIONS_IDLE.gauge_handle(&[]);
    let max = metrics::DATABASE_CONNECTIONS_MAX.gauge_handle(&[]);
    let pool = pool.clone();
    telemetry::metrics::on_scrape(move || {
        let (size, unused) = (pool.size() as usize, pool.num_idle() + kept::idle());
        active.set(size.saturating_sub(unused) as f64);
        idle.set(unused as f64);
        max.set(f64::from(pool.options().get_max_connections()));
    });
}
