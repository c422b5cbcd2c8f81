//! What no container may do, and how much memory it may take.

use crate::file::{Container, compose, read, with_defaults};

/// What somebody outside may reach: pages and APIs, and Kafka's listener for
/// this machine.
const PUBLISHED: &[&str] = &[
    "127.0.0.1:8001:8001",
    "127.0.0.1:8002:8002",
    "127.0.0.1:19092:19092",
    "127.0.0.1:16686:16686",
    "127.0.0.1:3100:3100",
    "127.0.0.1:9090:9090",
    "127.0.0.1:9093:9093",
    "127.0.0.1:8025:8025",
    "127.0.0.1:3000:3000",
    "127.0.0.1:5601:5601",
];

/// Who runs as root, and why nobody less will do.
const ROOT: &[(&str, &str)] = &[
    ("cadvisor", "the kernel's accounting is root's"),
    ("filebeat", "the engine's log files are root's"),
];

/// Who writes to its own image, and why.
const WRITABLE: &[(&str, &str)] = &[
    ("elasticsearch", "makes its keystore beside its settings"),
    ("logstash", "makes its settings from the environment"),
    ("kibana", "makes its settings from the environment"),
];

/// Who may ask the engine, and so command it, and why.
const ENGINE: &[(&str, &str)] = &[("cadvisor", "asks it for the names of containers")];

fn waived(name: &str, waivers: &[(&str, &str)]) -> bool {
    waivers.iter().any(|(waived, _)| *waived == name)
}

/// What is wrong with a container, if anything.
fn faults(name: &str, container: &Container) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{name}: {what}"));
        }
    };
    expect(!container.privileged, "privileged");
    expect(container.cap_drop == ["ALL"], "keeps capabilities");
    expect(container.cap_add.is_empty(), "asks for capabilities");
    let confined = ["no-new-privileges:true"];
    expect(container.security_opt == confined, "may gain privileges");
    let rotated = ["max-size", "max-file"];
    let options = &container.logging.options;
    let rotates = rotated.iter().all(|option| options.contains_key(*option));
    expect(rotates, "logs without end");
    expect(
        container.read_only || waived(name, WRITABLE),
        "writes to its image",
    );
    let (user, group) = container.user.split_once(':').unwrap_or_default();
    let numeric = user.parse::<u32>().is_ok() && group.parse::<u32>().is_ok();
    expect(numeric, "no user and group in numbers");
    expect(user != "0" || waived(name, ROOT), "runs as root");
    let engine = |volume: &String| volume.starts_with("/var/run") || volume.starts_with("/run");
    let commands = container.volumes.iter().any(engine);
    expect(!commands || waived(name, ENGINE), "may command the engine");
    faults
}

#[test]
fn every_container_is_confined() {
    let faults: Vec<String> = compose()
        .services
        .iter()
        .flat_map(|(name, container)| faults(name, container))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_container_that_says_nothing_is_not_confined() {
    let faults = faults("careless", &Container::default());
    assert_eq!(faults.len(), 5, "{faults:#?}");
}

#[test]
fn no_waiver_is_left_over() {
    let compose = compose();
    for (name, _) in ROOT {
        assert!(compose.services[*name].user.starts_with("0:"), "{name}");
    }
    for (name, _) in WRITABLE {
        assert!(!compose.services[*name].read_only, "{name}");
    }
}

#[test]
fn ports_are_open_on_this_machine_only() {
    for (name, container) in compose().services {
        for port in &container.ports {
            let port = with_defaults(port);
            assert!(PUBLISHED.contains(&port.as_str()), "{name}: {port}");
        }
        assert_ne!(container.network_mode.as_deref(), Some("host"), "{name}");
    }
}

#[test]
fn the_default_fits_into_two_gibibytes() {
    let compose = compose();
    let sum: u32 = compose
        .services
        .values()
        .filter(|container| container.by_default() && !container.once())
        .map(Container::memory)
        .sum();
    assert!(sum <= 2048, "{sum} MiB");
    let told = format!("{},{:03} MiB", sum / 1000, sum % 1000);
    for file in ["docker-compose.yml", "README.md"] {
        assert!(read(file).contains(&told), "{file} does not say {told}");
    }
    // Whoever else there is has a limit too.
    for container in compose.services.values() {
        assert!(container.memory() > 0);
    }
}
