//! Where the running system is: what `glasshouse up` started here, else where
//! compose publishes its ports.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use url::Url;

use crate::command;
use crate::journey;
use crate::state::{RunState, StateFile};

const MAIL: &str = "MAIL_CATCHER_URL";

/// Addresses other than those of the system that runs here.
#[derive(Args, Clone, Debug, Default)]
#[command(
    next_help_heading = "Where it runs (default: what `glasshouse up` started here, else compose)"
)]
pub struct Elsewhere {
    /// The gateway [env: CHAT_GATEWAY_URL]; an account is opened there
    #[arg(long, value_name = "URL")]
    gateway: Option<Url>,
    /// Kafka's brokers [env: KAFKA_BROKERS]
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
    /// Prometheus [env: PROMETHEUS_URL]
    #[arg(long, value_name = "URL")]
    prometheus: Option<Url>,
    /// Loki [env: LOKI_URL]
    #[arg(long, value_name = "URL")]
    loki: Option<Url>,
    /// Jaeger [env: JAEGER_URL]
    #[arg(long, value_name = "URL")]
    jaeger: Option<Url>,
    /// Alertmanager [env: ALERTMANAGER_URL]
    #[arg(long, value_name = "URL")]
    alertmanager: Option<Url>,
    /// The API of Mailpit, the mail catcher [env: MAIL_CATCHER_URL]
    #[arg(long, value_name = "URL")]
    mail: Option<Url>,
}

/// Where mail is kept.
#[derive(Clone, Debug)]
pub(super) enum Mail {
    /// By Mailpit, in compose.
    Api(Url),
    /// By the launcher's mail catcher, in a folder.
    Maildir(PathBuf),
}

/// Where each part is; `None` if it does not run.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// What the launcher started here, if it did.
    pub run: Option<RunState>,
    pub gateway: Option<Url>,
    pub kafka: Option<String>,
    pub prometheus: Option<Url>,
    pub loki: Option<Url>,
    pub jaeger: Option<Url>,
    pub alertmanager: Option<Url>,
    pub mail: Option<Mail>,
    /// Whether the gateway is one that knows no demo account.
    strange: bool,
}

impl Places {
    pub(super) fn find(home: Option<PathBuf>, asked: Elsewhere) -> Result<Self> {
        let run = home
            .as_ref()
            .and_then(|home| StateFile::in_folder(home).load());
        let run = run.filter(RunState::is_alive);
        let strange = run.is_none() || given(&asked.gateway, "CHAT_GATEWAY_URL").is_some();
        let find = |flag: Option<Url>, variable: &str, name: &str, published: u16| {
            let url = match (flag, env::var(variable).ok().filter(|url| !url.is_empty())) {
                (Some(url), _) => url.to_string(),
                (None, Some(url)) => url,
                (None, None) => match &run {
                    // A part of this run that is not there is not looked for elsewhere.
                    Some(run) => match run.address(name) {
                        Some(address) => address.to_owned(),
                        None => return Ok(None),
                    },
                    None => format!("http://127.0.0.1:{published}"),
                },
            };
            let url = Url::parse(&url).with_context(|| format!("{variable}: {url}"))?;
            anyhow::Ok(Some(url))
        };
        let kafka = given(&asked.kafka, "KAFKA_BROKERS").or_else(|| match &run {
            Some(run) => run.address("kafka").map(ToOwned::to_owned),
            None => Some("127.0.0.1:19092".to_owned()),
        });
        Ok(Self {
            gateway: find(asked.gateway, "CHAT_GATEWAY_URL", "chat-gateway", 8002)?,
            kafka,
            prometheus: find(asked.prometheus, "PROMETHEUS_URL", "prometheus", 9090)?,
            loki: find(asked.loki, "LOKI_URL", "loki", 3100)?,
            jaeger: find(asked.jaeger, "JAEGER_URL", "jaeger", 16686)?,
            alertmanager: find(asked.alertmanager, "ALERTMANAGER_URL", "alertmanager", 9093)?,
            mail: match (&run, home) {
                (Some(run), Some(home)) if given(&asked.mail, MAIL).is_none() => {
                    let there = run.address("mail-catcher");
                    there.map(|_| Mail::Maildir(home.join("mail")))
                }
                _ => find(asked.mail, MAIL, "mail-catcher", 8025)?.map(Mail::Api),
            },
            strange,
            run,
        })
    }

    /// The same for the journey, whose account is opened where it is not known.
    pub(super) async fn journey(&self) -> Result<journey::Options> {
        let gateway = self.gateway.clone().context("chat-gateway does not run")?;
        let mut options = match &self.run {
            Some(run) if !self.strange => command::journey::options(run)?,
            _ => {
                let options = command::journey::elsewhere(gateway, None);
                journey::register(&options).await?;
                options
            }
        };
        options.kafka.clone_from(&self.kafka);
        options.prometheus.clone_from(&self.prometheus);
        options.jaeger.clone_from(&self.jaeger);
        options.loki.clone_from(&self.loki);
        Ok(options)
    }

    pub(super) fn prometheus(&self) -> Result<&Url> {
        self.prometheus.as_ref().context("Prometheus does not run")
    }

    pub(super) fn loki(&self) -> Result<&Url> {
        let url = self.loki.as_ref();
        url.context("Loki does not run (natively: make tools)")
    }

    pub(super) fn jaeger(&self) -> Result<&Url> {
        let url = self.jaeger.as_ref();
        url.context("Jaeger does not run (natively: make tools)")
    }

    pub(super) fn alertmanager(&self) -> Result<&Url> {
        let url = self.alertmanager.as_ref();
        url.context("Alertmanager does not run")
    }

    pub(super) fn mail(&self) -> Result<&Mail> {
        self.mail.as_ref().context("the mail catcher does not run")
    }
}

fn given<T: ToString>(flag: &Option<T>, variable: &str) -> Option<String> {
    let flag = flag.as_ref().map(ToString::to_string);
    flag.or_else(|| env::var(variable).ok().filter(|value| !value.is_empty()))
}
