//! What watches the system, with all of it running: alerts from their cause to
//! who is told, which traces are kept, what is left out of them, and what logs
//! alone tell. One system for all of these, in a workshop's time. Needs the Go
//! programs that `make tools` builds, and a minute and a half: `make test-watched`.
#![allow(clippy::disallowed_methods, reason = "tests ask as the outside does")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, by another harness"
)]

mod alerts;
mod logs;
mod planted;
mod stack;
mod traces;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use stack::Stack;

/// What is proven, in this order: the last stops a service.
const PROOFS: [(&str, Proof); 8] = [
    ("every_target_is_scraped", |stack| {
        Box::pin(alerts::targets(stack))
    }),
    ("errors_slow_and_debug_traces_are_kept", |stack| {
        Box::pin(traces::kept(stack))
    }),
    ("an_exemplar_leads_to_a_trace", |stack| {
        Box::pin(traces::exemplar(stack))
    }),
    ("jaeger_shows_how_operations_perform", |stack| {
        Box::pin(traces::performance(stack))
    }),
    ("what_is_not_allowed_does_not_get_through", |stack| {
        Box::pin(logs::redacted(stack))
    }),
    ("what_services_say_gets_through", |stack| {
        Box::pin(logs::allowed(stack))
    }),
    ("log_lines_are_alerts_and_kept_by_level", |stack| {
        Box::pin(logs::alerts(stack))
    }),
    (
        "a_stopped_service_is_told_of_and_so_is_its_return",
        |stack| Box::pin(alerts::stopped_service(stack)),
    ),
];

type Proof = for<'a> fn(&'a Stack) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share a system, and the last takes a part of it away.
    arguments.test_threads = Some(1);
    let missing = stack::missing();
    let kind = match missing.as_slice() {
        [] => "skipped here: make test-watched runs it".to_owned(),
        missing => format!("skipped: no {}; make tools builds them", missing.join(", ")),
    };
    let trials = PROOFS
        .into_iter()
        .map(|(name, proof)| {
            let trial = Trial::test(name, move || run(proof));
            trial.with_ignored_flag(true).with_kind(&kind)
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    stack::end();
    conclusion.exit_code()
}

fn run(proof: Proof) -> Result<(), Failed> {
    let stack = stack::running()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(proof(stack));
    Ok(())
}
