//! chat-gateway: accounts, chat over WebSocket, notifications, and the web page.

use std::process::ExitCode;

use service::{App, Kind};

fn main() -> ExitCode {
    service::main(App {
        name: "chat-gateway",
        version: env!("CARGO_PKG_VERSION"),
        listens: Some("127.0.0.1:8002"),
        admin: "127.0.0.1:9102",
        database: Kind::Critical,
        kafka: Kind::Degrading,
        catalogues: &[chat_gateway::metrics::CATALOGUE, events::metrics::CATALOGUE],
        queries: &[
            chat_gateway::metrics::QUERIES,
            events::metrics::INBOX_QUERIES,
        ],
        config: chat_gateway::Config::read,
        migrate: |pool| Box::pin(chat_gateway::migrate(pool)),
        run: |config, runtime| Box::pin(chat_gateway::run(config, runtime)),
    })
}
