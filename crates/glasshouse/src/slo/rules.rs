//! The rules: an error ratio over each window, what is left of the budget, and
//! alerts on how fast it burns.
//!
//! Multi-window, multi-burn-rate: "The Site Reliability Workbook" (Google), chapter
//! 5. An alert needs a long window, so that it means something, and a short one of
//! a twelfth, so that it ends soon after the cause has.

use super::window::Window;
use super::{Objective, Preset};

/// A budget that burns `factor` times as fast as it may.
pub(super) struct Burn {
    factor: f64,
    pub(super) long: Window,
    pub(super) short: Window,
}

/// Wakes somebody: 2 % of a month's budget in an hour, 5 % in six.
const FAST: [Burn; 2] = [
    Burn {
        factor: 14.4,
        long: Window::hours(1),
        short: Window::minutes(5),
    },
    Burn {
        factor: 6.0,
        long: Window::hours(6),
        short: Window::minutes(30),
    },
];
/// Is looked at in the morning: 10 % in a day, 10 % in three.
const SLOW: [Burn; 2] = [
    Burn {
        factor: 3.0,
        long: Window::days(1),
        short: Window::hours(2),
    },
    Burn {
        factor: 1.0,
        long: Window::days(3),
        short: Window::hours(6),
    },
];
/// The alerts.
pub(super) const BURNS: [(&str, [Burn; 2]); 2] =
    [("ErrorBudgetBurnFast", FAST), ("ErrorBudgetBurnSlow", SLOW)];
pub(super) const WINDOWS: [Window; 7] = [
    Window::minutes(5),
    Window::minutes(30),
    Window::hours(1),
    Window::hours(2),
    Window::hours(6),
    Window::days(1),
    Window::days(3),
];
const RUNBOOKS: &str = "https://github.com/glasshouse-dev/glasshouse/blob/main/alerts/runbooks";
const PANEL: &str = "http://127.0.0.1:3000/d/glasshouse-slo?viewPanel=panel-2";

/// The file of rules for these objectives.
pub fn generate(objectives: &[Objective], preset: Preset) -> String {
    let flag = match preset {
        Preset::Standard => "",
        Preset::Workshop => " --preset workshop",
    };
    let mut out = format!(
        "# Made by `glasshouse slo generate{flag}` of alerts/slo.toml: change that.\ngroups:\n"
    );
    for objective in objectives {
        group(&mut out, objective, preset);
    }
    out
}

fn group(out: &mut String, objective: &Objective, preset: Preset) {
    let Objective { name, service, .. } = objective;
    let every = match preset {
        Preset::Standard => "30s",
        Preset::Workshop => "5s",
    };
    let labels = format!("{{slo: {name}, service: {service}}}");
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "  - name: slo-{name}\n    interval: {every}\n    rules:"
    ));
    line(format!(
        "      # {} Objective: {} % over {}.",
        objective.description,
        percent(objective.objective),
        objective.window.scaled(preset),
    ));
    for window in WINDOWS {
        line(format!(
            "      - record: slo:sli_error:ratio_rate{window}\n        expr: |\n          {}\n        labels: {labels}",
            objective
                .error_ratio(window.scaled(preset))
                .replace('\n', "\n          "),
        ));
    }
    line(format!(
        "      - record: slo:objective:ratio\n        expr: vector({})\n        labels: {labels}",
        objective.objective
    ));
    // Of the window's budget, what its errors have left; below 0 it is overdrawn.
    line(format!(
        "      - record: slo:error_budget_remaining:ratio\n        expr: |\n          1 - {}\n          / {}\n        labels: {labels}",
        objective
            .error_ratio(objective.window.scaled(preset))
            .replace('\n', "\n          "),
        budget(objective.objective),
    ));
    let meanings = [
        ("critical", "is used up in hours, not in weeks"),
        ("warning", "will not last for its window"),
    ];
    for ((alert, burns), (severity, summary)) in BURNS.into_iter().zip(meanings) {
        let terms: Vec<_> = burns.iter().map(|burn| objective.burning(burn)).collect();
        line(format!(
            "      - alert: {alert}\n        expr: |2\n            {}\n        labels: {{severity: {severity}, service: {service}, slo: {name}}}",
            terms.join("\n          or\n            "),
        ));
        line(format!(
            "        annotations:\n          summary: \"The error budget of {name} {summary}\"\n          description: \"{{{{ $value | humanizePercentage }}}} of the events were bad; {} may be: {}\"\n          runbook_url: {RUNBOOKS}/{alert}.md\n          dashboard_url: {PANEL}",
            format_args!("{} %", percent(budget(objective.objective))),
            objective.description,
        ));
    }
    line(String::new());
}

impl Objective {
    /// The share of bad events: 0 without any, absent without events.
    fn error_ratio(&self, window: Window) -> String {
        let rate = |selector: &str| format!("sum(rate({selector}[{window}]))");
        let total = rate(&self.sli.total);
        match (&self.sli.bad, &self.sli.good) {
            (Some(bad), _) => {
                format!("(\n  ({} or vector(0))\n  / ({total} > 0)\n)", rate(bad))
            }
            (None, good) => {
                let good = rate(good.as_deref().unwrap_or_default());
                format!("(\n  1 - {good}\n  / ({total} > 0)\n)")
            }
        }
    }

    fn burning(&self, burn: &Burn) -> String {
        let Burn { long, short, .. } = burn;
        let limit = limit(burn, self.objective);
        let name = &self.name;
        // `and` takes of the short window only what has the labels of the long one.
        format!(
            "(\n              slo:sli_error:ratio_rate{long}{{slo=\"{name}\"}} > {limit}\n            and\n              slo:sli_error:ratio_rate{short} > {limit}\n            )"
        )
    }
}

/// The share of bad events at which a budget burns this fast.
pub(super) fn limit(burn: &Burn, objective: f64) -> f64 {
    round(burn.factor * budget(objective))
}

/// The share of events that may be bad.
pub(super) fn budget(objective: f64) -> f64 {
    round(1.0 - objective)
}

fn percent(share: f64) -> f64 {
    round(share * 100.0)
}

/// Without the noise that binary fractions add: 1 - 0.995 is 0.005.
pub(super) fn round(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}
