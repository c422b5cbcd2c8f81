//! todo-api: tasks, their reminders, and the events that tell of them.

use std::process::ExitCode;

use service::{App, Kind};

fn main() -> ExitCode {
    service::main(App {
        name: "todo-api",
        version: env!("CARGO_PKG_VERSION"),
        listens: Some("127.0.0.1:8001"),
        admin: "127.0.0.1:9101",
        database: Kind::Critical,
        // Without brokers, events wait in the outbox.
        kafka: Kind::Degrading,
        catalogues: &[todo_api::metrics::CATALOGUE, events::metrics::CATALOGUE],
        queries: &[todo_api::metrics::QUERIES, events::metrics::OUTBOX_QUERIES],
        config: todo_api::Config::read,
        migrate: |pool| Box::pin(todo_api::migrate(pool)),
        run: |config, runtime| Box::pin(todo_api::run(config, runtime)),
    })
}
