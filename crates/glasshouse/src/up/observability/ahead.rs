//! A part of what watches: found and about to be started, or not there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::backing::{Place, Port, Ports};
use crate::slo::Preset;
use crate::supervise::{Ready, Spec};
use crate::tools::Found;

/// One of them.
pub(in crate::up) enum Part {
    Found(Box<Ahead>),
    Off {
        name: &'static str,
        why: String,
        command: String,
    },
}

/// One about to be started.
pub(in crate::up) struct Ahead {
    pub name: &'static str,
    /// Empty where the program is to be asked.
    pub version: String,
    pub spec: Spec,
    /// What people and programs reach it by.
    pub address: String,
    pub ports: Vec<Port>,
    /// Whom Prometheus is to scrape for it: a job, and its groups of targets.
    pub targets: Vec<(&'static str, Value)>,
}

/// Where they are started, and how.
#[derive(Clone, Copy)]
pub(in crate::up) struct Site<'a> {
    pub place: &'a Place,
    pub project: &'a Path,
    pub ports: &'a Ports,
    /// How long an hour of the rules is.
    pub preset: Preset,
}

/// What to run, and what to ask whether it is ready.
pub(super) struct Start<'a> {
    pub name: &'static str,
    pub found: Found,
    pub arguments: Vec<String>,
    pub environment: Vec<(&'a str, String)>,
    pub ready: Ready,
}

impl Site<'_> {
    pub(super) fn config(self, component: &str) -> String {
        self.infra(component)
            .join("config.yaml")
            .display()
            .to_string()
    }

    pub(super) fn infra(self, component: &str) -> PathBuf {
        self.project.join("infra").join(component)
    }

    pub(super) fn ahead(
        self,
        start: Start<'_>,
        address: String,
        ports: Vec<Port>,
        targets: Vec<(&'static str, Value)>,
    ) -> Ahead {
        let Start {
            name,
            found,
            arguments,
            environment,
            ready,
        } = start;
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        let spec = Spec {
            name: name.to_owned(),
            program: found.program,
            arguments,
            environment: environment.into_iter().map(owned).collect(),
            directory: self.project.to_owned(),
            account: None,
            stop_signal: Signal::SIGTERM,
            ready,
            ready_within: Duration::from_secs(30),
        };
        Ahead {
            name,
            version: found.version,
            spec,
            address,
            ports,
            targets,
        }
    }
}

impl From<Ahead> for Part {
    fn from(ahead: Ahead) -> Self {
        Self::Found(Box::new(ahead))
    }
}

/// The targets of a job that is one address.
pub(in crate::up) fn at(port: Port) -> Value {
    json!([{ "targets": [port.address().to_string()] }])
}

pub(super) fn url(port: Port) -> String {
    format!("http://{}", port.address())
}

/// Ready when that path is answered.
pub(super) fn answers(port: Port, path: &str) -> Result<Ready> {
    Ok(Ready::Http(format!("{}{path}", url(port)).parse()?))
}
