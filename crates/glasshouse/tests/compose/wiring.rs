//! Whether what the parts say of each other is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::file::{Compose, compose, project, read};

/// Who has nothing in it to ask itself with; Prometheus or the blackbox exporter
/// asks instead.
const ASKED_FROM_OUTSIDE: &[&str] = &["otel-collector", "loki", "redis-exporter", "filebeat"];

#[test]
fn images_are_pinned() {
    let dockerfile = read("infra/docker/Dockerfile");
    let bases = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .filter_map(|line| line.split(' ').next())
        .filter(|base| base.contains(':'));
    let compose = compose();
    let images = compose.services.values().map(|one| one.image.as_str());
    for image in images.chain(bases) {
        let (_, tag) = image.rsplit_once(':').expect("a tag");
        assert!(!tag.contains("latest") && !tag.is_empty(), "{image}");
    }
}

#[test]
fn there_are_two_networks() {
    let Compose { services, networks } = compose();
    let names: Vec<&String> = networks.keys().collect();
    assert_eq!(names, ["application", "telemetry"]);
    for (name, container) in services {
        let nowhere = container.network_mode.as_deref() == Some("none");
        assert_eq!(container.networks.is_empty(), nowhere, "{name}");
    }
}

#[test]
fn who_runs_on_can_be_asked_whether_it_is_well() {
    let dockerfile = read("infra/docker/Dockerfile");
    let compose = compose();
    let asked: BTreeSet<String> = targets(&compose).into_keys().collect();
    for (name, container) in &compose.services {
        if let Some(health) = &container.healthcheck {
            assert!(health.start_interval.is_none(), "{name}: engine 20.10");
            assert_eq!(health.disable, container.once(), "{name}");
            assert_eq!(health.test.is_empty(), container.once(), "{name}");
        } else if let Some(build) = &container.build {
            let stage = format!(" AS {}\n", build.target);
            let (_, stage) = dockerfile.split_once(&stage).expect("its stage");
            let stage = stage.split("\nFROM ").next().unwrap_or_default();
            assert!(stage.contains("\nHEALTHCHECK "), "{name}");
        } else {
            assert!(ASKED_FROM_OUTSIDE.contains(&name.as_str()), "{name}");
            let beside = !container.by_default();
            assert!(beside || asked.contains(name), "{name}: nobody asks it");
        }
    }
}

#[test]
fn what_ends_is_waited_for() {
    // `up --wait` takes a container that has ended for a failure, unless
    // somebody depends on its end.
    let compose = compose();
    for (name, container) in &compose.services {
        let conditions: BTreeSet<&str> = compose
            .services
            .values()
            .filter_map(|other| other.depends_on.get(name))
            .map(|dependency| dependency.condition.as_str())
            .collect();
        let awaited = conditions.contains("service_completed_successfully");
        // Nobody waits two minutes for a load.
        let ends = container.once() && name != "load";
        assert_eq!(awaited, ends, "{name}: {conditions:?}");
        for other in container.depends_on.keys() {
            assert!(compose.services.contains_key(other), "{name} → {other}");
        }
    }
}

/// Whom Prometheus asks, by container: the ports.
fn targets(compose: &Compose) -> BTreeMap<String, BTreeSet<String>> {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(project().join("infra/prometheus/targets")).expect("targets") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("text");
        let groups: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let listed = groups
            .iter()
            .filter_map(|group| group["targets"].as_array());
        for target in listed.flatten().filter_map(Value::as_str) {
            let address = target.strip_prefix("http://").unwrap_or(target);
            let address = address.split('/').next().unwrap_or_default();
            let (host, port) = address.split_once(':').expect("host:port");
            // Prometheus itself.
            let host = if host == "localhost" {
                "prometheus"
            } else {
                host
            };
            let known = compose.services.get(host);
            let known = known.unwrap_or_else(|| panic!("{}: {host}", path.display()));
            assert!(known.by_default(), "{host} is not always there");
            let ports = asked.entry(host.to_owned()).or_default();
            ports.insert(port.to_owned());
        }
    }
    asked
}

#[test]
fn prometheus_asks_everybody() {
    let compose = compose();
    let asked = targets(&compose);
    let prometheus = read("infra/prometheus/prometheus.yml");
    // Has no metrics that anything here looks at.
    let silent = ["mailpit", "valkey", "postgres"];
    for (name, container) in &compose.services {
        let runs = container.by_default() && !container.once();
        if runs && !silent.contains(&name.as_str()) {
            assert!(asked.contains_key(name), "{name} is no target");
        }
        if container.profiles == ["full"] {
            let name = format!("names: [{name}]");
            assert!(prometheus.contains(&name), "{name} is not looked up");
        }
    }
    for file in fs::read_dir(project().join("infra/prometheus/targets")).expect("targets") {
        let file = file.expect("an entry").file_name();
        let file = format!("targets/{}", file.to_string_lossy());
        assert!(prometheus.contains(&file), "no job reads {file}");
    }
}

#[test]
fn every_secret_has_its_volume_and_folder() {
    let mounted: BTreeSet<String> = compose().services["secrets"]
        .volumes
        .iter()
        .filter_map(|volume| volume.split_once(":/secrets/"))
        .map(|(_, folder)| folder.to_owned())
        .collect();
    let dockerfile = read("infra/docker/Dockerfile");
    let (_, made) = dockerfile.split_once("RUN for name in ").expect("a loop");
    let made = made.split(';').next().unwrap_or_default();
    let made: BTreeSet<String> = made.split_whitespace().map(ToOwned::to_owned).collect();
    assert_eq!(mounted, made);
}

#[test]
fn the_agent_is_the_same_as_natively() {
    let pom = read("infra/kafka/native/pom.xml");
    let (_, version) = pom.split_once("<jmx.version>").expect("its version");
    let version = version.split('<').next().unwrap_or_default();
    let jar = format!("jmx_prometheus_javaagent-{version}.jar");
    assert!(read("infra/docker/Dockerfile").contains(&jar), "{jar}");
}
