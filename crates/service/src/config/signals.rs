use std::{path::PathBuf, time::Duration};

use telemetry::{Level, Sampler};

use super::{Env, Settings};

/// Reads how the service reports about itself.
pub(crate) fn telemetry(
    env: &mut Env,
    service: &'static str,
    version: &'static str,
    settings: &Settings,
) -> telemetry::Settings {
    let level: Level = env.or("LOG_LEVEL", "info", "off, error, warning, info or debug");
    let log_file: Option<PathBuf> = env.optional(
        "LOG_FILE",
        "File that gets the log lines too; rotated at 10 MB, 5 kept",
    );
    let otlp_endpoint: Option<String> = env.optional(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Base URL of an OTLP/HTTP receiver; unset: no export",
    );
    let sampler = sampler(env);
    if otlp_endpoint
        .as_deref()
        .is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
    {
        env.problem(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "is malformed: expected http://host:port",
        );
    }
    let slow_query: Duration = env.or("SLOW_QUERY_SECONDS", 0.1, "A slower query logs slow_query");
    let metrics = env.or(
        "METRICS_ENABLED",
        true,
        "Off only to measure what metrics cost",
    );
    let revision = env.or(
        "REVISION",
        "unknown",
        "Revision of the build, in build_info",
    );
    telemetry::Settings {
        service,
        version,
        revision,
        environment: settings.environment.clone(),
        level,
        log_file,
        otlp_endpoint,
        sampler,
        slow_query,
        metrics,
    }
}

fn sampler(env: &mut Env) -> Sampler {
    let name: String = env.or(
        "OTEL_TRACES_SAMPLER",
        "parentbased_always_on",
        "Which traces are recorded, by the names of OpenTelemetry",
    );
    let ratio = env.or(
        "OTEL_TRACES_SAMPLER_ARG",
        1.0,
        "Ratio of the traceidratio samplers, 0 to 1",
    );
    if !(0.0..=1.0).contains(&ratio) {
        env.problem("OTEL_TRACES_SAMPLER_ARG", "must be from 0 to 1");
    }
    match name.parse::<Sampler>() {
        Ok(sampler) if name.ends_with("traceidratio") => sampler.with_ratio(ratio),
        Ok(sampler) => sampler,
        Err(problem) => {
            env.problem("OTEL_TRACES_SAMPLER", &format!("is malformed: {problem}"));
            Sampler::default()
        }
    }
}
