//! docs/configuration.md and docs/metrics.md say what the code says. With
//! `UPDATE_DOCS=1` in the environment they are written instead.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use telemetry::metrics::{Kind, Label, Metric};
use testkit::ServiceBuilder;

const SERVICES: [&str; 3] = ["todo-api", "chat-gateway", "event-worker"];

#[test]
fn the_configuration_is_documented() {
    let mut text = String::from(
        "# Configuration\n\n\
         Every service is configured by environment variables, read once at start. All problems\n\
         are reported together, with exit code 2. Each variable `NAME` may be given as a file\n\
         instead, by `NAME_FILE`; an empty one counts as unset. Durations are in seconds.\n\n\
         The tables are what `<service> --config-table` prints.\n",
    );
    for service in SERVICES {
        let printed = Command::new(ServiceBuilder::new(service).program())
            .arg("--config-table")
            .env_clear()
            .output()
            .expect("the service's binary");
        assert!(printed.status.success(), "{service}: {printed:?}");
        let table = String::from_utf8(printed.stdout).expect("UTF-8");
        assert!(table.contains("| `DATABASE_URL` | required |"), "{table}");
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {service}\n\n{}\n", table.trim_end());
    }
    check("configuration.md", &text);
}

#[test]
fn the_metrics_are_documented() {
    let shared = [telemetry::metrics::CATALOGUE, service::metrics::CATALOGUE];
    let own = [
        todo_api::metrics::CATALOGUE,
        chat_gateway::metrics::CATALOGUE,
        event_worker::metrics::CATALOGUE,
    ];
    let mut rows: BTreeMap<&str, (&Metric, Vec<&str>)> = BTreeMap::new();
    let mut add = |catalogue: &[&'static Metric], services: &[&'static str]| {
        for metric in catalogue {
            let (_, known) = rows.entry(metric.name).or_insert((*metric, Vec::new()));
            known.extend(services);
        }
    };
    for catalogue in shared {
        add(catalogue, &SERVICES);
    }
    add(events::metrics::CATALOGUE, &SERVICES);
    for (catalogue, service) in own.into_iter().zip(SERVICES) {
        add(catalogue, &[service]);
    }

    let mut text = String::from(
        "# Metrics\n\n\
         What each service exposes at `/metrics` of its admin port, from the catalogues in the\n\
         code. Label values are listed where they are known in advance: such series start at\n\
         zero. `all` is who declares a metric: one of HTTP or of consumers, say, has series only\n\
         where there is a public port or a consumer. Besides these there are the `process_*`\n\
         metrics of the operating system's accounting.\n\n\
         | metric | type | labels | services | meaning |\n|---|---|---|---|---|\n",
    );
    for (name, (metric, services)) in rows {
        let services = if services.len() == SERVICES.len() {
            "all".to_owned()
        } else {
            services.join(", ")
        };
        let kind = kind(metric);
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{name}` | {kind} | {} | {services} | {} |",
            labels(metric.labels),
            metric.help.replace('|', "\\|")
        );
    }
    text.push_str(
        "\n## The probe\n\n\
         What `glasshouse journey --every` exposes, from its first journey on.\n\n\
         | metric | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in glasshouse::probe::metrics::CATALOGUE {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            metric.name,
            kind(metric),
            labels(metric.labels),
            metric.help.replace('|', "\\|")
        );
    }
    text.push_str(
        "\n## The load generator\n\n\
         What it exposes with `--metrics ADDRESS` while it runs.\n\n\
         | metric | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in loadtest::metrics::CATALOGUE {
        assert_eq!(metric.kind == "counter", metric.name.ends_with("_total"));
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind,
            labels.join("; "),
            metric.help.replace('|', "\\|")
        );
    }
    check("metrics.md", &text);
}

fn kind(metric: &Metric) -> &'static str {
    match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
}

fn labels(labels: &[Label]) -> String {
    let one = |label: &Label| match label.values {
        Some(values) => format!("`{}` = {}", label.name, values.join(", ")),
        None => format!("`{}`", label.name),
    };
    labels.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return std::fs::write(&path, text).expect("the document is written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let different = written
        .lines()
        .zip(text.lines())
        .find(|(written, text)| written != text);
    assert!(
        written == text,
        "docs/{name} is not what the code says; UPDATE_DOCS=1 makes this test write it. {different:?}"
    );
}
