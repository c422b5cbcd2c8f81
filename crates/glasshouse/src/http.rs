//! Asking running parts of the system.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Client, StatusCode, Url};

/// Sends a GET, and returns the status and the text of the answer.
///
/// # Errors
/// When there is no answer.
#[expect(
    clippy::disallowed_methods,
    reason = "the launcher asks about its own children: there is no trace to continue"
)]
pub async fn get(url: &Url) -> Result<(StatusCode, String)> {
    let answer = client()?.get(url.clone()).send().await?;
    let status = answer.status();
    Ok((status, answer.text().await?))
}

/// One client, which keeps no connections: they would belong to the runtime that
/// opened them, and each test has its own.
fn client() -> Result<&'static Client> {
    static CLIENT: OnceLock<Option<Client>> = OnceLock::new();
    let build = || {
        let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
        builder.timeout(Duration::from_secs(5)).build().ok()
    };
    CLIENT.get_or_init(build).as_ref().context("no HTTP client")
}
