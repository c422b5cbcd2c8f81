//! One client of the stand-in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::resp::{Value, read_command};
use super::store::Store;

/// Messages that may wait for a client before it counts as too slow.
const WAITING: usize = 4096;

struct Connection {
    id: u64,
    version: u8,
    store: Arc<Store>,
    pushes: mpsc::Sender<Value>,
    channels: BTreeSet<Vec<u8>>,
}

pub(super) async fn serve(stream: TcpStream, store: Arc<Store>) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let (input, mut output) = stream.into_split();
    let (pushes, mut pushed) = mpsc::channel(WAITING);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let channels = BTreeSet::new();
    let mut connection = Connection {
        id,
        version: 2,
        store,
        pushes,
        channels,
    };

    // Reading has a task of its own: half a command must not be lost because a
    // message came in between.
    let (commands, mut incoming) = mpsc::channel(64);
    let reader = tokio::spawn(async move {
        let mut input = BufReader::new(input);
        while let Ok(Some(command)) = read_command(&mut input).await {
            if commands.send(command).await.is_err() {
                break;
            }
        }
    });
    loop {
        let mut answer = Vec::new();
        tokio::select! {
            command = incoming.recv() => match command {
                Some(command) => connection.obey(&command, &mut answer),
                None => break,
            },
            Some(push) = pushed.recv() => push.write(connection.version, &mut answer),
        }
        if output.write_all(&answer).await.is_err() {
            break;
        }
    }
    reader.abort();
    for channel in &connection.channels {
        connection.store.unsubscribe(channel, id);
    }
}

impl Connection {
    fn obey(&mut self, command: &[Vec<u8>], out: &mut Vec<u8>) {
        let Some((name, arguments)) = command.split_first() else {
            return;
        };
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        match (name.as_str(), arguments) {
            ("SUBSCRIBE", channels) => self.subscribe(channels, out),
            ("UNSUBSCRIBE", channels) => self.unsubscribe(channels, out),
            (name, arguments) => {
                let answer = self.answer(name, arguments);
                answer.write(self.version, out);
            }
        }
    }

    fn answer(&mut self, name: &str, arguments: &[Vec<u8>]) -> Value {
        let store = &self.store;
        match (name, arguments) {
            ("PING", []) => Value::Status("PONG"),
            ("PING" | "ECHO", [text]) => Value::Bulk(text.clone()),
            ("HELLO", arguments) => self.hello(arguments.first()),
            ("CLIENT" | "SELECT", [_, ..]) => Value::Status("OK"),
            ("GET", [key]) => store.get(key).map_or(Value::Nothing, Value::Bulk),
            ("SET", [key, value, options @ ..]) => match set_options(options) {
                Some((life, only_new)) if store.set(key, value, life, only_new) => {
                    Value::Status("OK")
                }
                Some(_) => Value::Nothing,
                None => Value::Failure("ERR syntax error".into()),
            },
            ("DEL", keys @ [_, ..]) => count(keys.iter().filter(|key| store.delete(key)).count()),
            ("INCR", [key]) => store.increment(key).map_or_else(
                || Value::Failure("ERR value is not an integer or out of range".into()),
                Value::Number,
            ),
            ("EXPIRE", [key, seconds]) => match amount(seconds) {
                Some(seconds) => {
                    count(usize::from(store.expire(key, Duration::from_secs(seconds))))
                }
                None => Value::Failure("ERR value is not an integer or out of range".into()),
            },
            ("PUBLISH", [channel, message]) => count(store.publish(channel, message)),
            _ => Value::Failure(format!(
                "ERR the stand-in does not know this use of '{name}'"
            )),
        }
    }

    fn hello(&mut self, version: Option<&Vec<u8>>) -> Value {
        match version.map(Vec::as_slice) {
            None => {}
            Some(b"2") => self.version = 2,
            Some(b"3") => self.version = 3,
            Some(_) => return Value::Failure("NOPROTO unsupported protocol version".into()),
        }
        let text = |key, value| (Value::text(key), Value::text(value));
        Value::Map(vec![
            text("server", "redis"),
            text("version", "7.0.0"),
            (Value::text("proto"), Value::Number(self.version.into())),
            text("mode", "standalone"),
            text("role", "master"),
        ])
    }

    fn subscribe(&mut self, channels: &[Vec<u8>], out: &mut Vec<u8>) {
        for channel in channels {
            self.store.subscribe(channel, self.id, self.pushes.clone());
            self.channels.insert(channel.clone());
            self.confirm("subscribe", Value::Bulk(channel.clone()), out);
        }
    }

    fn unsubscribe(&mut self, channels: &[Vec<u8>], out: &mut Vec<u8>) {
        let all: Vec<_> = self.channels.iter().cloned().collect();
        let channels = if channels.is_empty() { &all } else { channels };
        for channel in channels {
            self.store.unsubscribe(channel, self.id);
            self.channels.remove(channel);
            self.confirm("unsubscribe", Value::Bulk(channel.clone()), out);
        }
        if channels.is_empty() {
            self.confirm("unsubscribe", Value::Nothing, out);
        }
    }

    fn confirm(&self, what: &str, channel: Value, out: &mut Vec<u8>) {
        Value::Push(vec![Value::text(what), channel, count(self.channels.len())])
            .write(self.version, out);
    }
}

/// `EX seconds`, `PX milliseconds` and `NX`; `None` for anything else.
fn set_options(mut options: &[Vec<u8>]) -> Option<(Option<Duration>, bool)> {
    let (mut life, mut only_new) = (None, false);
    while let [word, rest @ ..] = options {
        options = match (word.to_ascii_uppercase().as_slice(), rest) {
            (b"NX", rest) => {
                only_new = true;
                rest
            }
            (b"EX", [seconds, rest @ ..]) => {
                life = Some(Duration::from_secs(amount(seconds)?));
                rest
            }
            (b"PX", [milliseconds, rest @ ..]) => {
                life = Some(Duration::from_millis(amount(milliseconds)?));
                rest
            }
            _ => return None,
        };
    }
    Some((life, only_new))
}

fn amount(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn count(number: usize) -> Value {
    Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
}
