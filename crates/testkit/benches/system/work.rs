//! The kinds of work, each a scenario of the load generator.

use std::time::Duration;

use loadtest::{Report, Scenario, Settings, Watch, run_scenario};
use testkit::System;
use tokio_util::sync::CancellationToken;

/// Between the rates of a search.
pub const FACTOR: f64 = 1.25;
/// Rates of a search at most.
const RATES: u32 = 16;
/// How long each is tried.
const EACH: &str = "3s";

pub struct Work {
    pub name: &'static str,
    scenario: &'static str,
    /// The row whose latency is shown.
    pub measured: &'static str,
    /// The rate with which the search begins.
    pub from: f64,
}

pub const WORK: [Work; 5] = [
    Work {
        name: "create",
        scenario: include_str!("create.yaml"),
        measured: "create",
        from: 500.0,
    },
    Work {
        name: "list",
        scenario: include_str!("list.yaml"),
        measured: "list",
        from: 1000.0,
    },
    Work {
        name: "mixed",
        scenario: include_str!("mixed.yaml"),
        measured: "operation",
        from: 100.0,
    },
    Work {
        name: "chat fan-out",
        scenario: include_str!("chat.yaml"),
        measured: "message",
        from: 500.0,
    },
    Work {
        name: "events",
        scenario: include_str!("events.yaml"),
        measured: "publish.effect",
        from: 200.0,
    },
];

impl Work {
    /// The highest rate that was borne; `None` if none was.
    pub async fn knee(&self, system: &System, from: f64) -> Option<f64> {
        let to = from * FACTOR.powi(RATES.cast_signed() - 1);
        let search =
            format!("breakpoint: {{ from: {from}, to: {to}, factor: {FACTOR}, each: {EACH} }}");
        let report = self.run(system, &search, || {}).await;
        report.breakpoint.and_then(|search| search.knee)
    }

    /// A run at one rate. `begun` is called when everything for it is set up.
    pub async fn steady(
        &self,
        system: &System,
        rate: f64,
        duration: Duration,
        begun: impl FnOnce() + Send + 'static,
    ) -> Report {
        let seconds = duration.as_secs();
        let phases = format!("phases: [{{ name: steady, rate: {rate}, duration: {seconds}s }}]");
        self.run(system, &phases, begun).await
    }

    async fn run(
        &self,
        system: &System,
        when: &str,
        begun: impl FnOnce() + Send + 'static,
    ) -> Report {
        let text = format!(
            "{}{when}\nconnections: 64\nmax_lateness: 50ms\n",
            self.scenario
        );
        let scenario = Scenario::parse(&text, self.name).unwrap_or_else(|error| panic!("{error}"));
        let settings = Settings {
            traces: None,
            ..system.load_settings()
        };
        // What the run before has left in queues is not this one's.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut watch = Watch::quiet().begun(begun);
        run_scenario(&scenario, &settings, CancellationToken::new(), &mut watch)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}
