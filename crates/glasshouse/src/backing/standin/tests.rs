//! The protocol as a client sees it, byte for byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::StandIn;
use crate::backing::Ports;

struct Client(TcpStream);

impl Client {
    async fn connect(server: &StandIn) -> Self {
        Self(
            TcpStream::connect(server.address)
                .await
                .expect("the stand-in listens"),
        )
    }

    async fn expect(&mut self, answer: &str) {
        let mut bytes = vec![0; answer.len()];
        let read = timeout(Duration::from_secs(5), self.0.read_exact(&mut bytes)).await;
        read.expect("an answer").expect("an open connection");
        assert_eq!(String::from_utf8_lossy(&bytes), answer);
    }

    async fn ask(&mut self, command: &str, answer: &str) {
        self.0
            .write_all(format!("{command}\r\n").as_bytes())
            .await
            .expect("an open connection");
        self.expect(answer).await;
    }
}

fn server() -> StandIn {
    let port = Ports::any().pick(0).expect("a free port");
    StandIn::start(port.address()).expect("the stand-in starts")
}

#[tokio::test]
async fn values_are_kept_counted_and_forgotten() {
    let mut client = Client::connect(&server()).await;
    client.ask("PING", "+PONG\r\n").await;
    client.ask("GET a", "$-1\r\n").await;
    client.ask("SET a one EX 60", "+OK\r\n").await;
    client
        .ask("*2\r\n$3\r\nGET\r\n$1\r\na", "$3\r\none\r\n")
        .await;
    client.ask("SET a two NX", "$-1\r\n").await;
    client.ask("INCR n", ":1\r\n").await;
    client.ask("INCR n", ":2\r\n").await;
    client
        .ask("INCR a", "-ERR value is not an integer or out of range\r\n")
        .await;
    client.ask("EXPIRE n 0", ":1\r\n").await;
    client.ask("GET n", "$-1\r\n").await;
    client.ask("DEL a b", ":1\r\n").await;
    client.ask("CLIENT SETINFO LIB-NAME x", "+OK\r\n").await;
    client
        .ask(
            "SHUTDOWN",
            "-ERR the stand-in does not know this use of 'SHUTDOWN'\r\n",
        )
        .await;
}

#[tokio::test]
async fn messages_reach_those_who_listen() {
    let server = server();
    let mut listener = Client::connect(&server).await;
    let mut modern = Client::connect(&server).await;
    let mut speaker = Client::connect(&server).await;
    listener
        .ask(
            "SUBSCRIBE room",
            "*3\r\n$9\r\nsubscribe\r\n$4\r\nroom\r\n:1\r\n",
        )
        .await;
    modern.ask("HELLO 3", "%5\r\n$6\r\nserver\r\n").await;
    modern.expect("$5\r\nredis\r\n").await;
    speaker.ask("PUBLISH room hello", ":1\r\n").await;
    listener
        .expect("*3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$5\r\nhello\r\n")
        .await;
    listener
        .ask(
            "UNSUBSCRIBE",
            "*3\r\n$11\r\nunsubscribe\r\n$4\r\nroom\r\n:0\r\n",
        )
        .await;
    speaker.ask("PUBLISH room hello", ":0\r\n").await;
}

#[tokio::test]
async fn it_can_be_taken_down_and_brought_back() {
    let server = server();
    let mut client = Client::connect(&server).await;
    client.ask("PING", "+PONG\r\n").await;
    server.stop();
    let mut rest = Vec::new();
    client
        .0
        .read_to_end(&mut rest)
        .await
        .expect("a closed connection");
    server.resume().expect("the same port again");
    Client::connect(&server)
        .await
        .ask("PING", "+PONG\r\n")
        .await;
}
