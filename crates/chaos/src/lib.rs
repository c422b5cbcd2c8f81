//! The proof that accepted work is kept: writes through the public API, entered
//! in a ledger, while everything in reach is broken; and then the books are
//! compared.
//!
//! [`schedule`] makes a plan of faults from a seed, [`world`] runs the real
//! services on real backing services with a proxy on every way between them,
//! [`workload`] writes and keeps the [`ledger`], [`faults`] does the damage,
//! [`quiet`] waits until all work is done, [`evidence`] reads back what is in
//! topics and databases, and [`checks`] compares it with the ledger.
// The system is talked to as the world does: without a trace of one's own.
#![allow(clippy::disallowed_methods)]

pub mod checks;
pub mod cli;
pub mod evidence;
pub mod fault;
pub mod faults;
pub mod ledger;
pub mod pace;
pub mod quiet;
pub mod report;
pub mod run;
pub mod schedule;
pub mod selftest;
pub mod workload;
pub mod world;
