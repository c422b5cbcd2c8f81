//! What every command that runs load shows while it runs, and writes when it has.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::page::Page;
use crate::report::Report;
use crate::summary::Summary;
use crate::watch::Watch;
use crate::watch::metrics::Exposed;

/// Where results go.
#[derive(Debug, Clone, Args)]
pub struct Output {
    /// Write the report as JSON, with its histograms
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the report as one page of HTML that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Expose the generator's own metrics for Prometheus there, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// The share of requests whose trace the services are asked to keep, 0 to 1; `off`: no
    /// trace header
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share)]
    traces: Share,
    /// Say nothing while it runs
    #[arg(long, short)]
    quiet: bool,
}

/// A share, or nothing at all.
#[derive(Debug, Clone, Copy)]
struct Share(Option<f64>);

impl Output {
    /// The share of requests whose trace is kept.
    #[must_use]
    pub fn traces(&self) -> Option<f64> {
        self.traces.0
    }

    /// Whoever looks at a run while it goes on. `scraped` is where a Prometheus looks
    /// for the targets of this job.
    ///
    /// # Errors
    /// If the port for metrics is taken.
    pub async fn watch(&self, scraped: Option<PathBuf>) -> Result<Watch> {
        let mut watch = Watch::quiet();
        let any = scraped.as_ref().map(|_| (Ipv4Addr::LOCALHOST, 0).into());
        if let Some(address) = self.metrics.or(any) {
            let mut exposed = Exposed::listen(address)
                .await
                .with_context(|| format!("cannot listen on {address} for --metrics"))?;
            let mut out = io::stderr().lock();
            if self.metrics.is_some() {
                writeln!(out, "metrics at http://{}/metrics", exposed.address())?;
            }
            if let Some(file) = scraped
                && let Err(error) = exposed.announce(file)
            {
                // Somebody else's Prometheus: no reason not to run.
                writeln!(out, "Prometheus cannot be told of them: {error}")?;
            }
            watch = watch.metrics(exposed);
        }
        Ok(if self.quiet { watch } else { watch.live() })
    }

    /// Shows a report, and writes it where it is wanted.
    ///
    /// # Errors
    /// If that fails.
    pub fn publish(&self, report: &Report) -> Result<()> {
        writeln!(io::stdout().lock(), "{}", Summary(report))?;
        if let Some(path) = &self.out {
            write(path, &serde_json::to_vec(report)?)?;
        }
        if let Some(path) = &self.html {
            write(path, Page(report).to_string().as_bytes())?;
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn share(text: &str) -> Result<Share> {
    if text == "off" {
        return Ok(Share(None));
    }
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(Share(Some(share))),
        _ => bail!("a share from 0 to 1, or `off`"),
    }
}
