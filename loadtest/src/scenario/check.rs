//! What the types alone do not say about a scenario.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::{Location, Spanned};

use super::step::{Action, Step};
use super::template::{Template, is_name};
use super::{Gaps, Phase, Scenario};
use crate::outline::Kind;
use crate::script::rows;

type Wrong = (Location, String);

/// Names that every template may use.
const ALWAYS: [&str; 3] = ["run", "n", "i"];

pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
    let whole = Location::UNKNOWN;
    let mut known: BTreeSet<String> = ALWAYS.iter().map(ToString::to_string).collect();
    known.extend(scenario.values.keys().cloned());
    if let Some(users) = &scenario.users {
        within(users.count >= 1, whole, "users need a count of at least 1")?;
        let mut own = known.clone();
        data(&users.data, &mut own, whole)?;
        steps(&users.sign_up, &mut own)?;
        let user: BTreeSet<String> = own
            .difference(&known)
            .map(|name| format!("user.{name}"))
            .collect();
        known.extend(user);
        known.insert("user.n".to_owned());
        if let Some(renew) = &users.renew {
            steps(&renew.steps, &mut known.clone())?;
        }
    }
    steps(&scenario.setup, &mut known)?;
    if let Some(sockets) = &scenario.sockets {
        within(
            sockets.count >= sockets.rooms && sockets.rooms >= 1,
            whole,
            "sockets need at least one room, and one socket for each",
        )?;
        let names = sockets
            .path
            .names()
            .chain(sockets.protocols.iter().flat_map(|p| p.names()));
        let names = names.chain(sockets.join.iter().flat_map(|join| join.names()));
        for name in names.filter(|name| *name != "room") {
            within(known.contains(name), whole, &unknown(name))?;
        }
    }
    journeys(scenario, &known)?;
    when(scenario)?;
    thresholds(scenario)
}

fn within(right: bool, at: Location, why: &str) -> Result<(), Wrong> {
    if right {
        Ok(())
    } else {
        Err((at, why.to_owned()))
    }
}

fn unknown(name: &str) -> String {
    format!("{{{{{name}}}}} is not known here: nothing before it captures it")
}

/// Values that are made before the first step, of what is known by then.
fn data(
    data: &BTreeMap<String, Template>,
    known: &mut BTreeSet<String>,
    at: Location,
) -> Result<(), Wrong> {
    for name in data.values().flat_map(|value| value.names()) {
        within(known.contains(name), at, &unknown(name))?;
    }
    for name in data.keys() {
        within(
            is_name(name) && !name.contains('.'),
            at,
            "a value has a name of small letters, digits and _",
        )?;
        known.insert(name.clone());
    }
    Ok(())
}

/// Steps, each of which may use what those before it have captured.
fn steps(steps: &[Spanned<Step>], known: &mut BTreeSet<String>) -> Result<(), Wrong> {
    for Spanned {
        value: step,
        referenced: at,
        ..
    } in steps
    {
        let action = step.action().ok_or_else(|| {
            (*at, "a step is exactly one of http, websocket, sse, kafka, upload, webhook, fanout and pause".to_owned())
        })?;
        let pause = matches!(action, Action::Pause(_));
        within(
            pause || is_row(&step.name),
            *at,
            "a step needs a name of small letters, digits and hyphens",
        )?;
        within(step.repeat >= 1, *at, "repeat is at least 1")?;
        for name in names(&action) {
            let own = matches!(action, Action::Fanout(_)) && matches!(name, "id" | "room");
            within(own || known.contains(name), *at, &unknown(name))?;
        }
        if let Action::Websocket(socket) = &action {
            within(
                socket.open.is_none() || socket.path.is_some(),
                *at,
                "a websocket that is opened needs a path",
            )?;
            within(
                socket.open.is_some()
                    || socket.send.is_some()
                    || socket.until.is_some()
                    || socket.close,
                *at,
                "a websocket step opens, sends, waits or closes",
            )?;
        }
        if let Action::Fanout(fanout) = &action {
            within(
                fanout.heard.names().any(|name| name == "id"),
                *at,
                "heard must tell the frame by {{id}}",
            )?;
            within(
                fanout.send.names().any(|name| name == "id"),
                *at,
                "send must carry {{id}}",
            )?;
        }
        if let Action::Upload(upload) = &action {
            within(
                upload.files.iter().all(|file| file.bytes <= 64 << 20),
                *at,
                "a file has at most 64 MiB",
            )?;
        }
        for (name, capture) in &step.capture {
            within(
                is_name(name) && !name.contains('.'),
                *at,
                "a captured value has a name of small letters, digits and _",
            )?;
            let ways = [
                capture.json.is_some(),
                capture.header.is_some(),
                capture.regex.is_some(),
            ];
            within(
                ways.iter().filter(|way| **way).count() == 1,
                *at,
                "a capture is exactly one of json, header and regex",
            )?;
            known.insert(name.clone());
        }
    }
    Ok(())
}

fn is_row(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The values that the templates of a step name.
fn names<'a>(action: &Action<'a>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let map = |map: &'a BTreeMap<String, Template>| map.values().flat_map(|t| t.names());
    if let Some(request) = action.asks() {
        names.extend(request.line.path.names().chain(map(request.headers)));
    }
    match action {
        Action::Http(step) => {
            names.extend(step.json.iter().flat_map(|json| json.names()));
            names.extend(step.body.iter().flat_map(|body| body.names()));
        }
        Action::Websocket(step) => {
            names.extend(
                step.path
                    .iter()
                    .chain(&step.protocols)
                    .flat_map(|t| t.names()),
            );
            names.extend(step.send.iter().flat_map(|json| json.names()));
            names.extend(step.until.iter().flat_map(|until| until.names()));
        }
        Action::Sse(step) => names.extend(step.json.iter().flat_map(|json| json.names())),
        Action::Kafka(step) => {
            names.extend(
                step.topic
                    .names()
                    .chain(map(&step.headers))
                    .chain(step.json.names()),
            );
            names.extend(step.key.iter().flat_map(|key| key.names()));
            let effect = step.effect.iter();
            names.extend(
                effect.flat_map(|effect| effect.equals.names().chain(effect.topic.names())),
            );
        }
        Action::Upload(step) => {
            names.extend(map(&step.fields));
            names.extend(step.files.iter().flat_map(|file| file.name.names()));
        }
        Action::Webhook(step) => {
            names.extend(step.json.names().chain(step.signature.secret.names()));
        }
        Action::Fanout(step) => names.extend(step.send.names().chain(step.heard.names())),
        Action::Pause(_) => {}
    }
    names
}

fn journeys(scenario: &Scenario, known: &BTreeSet<String>) -> Result<(), Wrong> {
    let whole = Location::UNKNOWN;
    let mut taken: BTreeMap<String, Option<Kind>> = BTreeMap::new();
    for Spanned {
        value: journey,
        referenced: at,
        ..
    } in &scenario.journeys
    {
        within(
            is_row(&journey.name),
            *at,
            "a journey needs a name of small letters, digits and hyphens",
        )?;
        within(
            journey.weight.is_finite() && journey.weight >= 0.0,
            *at,
            "a weight is at least 0",
        )?;
        within(!journey.steps.is_empty(), *at, "a journey has steps")?;
        within(
            taken.insert(journey.name.clone(), None).is_none(),
            *at,
            "a journey or step of this name is there already",
        )?;
        for name in journey.headers.values().flat_map(|t| t.names()) {
            within(known.contains(name), *at, &unknown(name))?;
        }
        let mut own = known.clone();
        data(&journey.data, &mut own, *at)?;
        steps(&journey.steps, &mut own)?;
        for step in &journey.steps {
            let kind = step.value.action().and_then(|action| rows::kind(&action));
            let Some(kind) = kind else { continue };
            match taken.insert(step.value.name.clone(), Some(kind)) {
                None => {}
                Some(Some(before)) if before == kind => {}
                Some(_) => {
                    let why = "a journey, or a step of another kind, has this name already";
                    return Err((step.referenced, why.to_owned()));
                }
            }
            let alone = scenario.sockets.is_none() && step.value.fanout.is_some();
            within(
                !alone,
                step.referenced,
                "fanout needs the sockets of the scenario",
            )?;
        }
    }
    let weight: f64 = scenario
        .journeys
        .iter()
        .map(|journey| journey.value.weight)
        .sum();
    within(
        weight > 0.0,
        whole,
        "a scenario needs a journey with a weight above 0",
    )
}

/// Phases or a search, and not both.
fn when(scenario: &Scenario) -> Result<(), Wrong> {
    let whole = Location::UNKNOWN;
    match (&scenario.breakpoint, scenario.phases.is_empty()) {
        (None, true) => return Err((whole, "a scenario needs phases, or a breakpoint".to_owned())),
        (Some(_), false) => {
            return Err((
                whole,
                "a scenario has phases or a breakpoint, not both".to_owned(),
            ));
        }
        _ => {}
    }
    if let Some(search) = &scenario.breakpoint {
        let sane = search.from > 0.0
            && search.to >= search.from
            && search.factor >= 1.01
            && search.to <= 1e6;
        within(
            sane,
            whole,
            "a breakpoint goes from a rate above 0 to one not below it, by a factor of at least 1.01",
        )?;
        within(
            !scenario.thresholds.is_empty(),
            whole,
            "a breakpoint needs thresholds to break",
        )?;
        within(
            !search.each.0.is_zero(),
            whole,
            "each rate of a breakpoint is held for some time",
        )?;
    }
    for Spanned {
        value:
            Phase {
                rate,
                closed,
                spacing,
                duration,
                ..
            },
        referenced: at,
        ..
    } in &scenario.phases
    {
        within(
            rate.is_some() != closed.is_some(),
            *at,
            "a phase has a rate, or is closed",
        )?;
        within(
            closed.is_none() || *spacing == Gaps::default(),
            *at,
            "a closed phase has no spacing",
        )?;
        within(
            *closed != Some(0),
            *at,
            "a closed phase has at least one user",
        )?;
        within(!duration.0.is_zero(), *at, "a phase takes some time")?;
    }
    let closed = scenario
        .phases
        .iter()
        .filter(|phase| phase.value.closed.is_some())
        .count();
    within(
        closed == 0 || closed == scenario.phases.len(),
        whole,
        "phases are all open or all closed: their latencies mean different things",
    )?;
    within(
        scenario.connections >= 1 && scenario.at_once >= 1,
        whole,
        "connections and at_once are at least 1",
    )
}

fn thresholds(scenario: &Scenario) -> Result<(), Wrong> {
    let rows = rows::of(scenario);
    for Spanned {
        value: threshold,
        referenced: at,
        ..
    } in scenario.thresholds.iter().chain(&scenario.stop_when)
    {
        if let Some(name) = threshold.row() {
            let there = rows.iter().any(|row| row.name == name);
            within(
                there,
                *at,
                &format!("there is no step or journey called {name:?}"),
            )?;
        }
    }
    Ok(())
}
