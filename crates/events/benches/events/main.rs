//! `make bench-events`: what the outbox's relay and the consumer cost on top of
//! what cannot be done without. Each pair runs one after the other, in turn first;
//! figures are medians, the ratio is the median of the pairs' ratios.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "gives no transaction up, and prints what it measured"
)]

mod pipeline;
mod relay;
mod writers;

use testkit::{Backing, median};

/// A number from the environment.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Whether `ONLY` asks for this part, or for none.
fn wanted(part: &str) -> bool {
    std::env::var("ONLY").map_or(true, |only| only == part)
}

#[tokio::main]
async fn main() {
    let pairs = number("PAIRS", 5);
    let backing = Backing::shared().await;
    println!("events per second, {pairs} pairs, medians");
    println!("{:<44} {:>10} {:>10} {:>7}", "", "bare", "ours", "ratio");
    if wanted("relay") {
        relay::measure(&backing, pairs, number("ROWS", 30_000)).await;
    }
    if wanted("consumer") {
        pipeline::measure(&backing, pairs, number("MESSAGES", 400_000)).await;
    }
    if wanted("writers") {
        writers::measure(&backing, pairs).await;
    }
}

/// Rates of pairs, for one line of the table.
#[derive(Default)]
struct Pairs {
    bare: Vec<f64>,
    ours: Vec<f64>,
}

impl Pairs {
    fn add(&mut self, bare: f64, ours: f64) {
        self.bare.push(bare);
        self.ours.push(ours);
    }

    fn print(mut self, what: &str) {
        let mut ratios: Vec<f64> = self
            .bare
            .iter()
            .zip(&self.ours)
            .map(|(bare, ours)| ours / bare)
            .collect();
        println!(
            "{what:<44} {:>10.0} {:>10.0} {:>7.2}",
            median(&mut self.bare),
            median(&mut self.ours),
            median(&mut ratios)
        );
    }
}
