use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};

use super::*;
use crate::outline::tests::single;
use crate::record::Record;
use crate::report::{Moment, StepMoment};

/// Two minutes of a step whose quantiles scatter by a tenth from second to second,
/// `slower` times as slow.
fn run(random: &mut StdRng, slower: f64) -> Report {
    let mut record = Record::new(1);
    record.steps[0].took(1_000_000, 1_000_000);
    record.steps[0].answered(200, 1, true);
    let mut report = Report::new(&single("http://127.0.0.1:1/", 120), &record, false);
    assert!(report.valid || report.invalid_because == ["nothing was sent"]);
    (report.valid, report.answered, report.errors) = (true, 12_000, 12);
    let scatter = LogNormal::new(0.0, 0.1).unwrap();
    let mut near = |middle: f64| (middle * slower * scatter.sample(random)) as u64;
    report.timeline = (1..=120)
        .map(|second| {
            let (p50, p95, p99) = (near(2e6), near(8e6), near(2e7));
            Moment {
                at: f64::from(second),
                seconds: 1.0,
                intended: 100,
                answered: 100,
                errors: 0,
                unsent: 0,
                p50,
                p95,
                p99,
                max: p99,
                late: 50_000,
                busy: 0.1,
                host_cpu: 0.3,
                host_memory: 0.2,
                steps: vec![StepMoment {
                    answered: 100,
                    errors: 0,
                    p50,
                    p95,
                    p99,
                }],
            }
        })
        .collect();
    report
}

fn random() -> StdRng {
    let seed = rand::rng().random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn what_is_the_same_is_rarely_found_to_differ() {
    let mut random = random();
    let pairs = 400;
    let found = (0..pairs)
        .filter(|_| {
            let (a, b) = (run(&mut random, 1.0), run(&mut random, 1.0));
            against_earlier(&a, &b, ERROR_RATE).unwrap().regressions() > 0
        })
        .count();
    // Expected are 4 at most; five standard deviations above are 14.
    assert!(found <= 14, "{found} of {pairs}");
}

#[test]
fn a_tenth_slower_is_found_and_a_tenth_quicker_is_none() {
    let mut random = random();
    for _ in 0..100 {
        let (before, after) = (run(&mut random, 1.0), run(&mut random, 1.1));
        let findings = against_earlier(&after, &before, ERROR_RATE).unwrap();
        assert!(findings.regressions() >= 2, "{findings}");
        let findings = against_earlier(&before, &after, ERROR_RATE).unwrap();
        assert_eq!(findings.regressions(), 0, "{findings}");
    }
}

#[test]
fn more_errors_are_a_regression() {
    let mut random = random();
    let (before, mut after) = (run(&mut random, 1.0), run(&mut random, 1.0));
    after.errors = 120;
    let findings = against_earlier(&after, &before, ERROR_RATE).unwrap();
    let errors = findings
        .0
        .iter()
        .find(|finding| finding.what == "errors")
        .unwrap();
    assert_eq!(errors.outcome, Outcome::Regressed);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut random = random();
    let (before, after) = (run(&mut random, 1.0), run(&mut random, 1.0));
    let refused = |change: fn(&mut Report)| {
        let mut other = after.clone();
        change(&mut other);
        against_earlier(&other, &before, ERROR_RATE)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(|run| run.machine.cores += 1).contains("two machines"));
    assert!(refused(|run| run.scenario = Some("chat".to_owned())).contains("same load"));
    assert!(refused(|run| run.timeline.truncate(30)).contains("too short"));
    // Nine values of each: no order of them is so rare by chance.
    let [before, after] = [before, after].map(|mut run| {
        run.timeline.truncate(50);
        run
    });
    assert!(against_earlier(&after, &before, ERROR_RATE).is_ok());
    let error = against_earlier(&after, &before, 1e-4).unwrap_err();
    assert!(error.to_string().contains("too short"), "{error}");
}

#[test]
fn the_shipped_baselines_hold_what_they_should() {
    let baselines = Baselines::shipped();
    let mut random = random();
    let mut report = run(&mut random, 1.0);
    let outcome = |report: &Report, what: &str| {
        let findings = baselines.against(report).0;
        let of = |finding: &&Finding| finding.what == what;
        findings.iter().find(of).map(|finding| finding.outcome)
    };
    report.steps[0].name = "login".to_owned();
    assert_eq!(
        outcome(&report, "/api/auth/login p95"),
        Some(Outcome::Holds)
    );
    assert_eq!(outcome(&report, "quiz_agent"), Some(Outcome::Unknown));
    assert_eq!(outcome(&report, "/health"), Some(Outcome::Unknown));
    assert_eq!(outcome(&report, "overall errors"), Some(Outcome::Holds));
    report.errors = 240;
    assert_eq!(outcome(&report, "overall errors"), Some(Outcome::Regressed));
    report
        .timeline
        .iter_mut()
        .for_each(|moment| moment.host_cpu = 0.9);
    assert_eq!(outcome(&report, "overall CPU"), Some(Outcome::Regressed));

    let mut slow = crate::record::histogram();
    slow.record_n(600_000_000, 100).unwrap();
    report.steps[0].service = crate::report::Latency::of(&slow);
    assert_eq!(
        outcome(&report, "/api/auth/login p95"),
        Some(Outcome::Regressed)
    );
    assert_eq!(outcome(&report, "overall p95"), Some(Outcome::Regressed));
    assert!(Baselines::parse("rows: [{ name: x, p5: 1 }]").is_err());
}
