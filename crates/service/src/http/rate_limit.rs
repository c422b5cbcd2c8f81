mod tracked;

use std::{
    fmt::Write,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use crate::{Env, auth::Verifier, metrics, problem::Problem};
use tracked::Tracked;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How often users are forgotten who could send a whole burst again.
const SWEEP: Duration = Duration::from_secs(10);

/// Users who are known each by itself: some ten megabytes at most.
const MOST_USERS: usize = 100_000;

/// How many requests each user may send to this instance; other instances count
/// for themselves.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    period: Duration,
    burst: NonZeroU32,
}

impl RateLimit {
    /// Reads the limit. `None`: there is none.
    pub fn read(env: &mut Env) -> Option<Self> {
        let per_second: f64 = env.or(
            "RATE_LIMIT_PER_SECOND",
            200,
            "Requests a second that one user may send to one instance; 0: no limit",
        );
        let burst: u32 = env.or(
            "RATE_LIMIT_BURST",
            400,
            "Requests that one user may send at once",
        );
        if per_second == 0.0 {
            return None;
        }
        if !(0.001..=1e6).contains(&per_second) {
            env.problem(
                "RATE_LIMIT_PER_SECOND",
                "must be 0, or from 0.001 to 1000000",
            );
            return None;
        }
        let Some(burst) = NonZeroU32::new(burst) else {
            env.problem("RATE_LIMIT_BURST", "must be at least 1");
            return None;
        };
        let period = Duration::from_secs_f64(1.0 / per_second);
        Some(Self { period, burst })
    }

    /// Puts these routes under the limit. Who has no valid token is let through,
    /// to be refused where the user is asked for.
    ///
    /// Every answer says where its user stands, in the fields of
    /// draft-ietf-httpapi-ratelimit-headers-10.
    pub fn protect(self, router: Router, verifier: Verifier) -> Router {
        let users = Arc::new(Users::new(self, MOST_USERS));
        router.layer(from_fn_with_state((users, verifier), limit))
    }
}

type Limiter = RateLimiter<Uuid, Tracked, DefaultClock, StateInformationMiddleware>;

/// What each user has sent lately.
struct Users {
    limiter: Limiter,
    limit: RateLimit,
    policy: HeaderValue,
    start: Instant,
    /// When to sweep next, in milliseconds since the start.
    next_sweep: AtomicU64,
}

/// Where a user stands.
struct Standing {
    admitted: bool,
    remaining: u32,
    /// Until there is more: one request if refused, else the whole burst.
    wait: Duration,
}

impl Standing {
    /// Whether less than a fifth is left.
    fn is_near(&self, burst: NonZeroU32) -> bool {
        u64::from(self.remaining) * 5 < u64::from(burst.get())
    }
}

impl Users {
    fn new(limit: RateLimit, most: usize) -> Self {
        let quota = Quota::with_period(limit.period)
            // A period is never zero: it is at least a microsecond.
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
            .allow_burst(limit.burst);
        let window = seconds(limit.period * limit.burst.get());
        let policy = format!("\"user\";q={};w={window}", limit.burst);
        Self {
            limiter: Limiter::new(quota, Tracked::new(most), DefaultClock::default()),
            limit,
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("\"user\"")),
            start: Instant::now(),
            next_sweep: AtomicU64::new(SWEEP.as_millis() as u64),
        }
    }

    fn check(&self, user: Uuid) -> Standing {
        match self.limiter.check_key(&user) {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                let used = self.limit.burst.get().saturating_sub(remaining);
                Standing {
                    admitted: true,
                    remaining,
                    wait: self.limit.period * used,
                }
            }
            Err(until) => Standing {
                admitted: false,
                remaining: 0,
                wait: until.wait_time_from(DefaultClock::default().now()),
            },
        }
    }

    /// Whether a sweep is due; true for one caller.
    fn sweep_due(&self) -> bool {
        let now = self.start.elapsed().as_millis() as u64;
        let due = self.next_sweep.load(Relaxed);
        let next = now + SWEEP.as_millis() as u64;
        now >= due
            && self
                .next_sweep
                .compare_exchange(due, next, Relaxed, Relaxed)
                .is_ok()
    }

    /// Forgets who could send a whole burst again, as if never seen, which makes
    /// room for others.
    fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    fn tell(&self, headers: &mut HeaderMap, standing: &Standing) {
        let mut text = String::with_capacity(32);
        let (remaining, wait) = (standing.remaining, seconds(standing.wait));
        // Writing to a String cannot fail.
        let _ = write!(text, "\"user\";r={remaining};t={wait}");
        headers.insert(RATELIMIT_POLICY, self.policy.clone());
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(RATELIMIT, value);
        }
    }
}

/// Whole seconds, none of them too few.
fn seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

async fn limit(
    State((users, verifier)): State<(Arc<Users>, Verifier)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(user) = verifier.user(request.headers()) else {
        return next.run(request).await;
    };
    let standing = users.check(user.id);
    if users.sweep_due() {
        let users = users.clone();
        tokio::task::spawn_blocking(move || users.sweep());
    }
    if standing.is_near(users.limit.burst) {
        metrics::NEAR_LIMIT.increment(1);
    }
    let mut response = if standing.admitted {
        // Whoever asks for the user need not verify again.
        request.extensions_mut().insert(user);
        next.run(request).await
    } else {
        metrics::LIMITED.increment(1);
        refusal(seconds(standing.wait).max(1)).into_response()
    };
    users.tell(response.headers_mut(), &standing);
    response
}

fn refusal(wait: u32) -> Problem {
    let plural = if wait == 1 { "" } else { "s" };
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too many requests",
    )
    .detail(format!(
        "Try again in {wait} second{plural}. Nothing was done"
    ))
    .retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(per_second: f64, burst: u32) -> Users {
        at_most(MOST_USERS, per_second, burst)
    }

    fn at_most(most: usize, per_second: f64, burst: u32) -> Users {
        let limit = RateLimit {
            period: Duration::from_secs_f64(1.0 / per_second),
            burst: NonZeroU32::new(burst).unwrap(),
        };
        Users::new(limit, most)
    }

    #[test]
    fn a_burst_passes_and_what_follows_waits_for_each_user_alone() {
        let users = users(0.1, 3);
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let remaining: Vec<_> = (0..3).map(|_| users.check(ada).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = users.check(ada);
        assert!(!refused.admitted);
        assert_eq!(seconds(refused.wait), 10);
        assert!(users.check(bob).admitted);
        assert_eq!(users.policy, "\"user\";q=3;w=30");
        let mut headers = HeaderMap::new();
        users.tell(&mut headers, &refused);
        assert_eq!(headers["ratelimit"], "\"user\";r=0;t=10");
    }

    #[test]
    fn who_has_less_than_a_fifth_left_is_near_the_limit() {
        let users = users(0.1, 10);
        let ada = Uuid::from_u128(1);
        let near: Vec<_> = (0..11)
            .map(|_| users.check(ada).is_near(users.limit.burst))
            .collect();
        // Nine to two are left, then one, none, and a refusal.
        assert_eq!(near, [vec![false; 8], vec![true; 3]].concat());
    }

    #[test]
    fn a_hundred_thousand_users_are_forgotten_once_they_are_quiet() {
        // A request is forgotten after a millisecond.
        let users = users(1000.0, 1);
        for user in 0..100_000 {
            assert!(users.check(Uuid::from_u128(user)).admitted);
        }
        assert!(!users.limiter.is_empty());
        let patience = Instant::now();
        while !users.limiter.is_empty() {
            assert!(patience.elapsed() < Duration::from_secs(10));
            users.sweep();
        }
    }

    #[test]
    fn beyond_a_number_users_share_their_limit_and_no_more_are_known() {
        let users = at_most(1000, 0.001, 5);
        for user in 0..1000 {
            assert!(users.check(Uuid::from_u128(user)).admitted);
        }
        // Ten times as many newcomers as all of them together may send.
        let admitted = (1000..52_200)
            .filter(|user| users.check(Uuid::from_u128(*user)).admitted)
            .count();
        assert_eq!(users.limiter.len(), 1000);
        assert_eq!(admitted, 1024 * 5, "the burst of each group");
        // Who was there before has what is left of its own.
        let own: Vec<_> = (0..5)
            .map(|_| users.check(Uuid::from_u128(7)).admitted)
            .collect();
        assert_eq!(own, [true, true, true, true, false]);
    }

    #[test]
    fn who_goes_makes_room_for_a_newcomer() {
        let users = at_most(1, 1000.0, 1);
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(users.check(ada).admitted);
        assert!(users.check(bob).admitted, "by the burst of a group");
        let patience = Instant::now();
        while !users.limiter.is_empty() {
            assert!(patience.elapsed() < Duration::from_secs(10));
            users.sweep();
        }
        assert!(users.check(bob).admitted);
        assert_eq!(users.limiter.len(), 1);
    }

    #[test]
    fn users_who_could_not_send_a_whole_burst_are_remembered() {
        let users = users(0.1, 1);
        for user in 0..1000 {
            assert!(users.check(Uuid::from_u128(user)).admitted);
        }
        users.sweep();
        assert_eq!(users.limiter.len(), 1000);
        assert!(!users.check(Uuid::from_u128(7)).admitted);
    }
}
