//! Where the time goes: flame graphs of the services, from their own profiles.

use std::collections::BTreeMap;
use std::path::Path;

use inferno::flamegraph;
use pprof::protos::{Message, Profile};
use testkit::System;
use tokio::task::JoinHandle;

use crate::telemetry::Telemetry;
use crate::work::Work;

/// Less than the run it is taken in.
const SECONDS: u64 = 8;

/// The service whose profile is taken in this run.
pub fn wanted(work: &Work, telemetry: Telemetry) -> Option<&'static str> {
    let service = match work.name {
        "mixed" => "todo-api",
        "chat fan-out" => "chat-gateway",
        "events" => "event-worker",
        _ => return None,
    };
    (telemetry == Telemetry::Full).then_some(service)
}

/// Takes a profile while the run goes on, and writes it to `FLAMES`, a folder, if
/// that is set.
pub fn take(system: &System, service: &'static str) -> JoinHandle<()> {
    let of = match service {
        "todo-api" => &system.todo_api,
        "chat-gateway" => &system.chat_gateway,
        _ => &system.event_worker,
    };
    let url = of.admin(&format!("/debug/pprof/profile?seconds={SECONDS}"));
    let http = system.http.clone();
    tokio::spawn(async move {
        let Some(folder) = std::env::var_os("FLAMES") else {
            return;
        };
        let answer = http.get(url).send().await.expect("the admin port");
        assert_eq!(answer.status(), 200, "the profile");
        let bytes = answer.bytes().await.expect("the profile");
        let profile = Profile::decode(bytes).expect("pprof's format");
        let stacks = folded(&profile);
        let mut options = flamegraph::Options::default();
        options.title = format!("{service}: CPU, 99 samples a second, {SECONDS} s");
        options.min_width = 0.3;
        let mut svg = Vec::new();
        let lines = stacks.iter().map(String::as_str);
        flamegraph::from_lines(&mut options, lines, &mut svg).expect("a flame graph");
        let path = Path::new(&folder).join(format!("flame-{service}.svg"));
        std::fs::write(&path, svg).expect("the folder FLAMES");
        let folded = Path::new(&folder).join(format!("flame-{service}.folded"));
        std::fs::write(folded, stacks.join("\n")).expect("the folder FLAMES");
    })
}

/// `outer;inner;innermost count`, as flame graphs are drawn from.
fn folded(profile: &Profile) -> Vec<String> {
    let text = |index: i64| {
        usize::try_from(index)
            .ok()
            .and_then(|at| profile.string_table.get(at))
    };
    let functions: BTreeMap<u64, &str> = profile
        .function
        .iter()
        .filter_map(|function| Some((function.id, text(function.name)?.as_str())))
        .collect();
    let locations: BTreeMap<u64, Vec<&str>> = profile
        .location
        .iter()
        .map(|location| {
            let names = location.line.iter().rev();
            let names = names.filter_map(|line| functions.get(&line.function_id).copied());
            (location.id, names.collect())
        })
        .collect();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for sample in &profile.sample {
        // The innermost comes first.
        let frames = sample.location_id.iter().rev();
        let frames = frames.filter_map(|id| locations.get(id)).flatten();
        let stack: Vec<String> = frames.map(|name| name.replace(';', ":")).collect();
        let count = sample.value.first().copied().unwrap_or_default();
        *counts.entry(stack.join(";")).or_default() += count;
    }
    counts
        .into_iter()
        .map(|(stack, count)| format!("{stack} {count}"))
        .collect()
}
