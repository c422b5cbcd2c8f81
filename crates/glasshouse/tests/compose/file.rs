//! The compose file, as far as it is looked at here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Compose {
    pub services: BTreeMap<String, Container>,
    pub networks: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Container {
    pub image: String,
    pub build: Option<Build>,
    pub profiles: Vec<String>,
    pub user: String,
    pub restart: String,
    pub read_only: bool,
    pub privileged: bool,
    pub cap_drop: Vec<String>,
    pub cap_add: Vec<String>,
    pub security_opt: Vec<String>,
    pub logging: Logging,
    pub mem_limit: String,
    pub networks: Vec<String>,
    pub network_mode: Option<String>,
    pub ports: Vec<String>,
    pub volumes: Vec<String>,
    pub healthcheck: Option<Health>,
    pub depends_on: BTreeMap<String, Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Build {
    pub target: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Logging {
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Health {
    #[serde(default)]
    pub disable: bool,
    #[serde(default)]
    pub test: Vec<String>,
    /// Needs an engine of 25 or later.
    pub start_interval: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub condition: String,
}

impl Container {
    /// Ends by itself.
    pub(crate) fn once(&self) -> bool {
        self.restart == "no"
    }

    /// Runs without a profile being asked for.
    pub(crate) fn by_default(&self) -> bool {
        self.profiles.is_empty()
    }

    /// Its limit in MiB.
    pub(crate) fn memory(&self) -> u32 {
        let (number, unit) = self.mem_limit.split_at(self.mem_limit.len() - 1);
        let number: u32 = number.parse().expect("a number before the unit");
        match unit {
            "m" => number,
            "g" => number * 1024,
            _ => panic!("a limit in another unit: {}", self.mem_limit),
        }
    }
}

/// The checkout.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn read(path: &str) -> String {
    let path = project().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn compose() -> Compose {
    serde_saphyr::from_str(&read("docker-compose.yml")).expect("docker-compose.yml")
}

/// A value in which `${NAME:-default}` is its default.
pub(crate) fn with_defaults(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        let (variable, after) = variable.split_once('}').expect("a closing brace");
        let (_, default) = variable.split_once(":-").expect("a default for everything");
        plain.push_str(before);
        plain.push_str(default);
        rest = after;
    }
    plain + rest
}
