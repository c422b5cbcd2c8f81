//! The command line.

use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::backing::{KafkaChoice, RedisChoice};
use crate::progress::Progress;
use crate::state::StateFile;
use crate::tools::{self, Tools};
use crate::{command, project, up};

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
    Journey,
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
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
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
            Command::Journey => {
                let run = StateFile::in_folder(&home()?).load();
                let run = run.filter(crate::state::RunState::is_alive);
                let run =
                    run.context("Glasshouse is not running here; `glasshouse up` starts it")?;
                Ok(command::journey::report(command::journey::make(&run).await))
            }
            Command::Tools { names } => {
                let tools = Tools::load(&project::root()?)?;
                tools::build(&tools, &names, &Progress::new()).await?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Backing { command } => Ok(exit_code(command::backing::run(&command).await?)),
        }
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
