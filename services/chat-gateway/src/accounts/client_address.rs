//! Where a request comes from, for throttling.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::Gateway;

/// The caller's address: the peer's, or what the configured number of proxies
/// in front say it is.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl<S> FromRequestParts<S> for ClientAddress
where
    Gateway: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let proxies = Gateway::from_ref(state).config.trusted_proxies;
        Ok(Self(forwarded(&parts.headers, proxies).unwrap_or(peer)))
    }
}

/// The `proxies`-th address from the right of `X-Forwarded-For`: those further
/// left were written by somebody we do not know.
fn forwarded(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let skip = proxies.checked_sub(1)?;
    let entries: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    entries.iter().rev().nth(skip)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_our_own_proxies_wrote_is_believed() {
        let mut headers = HeaderMap::new();
        headers.append(
            "x-forwarded-for",
            "6.6.6.6, 1.2.3.4".parse().expect("a value"),
        );
        headers.append("x-forwarded-for", "10.0.0.1".parse().expect("a value"));
        assert_eq!(forwarded(&headers, 0), None);
        assert_eq!(forwarded(&headers, 1), "10.0.0.1".parse().ok());
        assert_eq!(forwarded(&headers, 2), "1.2.3.4".parse().ok());
        assert_eq!(forwarded(&headers, 9), None);
    }
}
