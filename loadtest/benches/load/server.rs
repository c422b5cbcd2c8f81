//! The trivial server all are measured against: one thread, one epoll, the same
//! few bytes for each request. A process of its own, pinned to a core.

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Socket, Type};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";
const END: &[u8] = b"\r\n\r\n";
const LISTENER: u64 = u64::MAX;

/// The server's core, and that of whoever loads it.
pub const CORE: &str = "0";

/// A running server; ends with this.
pub struct Server {
    child: Child,
    said: std::cell::RefCell<BufReader<ChildStdout>>,
    pub port: u16,
}

impl Server {
    pub fn start(stall_at: Option<u64>) -> Self {
        let mut command = Command::new("taskset");
        command.args(["-c", CORE]).arg(env::current_exe().unwrap());
        command.arg("serve").args(stall_at.map(|at| at.to_string()));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("taskset");
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let port = line(&mut said).parse().expect("a port");
        Self {
            child,
            said: said.into(),
            port,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// How long it stalled, by its own clock.
    pub fn stalled(&self) -> Duration {
        let nanoseconds = line(&mut self.said.borrow_mut());
        Duration::from_nanos(nanoseconds.parse().expect("nanoseconds"))
    }

    /// CPU that it has used.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).unwrap();
        let on_cpu = stat.split(' ').next().and_then(|text| text.parse().ok());
        Duration::from_nanos(on_cpu.expect("nanoseconds on a core"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(from: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

struct Peer {
    stream: TcpStream,
    /// So many bytes of the end of a request have come.
    matched: usize,
}

/// With a queue for as many connections as come during the stall: the standard
/// library's has 128 places, and whom the kernel turns away asks again a second
/// later, which would be a stall of its own.
fn listen() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    socket.listen(4096).unwrap();
    socket.into()
}

/// Serves until it is killed. After so many requests it does nothing for a while,
/// once.
pub fn serve(mut stall: Option<(u64, Duration)>) {
    let listener = listen();
    println!("{}", listener.local_addr().unwrap().port());
    listener.set_nonblocking(true).unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    let readable = EpollFlags::EPOLLIN;
    epoll
        .add(&listener, EpollEvent::new(readable, LISTENER))
        .unwrap();
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut events = [EpollEvent::empty(); 256];
    let mut served = 0;
    loop {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE).unwrap();
        for event in &events[..ready] {
            if event.data() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let event = EpollEvent::new(readable, peers.len() as u64);
                    epoll.add(stream.as_fd(), event).unwrap();
                    peers.push(Some(Peer { stream, matched: 0 }));
                }
                continue;
            }
            let slot = &mut peers[event.data() as usize];
            let Some(peer) = slot else { continue };
            let Some(requests) = peer.requests() else {
                *slot = None;
                continue;
            };
            served += requests;
            if let Some((_, wait)) = stall.take_if(|(at, _)| served >= *at) {
                let begun = Instant::now();
                #[expect(clippy::disallowed_methods, reason = "to stall is the purpose")]
                std::thread::sleep(wait);
                println!("{}", begun.elapsed().as_nanos());
            }
            for _ in 0..requests {
                if peer.stream.write_all(ANSWER).is_err() {
                    *slot = None;
                    break;
                }
            }
        }
    }
}

impl Peer {
    /// How many requests ended in what has come; `None` when the peer has gone.
    fn requests(&mut self) -> Option<u64> {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => None,
            Ok(read) => {
                let mut ended = 0;
                for byte in &bytes[..read] {
                    self.matched = match byte {
                        byte if *byte == END[self.matched] => self.matched + 1,
                        b'\r' => 1,
                        _ => 0,
                    };
                    if self.matched == END.len() {
                        (self.matched, ended) = (0, ended + 1);
                    }
                }
                Some(ended)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }
}
