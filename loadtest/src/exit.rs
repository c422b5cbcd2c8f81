//! How the program ends, and what its exit code says.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::report::Report;

/// What is said of them on the command line.
pub(crate) const HELP: &str = "Exit codes: 0 a valid run whose thresholds held, 1 it could not take place, 2 wrong arguments or \
scenario, 3 an invalid run, 4 a threshold broke, 130 stopped by Ctrl-C.";

/// Of wrong arguments, as clap has it, and of a scenario that is none.
pub(crate) const ARGUMENTS: u8 = 2;
/// Of a run that is no result.
const INVALID: u8 = 3;
/// Of a valid run in which a threshold broke.
const BROKEN: u8 = 4;
/// As a shell counts an end by SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// The code of a run. A search for a breakpoint is there to break thresholds: it
/// failed if no rate was borne.
pub(crate) fn code(report: &Report) -> ExitCode {
    let held = match &report.breakpoint {
        Some(search) => search.knee.is_some(),
        None => report.thresholds.iter().all(|verdict| verdict.held),
    };
    if report.interrupted {
        ExitCode::from(INTERRUPTED)
    } else if !report.valid {
        ExitCode::from(INVALID)
    } else if !held {
        ExitCode::from(BROKEN)
    } else {
        ExitCode::SUCCESS
    }
}

/// The first signal ends the run with its report, the second at once.
pub(crate) async fn stop_when_told(stop: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(INTERRUPTED.into());
        }
    }
}
