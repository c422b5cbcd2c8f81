//! One connection, and one request and its answer on it.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::pool::Pool;
use crate::failure::Failure;
use crate::limits;

/// The largest head of an answer.
const LARGEST_HEAD: usize = 256 * 1024;

/// A complete answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) bytes: u64,
}

/// An open connection; dropping it closes it, whatever is under way.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    // Its errors come to the exchange that they end; those between exchanges
    // show as a closed sender.
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    async fn open(pool: &Pool) -> Result<Self, Failure> {
        let address = pool.plan.target.address;
        let stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(error) => {
                if let Some(limit) = limits::explain(&error) {
                    pool.limit_met(limit);
                }
                return Err(Failure::connecting(&error));
            }
        };
        // A small request must not wait for the acknowledgement of the last one.
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(LARGEST_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::exchanging(&error))?;
        let driver = tokio::task::spawn_local(async move {
            let _ = driver.await;
        });
        pool.record.borrow_mut().opened += 1;
        Ok(Self {
            sender,
            _driver: AbortOnDropHandle::new(driver),
        })
    }
}

/// Sends the plan's request, on a new connection if the old one is gone, and reads
/// the answer to its end. `headers` is storage that requests and answers share.
pub(super) async fn exchange(
    pool: &Pool,
    connection: &mut Option<Connection>,
    headers: &mut HeaderMap,
) -> Result<Answer, Failure> {
    let mut request = request(pool, std::mem::take(headers));
    // A server may close an idle connection at any time. A request that meets
    // that unsent goes again, on a connection that is certainly new.
    if let Some(open) = connection.as_mut()
        && open.sender.ready().await.is_ok()
    {
        match open.sender.try_send_request(request).await {
            Ok(answer) => return read(answer, headers).await,
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(Failure::exchanging(error.error())),
            },
        }
    }
    let open = connection.insert(Connection::open(pool).await?);
    match open.sender.send_request(request).await {
        Ok(answer) => read(answer, headers).await,
        Err(error) => Err(Failure::exchanging(&error)),
    }
}

fn request(pool: &Pool, mut headers: HeaderMap) -> Request<Full<Bytes>> {
    headers.clear();
    for (name, value) in &pool.headers {
        headers.append(name, value.clone());
    }
    let mut request = Request::new(Full::new(pool.plan.template.body.clone()));
    request.method_mut().clone_from(&pool.plan.template.method);
    request.uri_mut().clone_from(&pool.plan.target.uri);
    *request.headers_mut() = headers;
    request
}

async fn read(
    answer: http::Response<hyper::body::Incoming>,
    headers: &mut HeaderMap,
) -> Result<Answer, Failure> {
    let (head, mut body) = answer.into_parts();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::exchanging(&error))?;
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    *headers = head.headers;
    Ok(Answer {
        status: head.status,
        bytes,
    })
}
