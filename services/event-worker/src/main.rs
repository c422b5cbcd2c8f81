//! The event-worker's process.

use std::process::ExitCode;

use service::{App, Kind};

fn main() -> ExitCode {
    service::main(App {
        name: event_worker::NAME,
        version: env!("CARGO_PKG_VERSION"),
        listens: None,
        admin: "127.0.0.1:9103",
        database: Kind::Critical,
        kafka: Kind::Critical,
        catalogues: &[event_worker::metrics::CATALOGUE, events::metrics::CATALOGUE],
        queries: &[
            event_worker::metrics::QUERIES,
            events::metrics::OUTBOX_QUERIES,
            events::metrics::INBOX_QUERIES,
        ],
        config: event_worker::Config::read,
        migrate: |pool| Box::pin(event_worker::migrate(pool)),
        run: |config, runtime| Box::pin(event_worker::run(config, runtime)),
    })
}
