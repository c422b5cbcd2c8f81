//! An instance of a service.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use glasshouse::backing::Port;
use glasshouse::supervise::{Process, Ready, Spec};
use nix::sys::signal::Signal;
use tokio::task::AbortHandle;

use super::Ground;
use crate::fault::Service;

const START: Duration = Duration::from_secs(20);

/// A running instance. One that ends by itself is started again, as whoever runs
/// it in earnest would, and that is written down.
pub struct Node {
    process: Process,
    public: Port,
    admin: Port,
    http: reqwest::Client,
    held: Arc<AtomicBool>,
    deaths: Arc<Mutex<Vec<String>>>,
    keeper: AbortHandle,
}

impl Node {
    /// Starts it, and waits until it can be asked for its health.
    ///
    /// # Errors
    /// When it ends at once.
    pub async fn start(
        ground: &Ground,
        run: &str,
        service: Service,
        environments: &BTreeMap<Service, BTreeMap<String, String>>,
    ) -> Result<Self> {
        let (public, admin) = (ground.port()?, ground.port()?);
        let mut environment = environments
            .get(&service)
            .context("an environment")?
            .clone();
        environment.insert("LISTEN_ADDRESS".into(), public.address().to_string());
        environment.insert("ADMIN_LISTEN_ADDRESS".into(), admin.address().to_string());
        let spec = Spec {
            name: format!("{run}-{}", service.name()),
            program: ground.program(service),
            arguments: Vec::new(),
            environment,
            directory: ground.place.root().to_owned(),
            account: None,
            stop_signal: Signal::SIGTERM,
            ready: Ready::Port(admin.address()),
            ready_within: START,
        };
        let process = ground.place.start(spec).await?;
        let held = Arc::new(AtomicBool::new(false));
        let deaths = Arc::<Mutex<Vec<String>>>::default();
        let keeper = tokio::spawn(keep(process.clone(), held.clone(), deaths.clone()));
        Ok(Self {
            process,
            public,
            admin,
            http: ground.http.clone(),
            held,
            deaths,
            keeper: keeper.abort_handle(),
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.process.spec().name
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.process.log().to_owned()
    }

    /// An address on its public port.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public.address())
    }

    /// Its end is wanted from here on.
    pub fn hold(&self) {
        self.held.store(true, SeqCst);
    }

    /// Starts it again after its wanted end.
    ///
    /// # Errors
    /// When it ends at once.
    pub async fn revive(&self) -> Result<()> {
        let started = self.process.start().await;
        self.held.store(false, SeqCst);
        started
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let url = format!("http://{}/health/ready", self.admin.address());
        let request = self.http.get(url).timeout(Duration::from_secs(2));
        request
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
    }

    /// How it ended when nobody had asked it to.
    pub fn deaths(&self) -> Vec<String> {
        self.deaths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(process: Process, held: Arc<AtomicBool>, deaths: Arc<Mutex<Vec<String>>>) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if held.load(SeqCst) {
            continue;
        }
        let ended = tokio::time::timeout(Duration::from_millis(1), process.ended()).await;
        if let Ok(Some(status)) = ended
            && !held.load(SeqCst)
        {
            let what = format!("{}: {status}", process.spec().name);
            deaths
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(what);
            // If it does not start, the next round tries again.
            let _ = process.start().await;
        }
    }
}
