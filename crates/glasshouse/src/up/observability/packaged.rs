//! Programs that come as packages of the distribution.

use super::super::plan::{
    ALERTMANAGER, BLACKBOX, MAIL_CATCHER, NODE_EXPORTER, POSTGRES_EXPORTER, PROMETHEUS,
    REDIS_EXPORTER,
};
use super::ahead::Part;
use crate::backing::programs;
use crate::tools::Found;

/// A program, and what one has no part of without it.
pub(super) struct Packaged {
    name: &'static str,
    package: &'static str,
    /// As the distribution calls it, and as its makers do.
    programs: [&'static str; 2],
    brings: &'static str,
}

pub(super) const PROMETHEUS_SERVER: Packaged = Packaged {
    name: PROMETHEUS,
    package: "prometheus",
    programs: ["prometheus", "prometheus"],
    brings: "metrics over time, alerts",
};
pub(super) const ALERTS: Packaged = Packaged {
    name: ALERTMANAGER,
    package: "prometheus-alertmanager",
    programs: ["prometheus-alertmanager", "alertmanager"],
    brings: "alert told to anybody",
};
pub(super) const MAIL: Packaged = Packaged {
    name: MAIL_CATCHER,
    package: "python3-aiosmtpd",
    programs: ["aiosmtpd", "aiosmtpd"],
    brings: "alert by mail",
};
pub(super) const NODE: Packaged = Packaged {
    name: NODE_EXPORTER,
    package: "prometheus-node-exporter",
    programs: ["prometheus-node-exporter", "node_exporter"],
    brings: "metrics of this machine",
};
pub(super) const POSTGRES: Packaged = Packaged {
    name: POSTGRES_EXPORTER,
    package: "prometheus-postgres-exporter",
    programs: ["prometheus-postgres-exporter", "postgres_exporter"],
    brings: "metrics of PostgreSQL itself",
};
pub(super) const REDIS: Packaged = Packaged {
    name: REDIS_EXPORTER,
    package: "prometheus-redis-exporter",
    programs: ["prometheus-redis-exporter", "redis_exporter"],
    brings: "metrics of Redis itself",
};
pub(super) const BLACKBOX_EXPORTER: Packaged = Packaged {
    name: BLACKBOX,
    package: "prometheus-blackbox-exporter",
    programs: ["prometheus-blackbox-exporter", "blackbox_exporter"],
    brings: "probes from outside",
};

impl Packaged {
    /// Its version is asked for when it starts: nothing waits for that.
    pub(super) fn find(&self) -> Option<Found> {
        let program = self.programs.into_iter().find_map(programs::find)?;
        Some(Found {
            program,
            version: String::new(),
        })
    }

    pub(super) fn missing(&self) -> Part {
        let [program, _] = self.programs;
        Part::Off {
            name: self.name,
            why: format!(
                "no {program} on this machine; without it no {}",
                self.brings
            ),
            command: format!("make demo (installs the package {})", self.package),
        }
    }

    /// It could run, and has nothing to do.
    pub(super) fn off(&self, why: &str) -> Part {
        Part::Off {
            name: self.name,
            why: format!("{why}; without it no {}", self.brings),
            command: "glasshouse up".to_owned(),
        }
    }
}
