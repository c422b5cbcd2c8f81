//! What became of the mutants.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::rules::Mutant;
use crate::survivors::Survivor;

/// The least share that has to be noticed.
const SHARE: f64 = 0.95;
/// The least number of mutants: fewer would mean that some were not made.
const LEAST: usize = 200;

/// The count so far.
pub struct Report {
    whole: bool,
    verbose: bool,
    mutants: usize,
    killed: usize,
    unexcused: Vec<String>,
    /// Rule and change of each survivor.
    survived: BTreeSet<(String, String)>,
}

impl Report {
    /// Of all rules, or of some of them.
    pub fn new(whole: bool, verbose: bool) -> Self {
        Self {
            whole,
            verbose,
            mutants: 0,
            killed: 0,
            unexcused: Vec::new(),
            survived: BTreeSet::new(),
        }
    }

    /// The mutants of a file of rules.
    pub fn file(&mut self, name: &str, mutants: &[Mutant], noticed: &[bool], excused: &[Survivor]) {
        let killed = noticed.iter().filter(|noticed| **noticed).count();
        if !mutants.is_empty() {
            println!(
                "{name:<14} {killed:>5} of {:>5} mutants noticed, {:.1} %",
                mutants.len(),
                percent(killed, mutants.len())
            );
        }
        self.mutants += mutants.len();
        self.killed += killed;
        for (mutant, noticed) in mutants.iter().zip(noticed) {
            let Mutant { of, text, .. } = mutant;
            if self.verbose {
                let what = if *noticed { "noticed " } else { "SURVIVES" };
                println!("  {what}  {of}: {text}");
            }
            if !noticed {
                self.survived.insert((of.clone(), text.clone()));
                if !excused.iter().any(|one| one.excuses(of, text)) {
                    self.unexcused.push(format!("{of}: {text}"));
                }
            }
        }
    }

    /// The verdict: enough were noticed, every survivor has a reason, every reason a survivor.
    pub fn conclude(self, excused: &[Survivor], took: Duration) -> bool {
        println!(
            "{:<14} {:>5} of {:>5} mutants noticed, {:.1} %, in {} s",
            "all",
            self.killed,
            self.mutants,
            percent(self.killed, self.mutants),
            took.as_secs()
        );
        for line in &self.unexcused {
            println!("survives without a reason in mutants.toml: {line}");
        }
        let mut holds = self.unexcused.is_empty();
        if self.whole {
            for one in excused {
                for rule in &one.rules {
                    let (rule, change) = (rule.clone(), one.change.clone());
                    if !self.survived.contains(&(rule.clone(), change)) {
                        println!("excused, but does not survive: {rule}: {}", one.change);
                        holds = false;
                    }
                }
            }
            if self.mutants < LEAST || percent(self.killed, self.mutants) < SHARE * 100.0 {
                println!(
                    "at least {LEAST} mutants, {} % noticed, are asked for",
                    SHARE * 100.0
                );
                holds = false;
            }
        }
        holds
    }
}

#[allow(clippy::cast_precision_loss, reason = "thousands at most")]
fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64 * 100.0
    }
}
