//! The command `glasshouse`.

use std::process::ExitCode;

use clap::Parser;
use glasshouse::cli::Cli;
use glasshouse::output;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            output::aside(&format!("glasshouse: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
