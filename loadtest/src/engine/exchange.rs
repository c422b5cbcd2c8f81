//! A request of the plan and its answer, on the lane's connection or a new one.

use crate::failure::Failure;
use crate::http1::{Answer, Broken, Connection, Wire};
use crate::limits;

use super::pool::Pool;

/// Sends a request, on a new connection if the old one is gone, and reads
/// the answer to its end.
pub(super) async fn exchange(
    pool: &Pool,
    connection: &mut Option<Connection>,
    request: &[u8],
) -> Result<Answer, Failure> {
    let wire = Wire {
        bytes: request,
        rest: &[],
        head_only: pool.head_only,
    };
    // A server may close an idle connection at any time. A request that meets
    // that unsent goes again, on a connection that is certainly new.
    if let Some(open) = connection.as_mut()
        && open.is_open()
    {
        match open.exchange(wire, &mut ()).await {
            Err(Broken::Unsent) => {}
            outcome => return outcome.map_err(|error| Failure::exchanging(&error)),
        }
    }
    let open = connection.insert(connect(pool).await?);
    open.exchange(wire, &mut ())
        .await
        .map_err(|error| Failure::exchanging(&error))
}

async fn connect(pool: &Pool) -> Result<Connection, Failure> {
    match Connection::open(pool.plan.target.address).await {
        Ok(connection) => {
            pool.record.borrow_mut().opened += 1;
            Ok(connection)
        }
        Err(error) => {
            if let Some(limit) = limits::explain(&error) {
                pool.limit_met(limit);
            }
            Err(Failure::connecting(&error))
        }
    }
}
