//! The way through a process: configuration, telemetry, ports, database, the
//! service itself, and the way out.

mod arguments;
mod migrate;
mod start;

use std::{future::Future, io::Write, pin::Pin, process::ExitCode};

use sqlx::PgPool;
use telemetry::{database::Query, metrics::Metric};
use tokio::net::TcpListener;

use crate::{Env, Health, KafkaProbe, Kind, Settings, Shutdown, memory};
use arguments::Command;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A boxed future, as the functions of an [`App`] return it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What makes one service different from another.
pub struct App<C> {
    /// Its name, on every signal.
    pub name: &'static str,
    /// Its version, on every signal.
    pub version: &'static str,
    /// Where its API listens by default. `None`: it has no public port.
    pub listens: Option<&'static str>,
    /// Where its admin port listens by default.
    pub admin: &'static str,
    /// What a lost database means.
    pub database: Kind,
    /// What lost brokers mean.
    pub kafka: Kind,
    /// The metrics of the service and of the libraries it uses.
    pub catalogues: &'static [&'static [&'static Metric]],
    /// The queries of the service and of the libraries it uses.
    pub queries: &'static [&'static [&'static Query]],
    /// Reads its own configuration.
    pub config: fn(&mut Env) -> C,
    /// Brings its database up to date.
    pub migrate: fn(PgPool) -> BoxFuture<Result<(), BoxError>>,
    /// Does its work, until the shutdown.
    pub run: fn(C, Runtime) -> BoxFuture<Result<(), BoxError>>,
}

/// What a running service is given.
pub struct Runtime {
    /// The bound public port.
    pub listener: Option<TcpListener>,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Where to register checks, and what they found.
    pub health: Health,
    /// The main pool.
    pub pool: PgPool,
    /// Asks the brokers for metadata.
    pub kafka: KafkaProbe,
    /// What every service is configured with.
    pub settings: Settings,
}

impl Runtime {
    /// The bound public port. An error if the service was declared without one.
    pub fn take_listener(&mut self) -> Result<TcpListener, BoxError> {
        self.listener
            .take()
            .ok_or_else(|| "this service has no public port".into())
    }
}

/// Runs a service from the first line to the exit code: 0 after an orderly end,
/// 1 after a failure, 2 if its configuration will not do.
pub fn main<C: Send + 'static>(app: App<C>) -> ExitCode {
    let command = match Command::from_arguments(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(problem) => return refuse(&app, &[problem]),
    };
    let mut env = Env::from_process();
    let settings = Settings::read(&mut env, app.listens, app.admin);
    let telemetry = crate::config::telemetry(&mut env, app.name, app.version, &settings);
    let config = (app.config)(&mut env);
    match command {
        Command::Help => return print(&arguments::help(app.name, app.version, &env)),
        Command::Version => return print(&format!("{} {}\n", app.name, app.version)),
        Command::ConfigTable => return print(&env.table()),
        Command::Health => return arguments::probe(settings.admin_address),
        Command::Run | Command::Migrate => {}
    }
    if let Err(problems) = env.finish() {
        return refuse(&app, problems);
    }
    memory::keep();
    start::start(app, command, config, settings, telemetry)
}

fn refuse<C>(app: &App<C>, problems: &[String]) -> ExitCode {
    let mut text = format!("{}: the configuration will not do:\n", app.name);
    for problem in problems {
        text.push_str(&format!("  {problem}\n"));
    }
    // If nobody can read it, the exit code still tells.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(2)
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
