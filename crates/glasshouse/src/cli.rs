//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use loadtest::load::Load;
use url::Url;

use crate::backing::{KafkaChoice, RedisChoice};
use crate::check::{self, Check};
use crate::progress::Progress;
use crate::state::{RunState, StateFile};
use crate::tools::{self, Tools};
use crate::{command, journey, probe, project, provision, slo, up};

/// Starts Glasshouse with everything it needs, and shows what it does.
#[derive(Debug, Parser)]
#[command(name = "glasshouse", version, max_term_width = 100)]
pub struct Cli {
    /// Where data, logs, secrets and pid files are kept [default: .glasshouse in the checkout]
    #[arg(long, global = true, value_name = "FOLDER")]
    home: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything, show what runs where, make the journey, and stay until Ctrl-C
    Up(Up),
    /// Show what runs where; fails unless everything that should run does
    Status {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// End what runs, and whatever a crash has left
    Down,
    /// Show the logs of one part, or of all
    Logs {
        /// The part: todo-api, postgres, …
        service: Option<String>,
        /// Go on as lines are added
        #[arg(short, long)]
        follow: bool,
        /// How many lines to begin with
        #[arg(short = 'n', long, default_value_t = 50)]
        lines: usize,
    },
    /// Follow one action through the whole system, and look it up in metrics, traces and logs
    Journey(Journey),
    /// Check that what is promised of the running system is so; exit code 1 where it is not
    Check(Box<Check>),
    /// Service level objectives
    Slo {
        #[command(subcommand)]
        what: Slo,
    },
    /// Make what containers need before they start: secrets, topics, a configuration
    Provision {
        #[command(subcommand)]
        what: Provision,
    },
    /// Show what lies with the dead letters of a topic, and send it back
    ///
    /// What was sent and acknowledged is removed there; the rest is left. A message that
    /// fails again returns with its history. Whatever took effect before is known by its
    /// id, and changes nothing a second time.
    Redrive(command::redrive::Redrive),
    /// Show which customers may be one, and decide it
    ///
    /// Shows what they are known by, which is personal data. Those who are the same
    /// become one customer with one ticket; of others it is not asked again.
    Reviews(command::reviews::Reviews),
    /// Put a scenario of load on the running system; `standard` if none is named
    Load(Box<Load>),
    /// Build Collector, Jaeger, Loki and daprd from their Go modules, once for all checkouts
    Tools {
        /// Only these
        names: Vec<String>,
    },
    /// Run a command with a private PostgreSQL, Redis and Kafka, and remove them after it
    ///
    /// The command finds them in GLASSHOUSE_TEST_POSTGRES, GLASSHOUSE_TEST_REDIS and
    /// GLASSHOUSE_TEST_KAFKA; its exit code is passed on.
    Backing {
        /// As `up` starts them: PostgreSQL waits for the disk, and vacuums; for measuring
        #[arg(long)]
        durable: bool,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

/// Without an address of its own it is made through what `glasshouse up` started.
#[derive(Args, Debug)]
struct Journey {
    /// Go on as a synthetic probe: make it again after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(5..))]
    every: Option<u64>,
    /// Where the probe shows its metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9104")]
    metrics: SocketAddr,
    /// The gateway of a system that runs elsewhere; an account is opened there
    #[arg(long, value_name = "URL")]
    gateway: Option<Url>,
    /// The brokers of that system, to time what is between the hops
    #[arg(long, value_name = "BROKERS", requires = "gateway")]
    kafka: Option<String>,
    /// Ask a running probe whether it is well: exit code 0 or 1
    #[arg(long, conflicts_with_all = ["every", "gateway"])]
    health: bool,
}

#[derive(Debug, Subcommand)]
enum Slo {
    /// Make the rules of the objectives in alerts/slo.toml, and their tests
    Generate {
        /// How long an hour is
        #[arg(long, value_enum, default_value_t)]
        preset: slo::Preset,
        /// Where to, without their tests [default: alerts/rules/slo.yml]
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Provision {
    /// Passwords, keys and tokens that are missing, each in the folder of those who need it
    Secrets {
        /// Holds a folder for each of them
        folder: PathBuf,
    },
    /// Alertmanager's configuration, with the receivers that have a secret
    Alertmanager {
        /// Holds alertmanager.yml, outside.yml and the folder of secrets
        folder: PathBuf,
        /// The file to write
        out: PathBuf,
        /// There is no mail catcher
        #[arg(long)]
        no_mail: bool,
    },
    /// The topics that are missing
    Topics {
        /// Bootstrap brokers
        brokers: String,
    },
}

#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "switches")]
struct Up {
    /// Return when everything is ready, and leave it running
    #[arg(long, conflicts_with = "once")]
    detach: bool,
    /// End everything after the journey; fails where the journey failed
    #[arg(long)]
    once: bool,
    /// Leave Collector, Jaeger and Loki out, even where they are built
    #[arg(long)]
    no_tools: bool,
    /// Alerts wait for seconds and not minutes, and an hour of the objectives is two minutes
    #[arg(long)]
    workshop: bool,
    /// Make no journey
    #[arg(long, conflicts_with = "once")]
    no_journey: bool,
    /// Which Kafka
    #[arg(long, value_enum, default_value_t = KafkaKind::Auto)]
    kafka: KafkaKind,
    /// Which Redis
    #[arg(long, value_enum, default_value_t = RedisKind::Auto)]
    redis: RedisKind,
    #[arg(long, hide = true)]
    supervisor: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KafkaKind {
    /// A real one where there is Java, else the in-process broker
    Auto,
    /// The in-process broker
    Mock,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RedisKind {
    /// A real one where there is redis-server, else the stand-in
    Auto,
    /// The stand-in in the launcher
    StandIn,
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// When that failed.
    pub async fn run(self) -> Result<ExitCode> {
        let home = || match &self.home {
            Some(home) => Ok(std::path::absolute(home)?),
            None => Ok::<_, anyhow::Error>(project::root()?.join(".glasshouse")),
        };
        match self.command {
            Command::Up(up) => up::run(&home()?, &up.options()).await,
            Command::Status { json } => command::status::run(&home()?, json),
            Command::Down => command::down::run(&home()?).await,
            Command::Logs {
                service,
                follow,
                lines,
            } => {
                command::logs::run(&home()?, service.as_deref(), follow, lines).await?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Journey(journey) => journey.run(home).await,
            Command::Check(check) => check::run(home().ok(), *check).await,
            Command::Slo {
                what: Slo::Generate { preset, out },
            } => {
                let root = project::root()?;
                let objectives = slo::load(&root.join(slo::OBJECTIVES))?;
                let write = |path: PathBuf, text: String| {
                    std::fs::write(&path, text).with_context(|| path.display().to_string())
                };
                let rules = slo::generate(&objectives, preset);
                match out {
                    Some(out) => write(out, rules)?,
                    None => {
                        let tests = slo::generate_tests(&objectives, preset, "../rules/slo.yml")?;
                        write(root.join(slo::RULES), rules)?;
                        write(root.join(slo::TESTS), tests)?;
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
            Command::Provision { what } => {
                match what {
                    Provision::Secrets { folder } => provision::secrets(&folder)?,
                    Provision::Alertmanager {
                        folder,
                        out,
                        no_mail,
                    } => {
                        let receivers = provision::Receivers::in_containers(!no_mail);
                        let text = provision::alertmanager(&folder, &receivers)?;
                        provision::write(&out, &text)?;
                    }
                    Provision::Topics { brokers } => provision::topics(&brokers).await?,
                }
                Ok(ExitCode::SUCCESS)
            }
            Command::Reviews(asked) => command::reviews::run(&home()?, asked).await,
            Command::Redrive(asked) => command::redrive::run(&home()?, asked).await,
            Command::Load(load) => command::load::run(home(), *load).await,
            Command::Tools { names } => {
                let tools = Tools::load(&project::root()?)?;
                tools::build(&tools, &names, &Progress::new()).await?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Backing { command, durable } => {
                Ok(exit_code(command::backing::run(&command, durable).await?))
            }
        }
    }
}

impl Journey {
    async fn run(self, home: impl FnOnce() -> Result<PathBuf>) -> Result<ExitCode> {
        if self.health {
            return probe::health(self.metrics).await;
        }
        let elsewhere = self.gateway.is_some();
        let options = match self.gateway {
            Some(gateway) => command::journey::elsewhere(gateway, self.kafka),
            None => {
                let run = StateFile::in_folder(&home()?).load();
                let run = run.filter(RunState::is_alive);
                let run =
                    run.context("Glasshouse is not running here; `glasshouse up` starts it")?;
                command::journey::options(&run)?
            }
        };
        if let Some(seconds) = self.every {
            let every = Duration::from_secs(seconds);
            return probe::run(options, every, self.metrics, elsewhere).await;
        }
        if elsewhere {
            journey::register(&options).await?;
        }
        Ok(command::journey::report(journey::run(&options).await))
    }
}

impl Up {
    fn options(&self) -> up::Options {
        up::Options {
            detach: self.detach,
            once: self.once,
            tools: !self.no_tools,
            journey: !self.no_journey,
            kafka: match self.kafka {
                KafkaKind::Auto => KafkaChoice::Auto,
                KafkaKind::Mock => KafkaChoice::Mock,
            },
            redis: match self.redis {
                RedisKind::Auto => RedisChoice::Auto,
                RedisKind::StandIn => RedisChoice::StandIn,
            },
            preset: if self.workshop {
                slo::Preset::Workshop
            } else {
                slo::Preset::Standard
            },
            supervisor: self.supervisor,
        }
    }
}

/// As a shell would say it: 128 and the signal for a command that was killed.
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
