//! Ends everything, in order, in less than ten seconds.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::plan::{COLLECTOR, SERVICES};
use super::signals::Signals;
use crate::backing::{self, Place};
use crate::components::{Board, State};
use crate::progress::Progress;
use crate::supervise::Process;

/// Services drain what they have accepted; their own deadline is a little less.
const SERVICES_WITHIN: Duration = Duration::from_secs(6);
/// How far the edge may be ahead of what stands behind it.
const EDGE_FIRST: Duration = Duration::from_millis(1500);
/// The Collector passes on what the services flushed at their end.
const COLLECTOR_WITHIN: Duration = Duration::from_millis(1200);
/// What stores data.
const REST_WITHIN: Duration = Duration::from_millis(2200);

/// Ends every process that was started here. A second signal ends them at once.
pub(super) async fn everything(
    place: &Place,
    board: &Board,
    progress: &Progress,
    signals: &mut Signals,
) -> Result<()> {
    let processes = place.processes();
    let forced = tokio::select! {
        () = in_order(&processes, board, progress) => false,
        () = signals.next() => true,
    };
    if forced {
        progress.say("ending everything at once");
        join_all(processes.iter().map(Process::kill)).await;
    }
    // A start that was interrupted may have left more than its list tells.
    for name in backing::clean(place)? {
        board.update(&name, |row| row.state = State::Stopped);
    }
    board.retire();
    Ok(())
}

/// From the edge inwards: each part ends before what it needs.
async fn in_order(processes: &[Process], board: &Board, progress: &Progress) {
    let named = |names: &[&str]| -> Vec<&Process> {
        let wanted = |process: &&Process| names.contains(&process.spec().name.as_str());
        processes.iter().filter(wanted).collect()
    };
    let names = SERVICES.map(|service| service.name);
    let (edge, inner) = names.split_at(1);
    let end = |process: &Process, patience| {
        end(process.clone(), patience, board.clone(), progress.clone())
    };

    let deadline = Instant::now() + SERVICES_WITHIN;
    let edge = join_all(
        named(edge)
            .into_iter()
            .map(|process| end(process, SERVICES_WITHIN)),
    );
    tokio::pin!(edge);
    // The edge stops taking requests before those who answer them do; but if it
    // is slow to drain, they all drain together.
    let edge_is_down = tokio::select! {
        _ = &mut edge => true,
        () = sleep_until(Instant::now() + EDGE_FIRST) => false,
    };
    let left = deadline - Instant::now();
    let inner = join_all(named(inner).into_iter().map(|process| end(process, left)));
    if edge_is_down {
        inner.await;
    } else {
        tokio::join!(edge, inner);
    }
    join_all(
        named(&[COLLECTOR])
            .into_iter()
            .map(|process| end(process, COLLECTOR_WITHIN)),
    )
    .await;
    let rest = processes.iter().filter(|process| process.pid().is_some());
    join_all(rest.map(|process| end(process, REST_WITHIN))).await;
}

async fn end(process: Process, patience: Duration, board: Board, progress: Progress) {
    let name = process.spec().name.clone();
    if process.pid().is_some() {
        let step = progress.step(&name);
        process.stop(patience).await;
        step.done("stopped");
    }
    board.update(&name, |row| {
        row.state = State::Stopped;
        row.pid = None;
    });
}
