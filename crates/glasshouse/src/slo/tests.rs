//! Tests of the rules, for promtool: what each window's ratio and the budget come to, and at which ratios the
//! alerts fire. The numbers are worked out from the objectives, not by the rules.

use anyhow::Result;

use super::rules::{BURNS, Burn, WINDOWS, budget, limit, round};
use super::series::Events;
use super::window::Window;
use super::{Objective, Preset};

/// When rules are evaluated: off the samples' grid, so that nothing hangs on whether a range is open on its left.
const EVERY: Window = Window::minutes(3 * 24 * 60 + 1);
/// Between samples: twice in the shortest window, and thrice.
const STEP: Window = Window::seconds(90);
/// The same, for the budget's window of weeks.
const LONG_STEP: Window = Window::hours(7);
/// How many evaluations that takes.
const LONG: u64 = 10;

/// The file of tests for the rules that lie at this path.
///
/// # Errors
/// When an objective counts what is no selector.
pub fn generate_tests(objectives: &[Objective], preset: Preset, rules: &str) -> Result<String> {
    let mut file = File {
        preset,
        text: format!(
            "# Made by `glasshouse slo generate` of alerts/slo.toml: change that.\n\
             # promtool test rules alerts/tests/*.yml\n\
             rule_files: [{rules}]\n\
             evaluation_interval: {}\n\ntests:\n",
            EVERY.scaled(preset)
        ),
    };
    for objective in objectives {
        file.ratios(objective)?;
        file.budget(objective)?;
        for (alert, burns) in BURNS {
            file.alert(objective, alert, burns);
        }
    }
    Ok(file.text)
}

struct File {
    preset: Preset,
    text: String,
}

impl File {
    fn ratios(&mut self, objective: &Objective) -> Result<()> {
        let sli = &objective.sli;
        for (title, events) in [
            (
                "the share of bad events in each window",
                Events::troubled(sli, 5000)?,
            ),
            // Half an event a second.
            ("no share without bad ones", Events::untroubled(sli, 45)?),
            ("nothing without events", Events::over(sli)?),
        ] {
            let asked = WINDOWS.map(|window| {
                let ratio = events.error_ratio(self.steps(window, EVERY, STEP));
                (format!("slo:sli_error:ratio_rate{window}"), ratio)
            });
            self.test(objective, title, &events, STEP, 1, &asked);
        }
        Ok(())
    }

    fn budget(&mut self, objective: &Objective) -> Result<()> {
        let sli = &objective.sli;
        let moment = Window::seconds(EVERY.0 * LONG);
        for (title, events) in [
            ("what is left of the budget", Events::troubled(sli, 50)?),
            (
                "all of the budget without bad events",
                Events::untroubled(sli, 12_600)?,
            ),
            ("no budget without events", Events::over(sli)?),
        ] {
            let ratio = events.error_ratio(self.steps(objective.window, moment, LONG_STEP));
            let left = ratio.map(|ratio| 1.0 - ratio / budget(objective.objective));
            let asked = [
                ("slo:error_budget_remaining:ratio".to_owned(), left),
                ("slo:objective:ratio".to_owned(), Some(objective.objective)),
            ];
            self.test(objective, title, &events, LONG_STEP, LONG, &asked);
        }
        Ok(())
    }

    /// How many steps lie within a window that ends at a moment.
    fn steps(&self, window: Window, moment: Window, step: Window) -> u64 {
        let [window, moment, step] = [window, moment, step].map(|it| it.scaled(self.preset).0);
        let last = moment / step;
        let first = (moment - window).div_ceil(step);
        last - first
    }

    fn test(
        &mut self,
        objective: &Objective,
        title: &str,
        events: &Events,
        step: Window,
        evaluations: u64,
        asked: &[(String, Option<f64>)],
    ) {
        let Objective { name, service, .. } = objective;
        let preset = self.preset;
        let samples = EVERY.scaled(preset).0 * evaluations / step.scaled(preset).0 + 1;
        let moment = Window::seconds(EVERY.scaled(preset).0 * evaluations);
        self.head(name, title, step);
        for series in &events.series {
            self.line(&format!("      - {}", series.written(samples)));
        }
        self.line("    promql_expr_test:");
        for (record, value) in asked {
            self.line(&format!(
                "      - expr: round({record}{{slo=\"{name}\"}}, 0.000001)\n        eval_time: {moment}"
            ));
            self.line(&match value {
                Some(value) => format!(
                    "        exp_samples: [{{labels: '{{slo=\"{name}\",service=\"{service}\"}}', value: {}}}]",
                    (value * 1e6 + 0.5).floor() / 1e6
                ),
                None => "        exp_samples: []".to_owned(),
            });
        }
        self.line("");
    }

    /// At each moment other windows are above their limits. Another objective is always far above.
    fn alert(&mut self, objective: &Objective, alert: &str, burns: [Burn; 2]) {
        let Objective { name, service, .. } = objective;
        let over = |burn: &Burn| round(limit(burn, objective.objective) * 1.05);
        let at = |burn: &Burn| limit(burn, objective.objective);
        let none = |_: &Burn| 0.0;
        type Value<'a> = &'a dyn Fn(&Burn) -> f64;
        // The first pair's long and short window, the second's, and whether it fires.
        let moments: [([Value; 4], bool); 10] = [
            ([&at, &over, &none, &none], false),
            ([&over, &at, &none, &none], false),
            ([&over, &over, &none, &none], true),
            ([&over, &none, &none, &none], false),
            ([&none, &over, &none, &none], false),
            ([&none, &none, &at, &over], false),
            ([&none, &none, &over, &at], false),
            ([&none, &none, &over, &over], true),
            ([&none, &none, &over, &none], false),
            ([&none, &none, &none, &over], false),
        ];
        self.head(name, &format!("{alert} at its limits"), EVERY);
        for (index, window) in burns
            .iter()
            .flat_map(|burn| [burn.long, burn.short])
            .enumerate()
        {
            let burn = &burns[index / 2];
            let values: Vec<_> = moments
                .iter()
                .map(|(values, _)| values[index](burn).to_string())
                .collect();
            let record = format!("slo:sli_error:ratio_rate{window}");
            self.line(&format!(
                "      - {{series: '{record}{{slo=\"{name}\",service=\"{service}\"}}', values: '{}'}}\n      - {{series: '{record}{{slo=\"other\",service=\"other\"}}', values: '1x{}'}}",
                values.join(" "),
                moments.len() - 1
            ));
        }
        self.line("    promql_expr_test:");
        for (index, (_, fires)) in (0..).zip(&moments) {
            self.line(&format!(
                "      - expr: count by (slo) (ALERTS{{alertname=\"{alert}\",alertstate=\"firing\",service=~\"{service}|other\"}})\n        eval_time: {}",
                Window::seconds(EVERY.scaled(self.preset).0 * index),
            ));
            self.line(&if *fires {
                format!("        exp_samples: [{{labels: '{{slo=\"{name}\"}}', value: 1}}]")
            } else {
                "        exp_samples: []".to_owned()
            });
        }
        self.line("");
    }

    fn head(&mut self, name: &str, title: &str, step: Window) {
        let step = step.scaled(self.preset);
        self.line(&format!(
            "  - name: \"{name}: {title}\"\n    interval: {step}\n    input_series:"
        ));
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }
}
