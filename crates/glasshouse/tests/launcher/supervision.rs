//! Processes: started, watched, restarted, ended, and told apart.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use glasshouse::backing::{self, Place, Ports};
use glasshouse::supervise::pid_file::{self, Identity};
use glasshouse::supervise::{Event, Ready, Spec, watch};
use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A program that is ready after a moment and runs until it is ended.
fn server(name: &str) -> Spec {
    let port = Ports::any().pick(0).expect("a free port");
    let number = port.number.to_string();
    let arguments = ["--bind", "127.0.0.1", "--save", "", "--port", &number].map(str::to_owned);
    let program = backing::programs::find("redis-server").expect("redis-server is installed");
    spec(
        name,
        &program.display().to_string(),
        &arguments,
        Ready::Redis(port.address()),
    )
}

fn spec(name: &str, program: &str, arguments: &[String], ready: Ready) -> Spec {
    Spec {
        name: name.to_owned(),
        program: program.into(),
        arguments: arguments.to_vec(),
        environment: Default::default(),
        directory: "/".into(),
        account: None,
        stop_signal: Signal::SIGTERM,
        ready,
        ready_within: Duration::from_secs(10),
    }
}

fn is_gone(pid: u32) -> bool {
    Identity::of(pid).is_none()
}

#[tokio::test]
async fn a_process_that_ends_at_once_is_reported_with_its_last_words() {
    let place = backing::scratch().unwrap();
    let words = ["-c".to_owned(), "echo no such luck >&2; exit 3".to_owned()];
    let nowhere = Ready::Port(Ports::any().pick(0).unwrap().address());
    let error = place.start(spec("short", "/bin/sh", &words, nowhere)).await;
    let error = format!("{:#}", error.err().unwrap());
    assert!(error.contains("short ended while starting"), "{error}");
    assert!(error.contains("exit status: 3"), "{error}");
    assert!(error.contains("no such luck"), "{error}");
    assert!(!place.pid_file("short").exists());
    place.remove().unwrap();
}

#[tokio::test]
async fn a_process_that_dies_is_started_again_but_not_one_that_was_stopped() {
    let place = backing::scratch().unwrap();
    let process = place.start(server("often")).await.unwrap();
    let first = process.pid().unwrap();
    let (told, mut events) = mpsc::unbounded_channel();
    let told = move |event: &Event| drop(told.send(format!("{event:?}")));
    let watcher = tokio::spawn(watch(process.clone(), told));

    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(first.cast_signed()),
        Signal::SIGKILL,
    )
    .unwrap();
    let patience = Duration::from_secs(20);
    let died = timeout(patience, events.recv()).await.unwrap().unwrap();
    assert!(
        died.contains("Died") && died.contains("Ready to accept connections"),
        "{died}"
    );
    let back = timeout(patience, events.recv()).await.unwrap().unwrap();
    assert_eq!(back, "Back");
    let second = process.pid().expect("it runs again");
    assert_ne!(second, first);

    process.stop(Duration::from_secs(5)).await;
    watcher.await.unwrap();
    assert!(is_gone(second));
    assert!(events.try_recv().is_err());
    place.remove().unwrap();
}

#[tokio::test]
async fn one_that_does_not_listen_to_reason_is_killed() {
    let place = backing::scratch().unwrap();
    let always = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ready = Ready::Port(always.local_addr().unwrap());
    let words = "trap '' TERM; echo deaf; while :; do sleep 1; done";
    let deaf = spec(
        "deaf",
        "/bin/sh",
        &["-c".to_owned(), words.to_owned()],
        ready,
    );
    let process = place.start(deaf).await.unwrap();
    while !std::fs::read_to_string(process.log())
        .unwrap()
        .contains("deaf")
    {
        tokio::task::yield_now().await;
    }
    let pid = process.pid().unwrap();
    process.stop(Duration::from_millis(200)).await;
    assert!(is_gone(pid));
    place.remove().unwrap();
}

#[test]
fn a_leftover_is_ended_only_if_it_is_still_the_same_process() {
    let folder = backing::scratch().unwrap();
    let file = folder.pid_file("leftover");
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id();
    pid_file::write(&file, pid).unwrap();
    let same = pid_file::read(&file).unwrap();
    assert!(same.is_alive());

    // The pid was given to another process: another start, boot or program.
    for other in [
        Identity {
            started: same.started + 1,
            ..same.clone()
        },
        Identity {
            boot: "another".into(),
            ..same.clone()
        },
        Identity {
            program: Some("/bin/other".into()),
            ..same.clone()
        },
    ] {
        write(&file, &other);
        assert_eq!(
            pid_file::clean(&file, Duration::from_secs(1)).unwrap(),
            None
        );
        assert!(!file.exists());
        assert!(
            child.try_wait().unwrap().is_none(),
            "{other:?} is not that process"
        );
    }

    // Rebuilt while it runs, and still the same.
    let program = same
        .program
        .as_ref()
        .map(|program| format!("{} (deleted)", program.display()).into());
    write(
        &file,
        &Identity {
            program,
            ..same.clone()
        },
    );
    assert!(
        pid_file::clean(&file, Duration::from_secs(5))
            .unwrap()
            .is_some()
    );
    assert!(!child.wait().unwrap().success());
    folder.remove().unwrap();
}

#[test]
fn a_pid_file_that_makes_no_sense_is_removed() {
    let place = backing::scratch().unwrap();
    let file = place.pid_file("nonsense");
    std::fs::write(&file, "12345").unwrap();
    assert_eq!(
        pid_file::clean(&file, Duration::from_secs(1)).unwrap(),
        None
    );
    assert!(!file.exists());
    place.remove().unwrap();
}

#[test]
fn a_temporary_place_is_swept_when_its_owner_has_died() {
    let place = backing::scratch().unwrap();
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    pid_file::write(&place.pid_file("sleep"), child.id()).unwrap();
    let owner = place.run().join("owner");
    let gone = Identity {
        started: 1,
        ..pid_file::read(&owner).unwrap()
    };
    write(&owner, &gone);

    let next = backing::scratch().unwrap();
    assert!(!place.root().exists());
    assert!(next.root().exists());
    assert!(!child.wait().unwrap().success());
    next.remove().unwrap();
}

#[test]
fn secrets_are_made_once_and_readable_by_us_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = backing::scratch().unwrap();
    let secret = place.secret("word").unwrap();
    assert_eq!(secret.len(), 48);
    let again = Place::open(place.root()).unwrap();
    assert_eq!(again.secret("word").unwrap(), secret);
    for path in [place.secrets(), place.secrets().join("word")] {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    place.remove().unwrap();
}

fn write(path: &Path, identity: &Identity) {
    let json = serde_json::to_vec(identity).expect("JSON");
    std::fs::write(path, json).expect("a file");
}
