//! What a person is told.
#![allow(clippy::print_stdout, reason = "a command's output")]

use std::collections::BTreeMap;

use crate::checks::Verdict;
use crate::faults::{Came, Entry};
use crate::selftest::Bug;

/// A line of the timeline.
pub fn entry(entry: &Entry) {
    let came = match &entry.came {
        Came::Done(what) => what.clone(),
        Came::Skipped(why) => format!("SKIPPED: {why}"),
    };
    let line = format!(
        "{:7.1} s  {:<11} {:<30} {:5.1} s  {came}",
        entry.at.as_secs_f64(),
        entry.fault.kind(),
        entry.fault.target(),
        entry.took.as_secs_f64(),
    );
    println!("{}", line.trim_end());
}

/// How many faults of which kind.
pub fn kinds(timeline: &[Entry]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let done = timeline
        .iter()
        .filter(|entry| matches!(entry.came, Came::Done(_)));
    for entry in done {
        *counts.entry(entry.fault.kind()).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let listed: Vec<String> = counts
        .iter()
        .map(|(kind, n)| format!("{n} {kind}"))
        .collect();
    println!(
        "\n{total} faults of {} kinds: {}",
        counts.len(),
        listed.join(", ")
    );
    for entry in timeline {
        if let Came::Skipped(why) = &entry.came {
            println!(
                "skipped: {} {}: {why}",
                entry.fault.kind(),
                entry.fault.target()
            );
        }
    }
}

/// The table of checks.
pub fn verdicts(verdicts: &[Verdict]) {
    println!();
    for verdict in verdicts {
        let holds = if verdict.holds() { "holds" } else { "FAILS" };
        println!(
            "{holds}  {:<12} {}  ({})",
            verdict.name, verdict.claim, verdict.figures
        );
        if !verdict.holds() {
            println!("       {} times, such as", verdict.violations);
        }
        for example in &verdict.examples {
            println!("         {example}");
        }
    }
}

/// A line of the self-test.
pub fn bug(bug: Option<&Bug>, right: bool, said: &str, took: f64) {
    let (name, what) = bug.map_or(("(no bug)", "the services as they are"), |bug| {
        (bug.name, bug.what)
    });
    let word = match (bug.is_some(), right) {
        (true, true) => "caught",
        (true, false) => "SURVIVES",
        (false, true) => "holds",
        (false, false) => "FAILS",
    };
    println!("{word:<9} {name:<25} {what}: {said}  ({took:.0} s)");
}
