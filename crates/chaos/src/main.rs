//! `make chaos` and `make chaos-selftest`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    chaos::cli::Cli::parse().run()
}
