//! The rows of a scenario's report.

use crate::outline::{Kind, StepAbout};
use crate::scenario::{Action, Scenario, Step};

/// Most rows one step has: its own, and its parts.
pub(crate) const MOST: usize = 3;

/// What the row of a step is; a pause has none.
pub(crate) fn kind(action: &Action<'_>) -> Option<Kind> {
    Some(match action {
        Action::Http(_) | Action::Upload(_) | Action::Webhook(_) => Kind::Http,
        Action::Websocket(_) | Action::Fanout(_) => Kind::Websocket,
        Action::Sse(_) => Kind::Sse,
        Action::Kafka(_) => Kind::Kafka,
        Action::Pause(_) => return None,
    })
}

/// Of each step, its row and those of its parts; then one for each journey.
pub(crate) fn of(scenario: &Scenario) -> Vec<StepAbout> {
    let renew = scenario
        .users
        .as_ref()
        .and_then(|users| users.renew.as_ref());
    let steps = scenario
        .journeys
        .iter()
        .flat_map(|journey| &journey.value.steps);
    let steps = steps.chain(renew.iter().flat_map(|renew| &renew.steps));
    let mut rows: Vec<StepAbout> = Vec::new();
    for step in steps {
        if !rows.iter().any(|row| row.name == step.value.name) {
            rows.extend(of_step(&step.value));
        }
    }
    let whole = |journey: &crate::scenario::Journey| StepAbout {
        name: journey.name.clone(),
        kind: Kind::Journey,
    };
    rows.extend(
        scenario
            .journeys
            .iter()
            .map(|journey| whole(&journey.value)),
    );
    rows
}

fn of_step(step: &Step) -> Vec<StepAbout> {
    let Some(action) = step.action() else {
        return Vec::new();
    };
    let Some(kind) = kind(&action) else {
        return Vec::new();
    };
    let parts: &[&str] = match action {
        Action::Sse(_) => &["first", "between"],
        Action::Kafka(kafka) if kafka.effect.is_some() => &["effect"],
        _ => &[],
    };
    let own = StepAbout {
        name: step.name.clone(),
        kind,
    };
    let part = |part: &&str| StepAbout {
        name: format!("{}.{part}", step.name),
        kind: Kind::Part,
    };
    std::iter::once(own).chain(parts.iter().map(part)).collect()
}
