//! Answers as they come off the wire, cut anywhere, against what they mean.

use std::ops::ControlFlow;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Keeps what it is shown.
#[derive(Default)]
struct Kept {
    status: u16,
    fields: usize,
    body: Vec<u8>,
    enough: usize,
}

impl Sink for Kept {
    fn head(&mut self, status: StatusCode, headers: &[Header<'_>]) {
        (self.status, self.fields) = (status.as_u16(), headers.len());
    }

    fn data(&mut self, data: &[u8]) -> ControlFlow<()> {
        self.body.extend_from_slice(data);
        if self.enough > 0 && self.body.len() >= self.enough {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn wire<'a>(bytes: &'a [u8], rest: &'a [Bytes], head_only: bool) -> Wire<'a> {
    Wire {
        bytes,
        rest,
        head_only,
    }
}

struct Outcome {
    answer: Result<Answer, Broken>,
    kept: Kept,
    open: bool,
}

/// The answer, sent in pieces of `piece` bytes, then the end of the connection
/// unless it is kept.
async fn answered(text: &str, piece: usize, head_only: bool, enough: usize) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let text = text.to_owned();
    let (done, wait) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = [0; 256];
        let _ = stream.read(&mut request).await.unwrap();
        for piece in text.as_bytes().chunks(piece) {
            if stream.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if !text.contains("keep") {
            drop(stream.shutdown().await);
        }
        let _ = wait.await;
    });
    let mut connection = Connection::open(address).await.unwrap();
    let mut kept = Kept {
        enough,
        ..Kept::default()
    };
    let answer = connection
        .exchange(wire(b"GET / HTTP/1.1\r\n\r\n", &[], head_only), &mut kept)
        .await;
    let open = connection.open;
    drop((connection, done));
    server.await.unwrap();
    Outcome { answer, kept, open }
}

#[tokio::test]
async fn answers_are_read_however_they_are_cut() {
    let long = "x".repeat(20_000);
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeep".to_owned(), 200, "keep".to_owned(), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nkeep".to_owned(), 200, "keep".to_owned(), true),
        ("HTTP/1.1 204 No Content\r\nx-keep: 1\r\n\r\n".to_owned(), 204, String::new(), true),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\nx-keep: 1\r\n\r\n".to_owned(), 304, String::new(), true),
        ("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeep".to_owned(), 200, "keep".to_owned(), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nkeep\r\nA\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n".to_owned(), 200, "keep0123456789".to_owned(), true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\ncontent-length: 3\r\n\r\n4\r\nkeep\r\n0\r\n\r\n".to_owned(), 200, "keep".to_owned(), false),
        ("HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 4\r\n\r\nkeep".to_owned(), 200, "keep".to_owned(), false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nkeep".to_owned(), 200, "keep".to_owned(), false),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\nkeep".to_owned(), 200, "keep".to_owned(), true),
        (format!("HTTP/1.1 200 OK\r\ncontent-length: 20000\r\nx-keep: 1\r\n\r\n{long}"), 200, long.clone(), true),
        (format!("HTTP/1.1 200 OK\r\n\r\n{long}"), 200, long.clone(), false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeepHTTP/1.1 200 OK".to_owned(), 200, "keep".to_owned(), false),
    ];
    for (text, status, body, open) in cases {
        for piece in [7, 4096, usize::MAX] {
            let found = answered(&text, piece, false, 0).await;
            let answer = found
                .answer
                .unwrap_or_else(|error| panic!("{text:.60}: {error}"));
            assert_eq!(
                (answer.status.as_u16(), found.kept.status),
                (status, status),
                "{text:.60}"
            );
            assert_eq!(answer.bytes, body.len() as u64, "{text:.60}");
            assert!(found.kept.body == body.as_bytes(), "{text:.60}");
            // What follows unasked may still be under way when it comes in pieces.
            if piece == usize::MAX || !text.ends_with("OK") {
                assert_eq!(found.open, open, "{text:.60}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_http_has_no_answer() {
    for text in [
        "220 mail.example ESMTP\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nlong\r\n0\r\n\r\n",
    ] {
        let found = answered(text, usize::MAX, false, 0).await;
        assert!(
            matches!(found.answer, Err(Broken::Protocol(_))),
            "{text}: {:?}",
            found.answer
        );
        assert!(!found.open);
    }
    let endless = "HTTP/1.1 102 Processing\r\n\r\n".repeat(20);
    let found = answered(&endless, usize::MAX, false, 0).await;
    assert!(matches!(found.answer, Err(Broken::Protocol(_))));
}

#[tokio::test]
async fn what_ends_early_is_not_complete() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n",
    ] {
        let found = answered(text, usize::MAX, false, 0).await;
        assert!(
            matches!(found.answer, Err(Broken::Closed)),
            "{text}: {:?}",
            found.answer
        );
    }
}

#[tokio::test]
async fn heads_have_a_limit() {
    let padded = |size| {
        format!(
            "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\nx-keep: 1\r\n\r\n",
            "y".repeat(size)
        )
    };
    let found = answered(&padded(200_000), usize::MAX, false, 0).await;
    assert!(found.answer.is_ok() && found.kept.fields == 3);
    for text in [
        padded(300_000),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200)),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;{}",
            "e".repeat(300_000)
        ),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: {}",
            "t".repeat(300_000)
        ),
    ] {
        let found = answered(&text, usize::MAX, false, 0).await;
        assert!(
            matches!(found.answer, Err(Broken::TooLarge)),
            "{text:.60}: {:?}",
            found.answer
        );
    }
}

#[tokio::test]
async fn a_head_asked_for_alone_has_no_body_and_a_body_may_be_given_up() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 999\r\nx-keep: 1\r\n\r\n";
    let found = answered(text, usize::MAX, true, 0).await;
    assert!(found.open && found.answer.unwrap().bytes == 0);

    let text = "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nkeep waiting";
    let found = answered(text, usize::MAX, false, 4).await;
    assert!(!found.open);
    assert_eq!(found.answer.unwrap().bytes, 12);
}

#[tokio::test]
async fn an_upload_that_is_refused_halfway_has_its_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut start = [0; 64];
        stream.read_exact(&mut start).await.unwrap();
        let refusal = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(refusal.as_bytes()).await.unwrap();
        // It reads no further, and does not close either.
        std::future::pending::<()>().await;
    });
    let mut connection = Connection::open(address).await.unwrap();
    let upload = vec![b'x'; 64 << 20];
    let upload = [Bytes::from(upload)];
    let request = wire(b"POST / HTTP/1.1\r\n\r\n", &upload, false);
    let answer = connection.exchange(request, &mut ()).await.unwrap();
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!connection.is_open());
    server.abort();
}

#[tokio::test]
async fn a_body_in_pieces_arrives_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pieces: Vec<Bytes> = (0..5u8).map(|n| vec![n; 300_000].into()).collect();
    let head = b"POST / HTTP/1.1\r\n\r\n";
    let mut expected = head.to_vec();
    expected.extend(pieces.iter().flatten());
    let length = expected.len();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; length];
        stream.read_exact(&mut seen).await.unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        (seen, stream)
    });
    let mut connection = Connection::open(address).await.unwrap();
    let request = wire(head, &pieces, false);
    let answer = connection.exchange(request, &mut ()).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(connection.is_open());
    assert!(server.await.unwrap().0 == expected);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut connection = Connection::open(listener.local_addr().unwrap())
        .await
        .unwrap();
    assert!(connection.is_open());
    let (stream, _) = listener.accept().await.unwrap();
    drop(stream);
    connection.stream.readable().await.unwrap();
    assert!(!connection.is_open());
}
