//! Prometheus, the Collector, Jaeger and Loki: each runs where it is found, and
//! nothing else waits for it.

mod ahead;

use std::path::Path;

use anyhow::Result;

use super::plan::{COLLECTOR, JAEGER, LOKI, PROMETHEUS};
use crate::backing::{Place, Ports, programs};
use crate::tools::{Found, Tools};

pub(super) use ahead::Ahead;
use ahead::{Site, url};

/// Where services send to, and what the web page links to.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    pub otlp: Option<String>,
    pub jaeger: Option<String>,
    pub prometheus: Option<String>,
    pub loki: Option<String>,
}

/// One of them: found and about to be started, or not there.
pub(super) enum Part {
    Found(Box<Ahead>),
    Off {
        name: &'static str,
        why: String,
        command: String,
    },
}

/// What is there, with its ports settled, so that each can be told the others'.
pub(super) fn settle(
    place: &Place,
    project: &Path,
    ports: &Ports,
    with_tools: bool,
) -> Result<(Vec<Part>, Links)> {
    let tools = Tools::load(project)?;
    let find = |name: &str| tools.find(name).filter(|_| with_tools);
    let site = Site {
        place,
        project,
        ports,
    };
    let mut links = Links::default();
    let found = |ahead| Part::Found(Box::new(ahead));

    let prometheus = match programs::find("prometheus") {
        Some(program) => {
            let port = ports.pick(9090)?;
            links.prometheus = Some(url(port));
            let version = programs::version(&program, "--version").unwrap_or_default();
            found(site.prometheus(Found { program, version }, port)?)
        }
        None => Part::Off {
            name: PROMETHEUS,
            why: "no prometheus on this machine".into(),
            command: "make demo (installs the package prometheus)".into(),
        },
    };
    // What the Collector sends to has an address even where it does not run.
    let (intake, loki_port) = (ports.pick(14317)?, ports.pick(3100)?);
    let collector = match find("otelcol") {
        Some(program) => {
            let port = ports.pick(4318)?;
            links.otlp = Some(url(port));
            found(site.collector(program, port, intake, loki_port)?)
        }
        None => off(&tools, COLLECTOR, "otelcol", with_tools),
    };
    let jaeger = match find("jaeger") {
        Some(program) => {
            let port = ports.pick(16686)?;
            links.jaeger = Some(url(port));
            found(site.jaeger(program, port, intake)?)
        }
        None => off(&tools, JAEGER, "jaeger", with_tools),
    };
    let loki = match find("loki") {
        Some(program) => {
            links.loki = Some(url(loki_port));
            found(site.loki(program, loki_port)?)
        }
        None => off(&tools, LOKI, "loki", with_tools),
    };
    Ok((vec![prometheus, collector, jaeger, loki], links))
}

fn off(tools: &Tools, name: &'static str, tool: &str, wanted: bool) -> Part {
    let (brings, seconds) = tools
        .get(tool)
        .map_or(("", 0), |tool| (tool.brings.as_str(), tool.seconds));
    let (why, command) = if wanted {
        let minutes = seconds.div_ceil(60);
        (
            "not built",
            format!("make tools (about {minutes} min for this one, once)"),
        )
    } else {
        ("left out by --no-tools", "glasshouse up".to_owned())
    };
    let why = format!("{why}; without it no {brings}");
    Part::Off { name, why, command }
}
