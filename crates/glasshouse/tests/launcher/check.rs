//! `glasshouse check` as a program, against a real Prometheus that scrapes
//! itself: each planted fault is found, and what is sound is not complained of.
//! The whole of it against the whole system is `make check`.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use glasshouse::backing::{Ports, programs};
use glasshouse::http;
use serde_json::{Value, json};

/// How long Prometheus may take to be ready and to have scraped.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A Prometheus of its own, and a folder; both end with the test.
struct Bench {
    folder: PathBuf,
    url: String,
    prometheus: Child,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.prometheus.kill();
        let _ = self.prometheus.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    /// Scrapes itself, and besides `others`.
    async fn start(name: &str, others: &[&str]) -> Self {
        let folder =
            std::env::temp_dir().join(format!("glasshouse-check-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("dashboards")).unwrap();
        let ports = Ports::any();
        let address = ports.pick(9090).unwrap().address().to_string();
        let targets: Vec<&str> = others.iter().copied().chain([address.as_str()]).collect();
        // JSON is YAML, too.
        let config = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {"job_name": "prometheus", "static_configs": [{"targets": targets}]}],
        });
        let file = folder.join("prometheus.yml");
        fs::write(&file, config.to_string()).unwrap();
        let program = programs::find("prometheus").expect("the package prometheus");
        let prometheus = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bench = Self {
            folder,
            url: format!("http://{address}"),
            prometheus,
        };
        bench.scraped().await;
        bench
    }

    async fn scraped(&self) {
        let query = format!("{}/api/v1/query?query=prometheus_build_info", self.url);
        let query = query.parse().unwrap();
        let began = Instant::now();
        loop {
            let answer = http::get(&query).await.map(|(_, text)| text);
            if answer
                .as_ref()
                .is_ok_and(|text| text.contains("\"version\""))
            {
                return;
            }
            assert!(began.elapsed() < READY_WITHIN, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A dashboard with one panel.
    fn panel(&self, name: &str, expr: &str) {
        let dashboard = json!({
            "uid": format!("glasshouse-{name}"), "title": name, "description": "Is it planted?",
            "panels": [{
                "id": 1, "type": "timeseries", "title": "Planted", "description": "For a test.",
                "datasource": {"type": "prometheus", "uid": "prometheus"},
                "fieldConfig": {"defaults": {"unit": "short"}, "overrides": []},
                "targets": [{"refId": "A", "expr": expr, "legendFormat": "{{job}}"}],
            }],
        });
        let file = self.folder.join("dashboards").join(format!("{name}.json"));
        fs::write(file, dashboard.to_string()).unwrap();
    }

    /// Exit code and report.
    fn check(&self, promise: &str, arguments: &[&str]) -> (i32, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_glasshouse"))
            .arg("--home")
            .arg(self.folder.join("home"))
            .args([
                "check",
                promise,
                "--json",
                "--within",
                "1",
                "--prometheus",
                &self.url,
            ])
            // Nobody listens there.
            .args([
                "--loki",
                "http://127.0.0.1:1",
                "--jaeger",
                "http://127.0.0.1:1",
            ])
            .args([
                "--alertmanager",
                "http://127.0.0.1:1",
                "--mail",
                "http://127.0.0.1:1",
            ])
            .args(["--gateway", "http://127.0.0.1:1"])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout).expect(&said);
        (output.status.code().unwrap(), report)
    }

    fn dashboards(&self, arguments: &[&str]) -> (i32, Value) {
        let folder = self.folder.join("dashboards");
        let folder = folder.to_str().unwrap();
        let arguments: Vec<&str> = arguments
            .iter()
            .copied()
            .chain(["--dashboards", folder])
            .collect();
        self.check("dashboards", &arguments)
    }
}

fn promise<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut promises = report["promises"].as_array().unwrap().iter();
    promises.find(|promise| promise["promise"] == name).unwrap()
}

fn faults(report: &Value) -> String {
    let promises = report["promises"].as_array().unwrap().iter();
    let faults = promises.flat_map(|promise| promise["faults"].as_array().into_iter().flatten());
    faults
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn panels_with_data_pass_and_are_written_out() {
    let bench = Bench::start("sound", &[]).await;
    bench.panel("one", "sum by (job) (up)");
    bench.panel("two", "sum(absent_for_a_test) or vector(0)");
    let results = bench.folder.join("results.json");
    let (code, report) = bench.dashboards(&["--results", results.to_str().unwrap()]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["holds"], true);
    let data = promise(&report, "panels with data");
    assert_eq!((&data["kept"], &data["of"]), (&json!(2), &json!(2)));
    let results: Value = serde_json::from_slice(&fs::read(results).unwrap()).unwrap();
    let answer = &results["dashboards"][0]["panels"][0]["answers"][0];
    assert_eq!(answer["names"], json!(["prometheus"]));
    assert!(!answer["series"][0]["points"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_empty_panel_and_mistaken_queries_are_found() {
    let bench = Bench::start("planted", &[]).await;
    bench.panel("sound", "sum by (job) (up)");
    bench.panel("empty", "sum by (job) (no_such_metric)");
    bench.panel("nan", "sum(up * 0) / sum(up * 0)");
    bench.panel("gauge", "rate(process_resident_memory_bytes[1m])");
    bench.panel(
        "summary",
        "histogram_quantile(0.9, sum by (le) (rate(go_gc_duration_seconds[1m])))",
    );
    bench.panel("range", "sum(rate(prometheus_http_requests_total[10s]))");
    bench.panel("unit", "max(process_resident_memory_bytes)");
    bench.panel("refused", "sum by (job) (up) + on (job) group_left sum(label_replace(up, \"a b\", \"x\", \"job\", \"(\"))");
    let (code, report) = bench.dashboards(&[]);
    assert_eq!(code, 1);
    let data = promise(&report, "panels with data");
    assert_eq!(data["of"], 8);
    let faults = faults(&report);
    for fault in [
        "empty · Planted: query A: no series",
        "nan · Planted: query A: no number",
        "gauge · Planted: query A: rate over the gauge process_resident_memory_bytes",
        "summary · Planted: query A: a quantile over the summary go_gc_duration_seconds",
        "range · Planted: query A: a range of 10 s is under four scrape intervals",
        "unit · Planted: query A: the unit \\\"short\\\"",
        "refused · Planted: query A: answered 4",
    ] {
        assert!(faults.contains(fault), "{fault} is not in\n{faults}");
    }
    assert!(!faults.contains("sound · "), "{faults}");
}

#[tokio::test]
async fn a_target_that_is_down_and_rules_that_are_not_loaded_are_found() {
    let bench = Bench::start("down", &["127.0.0.1:1"]).await;
    let (code, report) = bench.check("targets", &[]);
    assert_eq!(code, 1);
    assert!(
        faults(&report).contains("prometheus at 127.0.0.1:1"),
        "{report}"
    );
    // What compose would have scraped, and nobody scrapes here.
    assert!(
        faults(&report).contains("todo-api: runs, and is not scraped"),
        "{report}"
    );
    let (code, report) = bench.check("alerts", &[]);
    assert_eq!(code, 1);
    assert!(
        faults(&report).contains("KafkaDown: Prometheus has not loaded it"),
        "{report}"
    );
}

#[tokio::test]
async fn what_does_not_run_is_no_kept_promise() {
    let bench = Bench::start("away", &[]).await;
    for name in ["runbooks", "journey", "correlations", "delivery"] {
        let (code, report) = bench.check(name, &[]);
        assert_eq!(code, 1, "{name}: {report}");
        assert_eq!(report["holds"], false, "{name}");
        assert!(!faults(&report).is_empty(), "{name}");
    }
}
