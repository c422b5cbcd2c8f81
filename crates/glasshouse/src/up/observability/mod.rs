//! What watches the services: each part runs where its program is found, and
//! nothing else waits for it.

mod ahead;
mod alerting;
mod exporters;
mod packaged;
mod prometheus;
mod stores;

use anyhow::{Context, Result};

use super::plan::{COLLECTOR, JAEGER, LOKI};
use super::services::Settled;
use crate::backing::{Port, Ports};
use crate::tools::Tools;

use ahead::url;
pub(super) use ahead::{Ahead, Part, Site, at};
use exporters::Probed;

/// Where services send to, and what the web page links to.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    pub otlp: Option<String>,
    pub jaeger: Option<String>,
    pub prometheus: Option<String>,
    pub loki: Option<String>,
}

/// Where they meet each other. Settled first, and also for those that do not
/// run: whoever sends there has an address then.
struct Doors {
    prometheus: Port,
    alertmanager: Port,
    smtp: Port,
    jaeger_intake: Port,
    loki: Port,
    collector_health: Port,
}

impl Doors {
    fn pick(ports: &Ports) -> Result<Self> {
        Ok(Self {
            prometheus: ports.pick(9090)?,
            alertmanager: ports.pick(9093)?,
            smtp: ports.pick(1025)?,
            jaeger_intake: ports.pick(14317)?,
            loki: ports.pick(3100)?,
            collector_health: ports.pick(13133)?,
        })
    }
}

/// What is there, with its ports settled, so that each can be told the others'.
/// What speaks for PostgreSQL and Redis follows once those run.
pub(super) fn settle(
    site: Site<'_>,
    services: &[Settled],
    with_tools: bool,
) -> Result<(Vec<Part>, Links)> {
    let tools = Tools::load(site.project)?;
    let find = |name: &str| tools.find(name).filter(|_| with_tools);
    let doors = Doors::pick(site.ports)?;
    let mut links = Links::default();
    let mut probed = services.iter().map(readiness).collect::<Vec<_>>();
    let mut parts = Vec::new();

    parts.push(match packaged::PROMETHEUS_SERVER.find() {
        Some(program) => {
            links.prometheus = Some(url(doors.prometheus));
            site.prometheus(program, doors.prometheus)?.into()
        }
        None => packaged::PROMETHEUS_SERVER.missing(),
    });
    parts.push(match find("otelcol") {
        Some(program) => {
            let port = site.ports.pick(4318)?;
            links.otlp = Some(url(port));
            probed.push(Probed {
                service: COLLECTOR,
                url: format!("{}/", url(doors.collector_health)),
            });
            site.collector(program, port, &doors)?.into()
        }
        None => off(&tools, COLLECTOR, "otelcol", with_tools),
    });
    parts.push(match find("jaeger") {
        Some(program) => {
            let port = site.ports.pick(16686)?;
            links.jaeger = Some(url(port));
            site.jaeger(program, port, &doors)?.into()
        }
        None => off(&tools, JAEGER, "jaeger", with_tools),
    });
    parts.push(match find("loki") {
        Some(program) => {
            links.loki = Some(url(doors.loki));
            probed.push(Probed {
                service: LOKI,
                url: format!("{}/ready", url(doors.loki)),
            });
            site.loki(program, &doors)?.into()
        }
        None => off(&tools, LOKI, "loki", with_tools),
    });
    let mail = packaged::MAIL.find();
    parts.push(match packaged::ALERTS.find() {
        Some(program) => {
            let mut services = services.iter();
            let gateway = services.find(|settled| settled.service.name == "chat-gateway");
            let gateway = gateway.and_then(|settled| settled.public);
            let gateway = gateway.context("chat-gateway has no public port")?;
            site.alertmanager(program, gateway, mail.is_some(), &doors)?
                .into()
        }
        None => packaged::ALERTS.missing(),
    });
    parts.push(match mail {
        Some(program) => site.mail_catcher(program, &doors)?.into(),
        None => packaged::MAIL.missing(),
    });
    parts.push(site.node_exporter()?);
    parts.push(site.blackbox(&probed)?);
    Ok((parts, links))
}

/// A service as somebody outside sees it: by its public port, where it has one.
fn readiness(settled: &Settled) -> Probed {
    let port = settled.public.unwrap_or(settled.admin);
    Probed {
        service: settled.service.name,
        url: format!("{}/health/ready", url(port)),
    }
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
