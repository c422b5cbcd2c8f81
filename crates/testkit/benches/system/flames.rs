//! Where the time goes: flame graphs of the services, from their own profiles.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use inferno::flamegraph;
use pprof::protos::{Message, Profile};
use testkit::System;
use tokio::sync::oneshot;

use crate::work::Work;

/// Of a profile.
const TAKEN: Duration = Duration::from_secs(30);
/// Of the run it is taken in.
const RUN: Duration = Duration::from_secs(32);

/// Characters of a function's name: with all its types, some have a thousand.
const NAME: usize = 120;

/// Draws what one service does in this work into `folder`; nothing, if another work
/// shows that better.
pub async fn draw(system: &System, work: &Work, rate: f64, folder: &Path) {
    let (name, service) = match work.name {
        "mixed" => ("todo-api", &system.todo_api),
        "chat fan-out" => ("chat-gateway", &system.chat_gateway),
        "events" => ("event-worker", &system.event_worker),
        _ => return,
    };
    let url = service.admin(&format!("/debug/pprof/profile?seconds={}", TAKEN.as_secs()));
    let (tell, begun) = oneshot::channel();
    let profile = async {
        begun.await.expect("a run");
        let answer = system.http.get(url).send().await.expect("the admin port");
        assert_eq!(answer.status(), 200, "the profile");
        answer.bytes().await.expect("the profile")
    };
    let run = work.steady(system, rate, RUN, move || {
        // Who no longer waits has said why.
        let _ = tell.send(());
    });
    let (_, bytes) = tokio::join!(run, profile);
    let stacks = folded(&Profile::decode(bytes).expect("pprof's format"));
    let mut options = flamegraph::Options::default();
    options.title = format!("{name}: CPU, 99 samples a second, {} s", TAKEN.as_secs());
    options.min_width = 0.3;
    let mut svg = Vec::new();
    let lines = stacks.iter().map(String::as_str);
    flamegraph::from_lines(&mut options, lines, &mut svg).expect("a flame graph");
    let write = |ending: &str, what: &[u8]| {
        let path = folder.join(format!("{name}.{ending}"));
        std::fs::write(path, what).expect("the folder FLAMES");
    };
    write("svg", &svg);
    write("folded", stacks.join("\n").as_bytes());
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
        let stack: Vec<String> = frames
            .map(|name| name.replace(';', ":").chars().take(NAME).collect())
            .collect();
        let count = sample.value.first().copied().unwrap_or_default();
        *counts.entry(stack.join(";")).or_default() += count;
    }
    counts
        .into_iter()
        .map(|(stack, count)| format!("{stack} {count}"))
        .collect()
}
