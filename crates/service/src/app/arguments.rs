use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use crate::Env;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Run,
    Help,
    Version,
    Health,
    Migrate,
    ConfigTable,
}

impl Command {
    pub(super) fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, String> {
        let Some(argument) = arguments.next() else {
            return Ok(Self::Run);
        };
        if let Some(extra) = arguments.next() {
            return Err(format!("unexpected argument {extra:?}"));
        }
        match argument.as_str() {
            "--help" | "-h" => Ok(Self::Help),
            "--version" | "-V" => Ok(Self::Version),
            "--health" => Ok(Self::Health),
            "--migrate" => Ok(Self::Migrate),
            "--config-table" => Ok(Self::ConfigTable),
            _ => Err(format!("unknown argument {argument:?}; --help lists them")),
        }
    }
}

pub(super) fn help(name: &str, version: &str, env: &Env) -> String {
    format!(
        "{name} {version}, a service of Glasshouse

Usage: {name} [OPTION]

Without an option it runs, until SIGTERM or SIGINT; a second signal forces the exit.
Exit codes: 0 orderly end, 1 failure, 2 the configuration will not do.

Options:
  --migrate       Bring the database up to date, and exit
  --health        Ask the running service whether it is ready: exit code 0 or 1
  --config-table  Print the variables below as a Markdown table
  --version       Print the version
  --help          Print this

Environment (each NAME may be given as a file instead, by NAME_FILE):
{}",
        env.help()
    )
}

/// Asks the running service for its readiness: the health check of a container
/// that has no other program in it.
pub(super) fn probe(admin: SocketAddr) -> ExitCode {
    match ready(reachable(admin)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn ready(address: SocketAddr) -> std::io::Result<bool> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: health\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// A server on every address is asked on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, String> {
        Command::from_arguments(arguments.iter().map(|text| (*text).to_owned()))
    }

    #[test]
    fn takes_one_known_option() {
        assert_eq!(parse(&[]), Ok(Command::Run));
        assert_eq!(parse(&["--migrate"]), Ok(Command::Migrate));
        assert!(parse(&["--nonsense"]).is_err());
        assert!(parse(&["--help", "me"]).is_err());
    }

    #[test]
    fn asks_on_the_loopback_address() {
        let all: SocketAddr = "0.0.0.0:9101".parse().unwrap();
        assert_eq!(reachable(all).to_string(), "127.0.0.1:9101");
    }
}
