//! A Kafka node as a child process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::{Place, Port, Relay, programs};
use crate::supervise::{self, Process, Ready, Spec};

/// A small heap, one collector thread and only the quick compiler: ready in two
/// seconds and about 300 MB, which is plenty for a demo's load.
const JVM: [&str; 4] = [
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
];

/// Fixed, since the node is private: the base64 of `glasshouse-local`.
const CLUSTER: &str = "Z2xhc3Nob3VzZS1sb2NhbA";

/// Writes the node's settings, formats its storage when that is new, and starts
/// it. The ports: broker, controller, metrics.
pub(super) async fn start(
    place: &Place,
    settings: &Path,
    jars: &Path,
    [port, controller, metrics]: [Port; 3],
    relays: &[Relay],
) -> Result<Process> {
    let java = programs::find("java").context("no java")?;
    let folder = place.folder("kafka")?;
    let data = folder.join("data");
    let template = settings.join("server.properties");
    let properties = fs::read_to_string(&template)
        .with_context(|| template.display().to_string())?
        .replace("@PORT@", &port.number.to_string())
        .replace("@CONTROLLER_PORT@", &controller.number.to_string())
        .replace("@DATA_DIR@", &data.display().to_string());
    let properties = properties + &listeners(port, controller, relays);
    let file = folder.join("server.properties");
    fs::write(&file, properties).with_context(|| file.display().to_string())?;

    let log4j = format!(
        "-Dlog4j2.configurationFile={}",
        settings.join("log4j2.properties").display()
    );
    let class_path = format!("{}/*", jars.display());
    let base = JVM.map(str::to_owned).into_iter().chain([log4j]);
    let class = |class: &str| ["-cp".into(), class_path.clone(), class.into()];
    if !data.join("meta.properties").exists() {
        let format: Vec<_> = base
            .clone()
            .chain(class("kafka.tools.StorageTool"))
            .collect();
        format_storage(&java, format, &file, &data).await?;
    }

    let agent = agent_in(jars).context("no jmx_prometheus_javaagent among Kafka's jars")?;
    let exporter = settings.join("jmx.yml");
    let agent = format!(
        "-javaagent:{}={}:{}",
        agent.display(),
        metrics.address(),
        exporter.display()
    );
    let arguments = base
        .chain([agent])
        .chain(class("kafka.Kafka"))
        .chain([file.display().to_string()])
        .collect();
    let spec = Spec {
        name: "kafka".into(),
        program: java,
        arguments,
        environment: BTreeMap::new(),
        directory: folder,
        account: None,
        stop_signal: Signal::SIGTERM,
        ready: Ready::Kafka(port.address()),
        ready_within: Duration::from_secs(60),
    };
    place.start(spec).await
}

/// The settings of listeners anew, with one for each relay: of two lines for one
/// setting, the last counts.
fn listeners(port: Port, controller: Port, relays: &[Relay]) -> String {
    if relays.is_empty() {
        return String::new();
    }
    let (broker, controller) = (port.address(), controller.address());
    let mut listeners = format!("BROKER://{broker},CONTROLLER://{controller}");
    let mut advertised = format!("BROKER://{broker}");
    let mut protocols = "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
    for (n, relay) in relays.iter().enumerate() {
        listeners += &format!(",RELAY{n}://{}", relay.listens.address());
        advertised += &format!(",RELAY{n}://{}", relay.proxy);
        protocols += &format!(",RELAY{n}:PLAINTEXT");
    }
    format!(
        "\nlisteners={listeners}\nadvertised.listeners={advertised}\n\
         listener.security.protocol.map={protocols}\n"
    )
}

async fn format_storage(
    java: &Path,
    arguments: Vec<String>,
    file: &Path,
    data: &Path,
) -> Result<()> {
    // What an interrupted format left would be refused by the next.
    let _ = fs::remove_dir_all(data);
    let mut command = Command::new(java);
    command
        .args(arguments)
        .args(["format", "--cluster-id", CLUSTER, "--config"])
        .arg(file);
    supervise::run(command)
        .await
        .context("formatting Kafka's storage")?;
    Ok(())
}

fn agent_in(jars: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(jars).ok()?.flatten().map(|entry| entry.path());
    entries.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("jmx_prometheus_javaagent")
    })
}
