//! Limits of the system that a load generator meets before others do: which one,
//! and how to raise it.

use std::io;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files that are open beside the connections: runtimes, timers, output.
const BESIDE: u64 = 64;

/// The process may not open as many files as the run needs.
#[derive(Debug, thiserror::Error)]
#[error(
    "{connections} connections need {needed} open files, and this process may open {hard} \
     (the hard limit RLIMIT_NOFILE); raise it with `ulimit -Hn {needed}` as root, with \
     `ulimits: nofile` in compose or LimitNOFILE in systemd, or ask for fewer --connections"
)]
pub struct TooFewFiles {
    connections: usize,
    needed: u64,
    hard: u64,
}

/// Makes sure that so many connections can be open, raising the soft limit as far
/// as the hard one allows: that needs no permission, and touches only this process.
///
/// # Errors
/// If the hard limit is lower.
pub fn allow_connections(connections: usize) -> Result<(), TooFewFiles> {
    let needed = connections as u64 + BESIDE;
    // A system that does not tell its limit is found out by running into it.
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    if soft >= needed {
        return Ok(());
    }
    if hard >= needed && setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_ok() {
        return Ok(());
    }
    Err(TooFewFiles {
        connections,
        needed,
        hard,
    })
}

/// If the error is a limit of this machine and not the target's doing: which one.
pub(crate) fn explain(error: &io::Error) -> Option<String> {
    let text = match Errno::from_raw(error.raw_os_error()?) {
        Errno::EMFILE => {
            "this process has no file descriptor left (RLIMIT_NOFILE, see `ulimit -n`); raise it, \
             or ask for fewer --connections"
        }
        Errno::ENFILE => {
            "the system has no file descriptor left (see `sysctl fs.file-max`); raise it, or ask \
             for fewer --connections"
        }
        Errno::EADDRNOTAVAIL => {
            "no local port is left for connections to this target (see `sysctl \
             net.ipv4.ip_local_port_range`); does it close every connection after an answer?"
        }
        Errno::ENOBUFS | Errno::ENOMEM => {
            "the system has no memory left for sockets (see `sysctl net.ipv4.tcp_mem`)"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_and_a_refusal_is_none() {
        let said = |errno: Errno| explain(&io::Error::from(errno));
        assert!(said(Errno::EMFILE).unwrap().contains("ulimit -n"));
        assert!(said(Errno::ENFILE).unwrap().contains("fs.file-max"));
        assert!(
            said(Errno::EADDRNOTAVAIL)
                .unwrap()
                .contains("ip_local_port_range")
        );
        assert_eq!(said(Errno::ECONNREFUSED), None);
    }
}
