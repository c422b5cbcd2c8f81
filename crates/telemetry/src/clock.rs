//! Wall time from the monotonic clock: one reading serves a duration and a
//! timestamp.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);
/// Nanoseconds since 1970 at [`BASE`], as the wall clock has it now.
static AT_BASE: AtomicU64 = AtomicU64::new(0);

/// Compares both clocks. Called again and again, so that a wall clock that is
/// set, or a machine that was asleep, is followed.
pub(crate) fn anchor() {
    let elapsed = nanos(*BASE, Instant::now());
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        });
    AT_BASE.store(now.saturating_sub(elapsed), Ordering::Relaxed);
}

/// Nanoseconds since 1970 of a moment.
pub(crate) fn unix_nanos(moment: Instant) -> u64 {
    AT_BASE.load(Ordering::Relaxed) + nanos(*BASE, moment)
}

/// A duration for a log line: to the microsecond, as what is finer is noise, and
/// takes as many digits again.
pub fn milliseconds(duration: Duration) -> f64 {
    // Whole microseconds are exact in a double for 285 years.
    duration.as_micros() as f64 / 1e3
}

fn nanos(from: Instant, to: Instant) -> u64 {
    let elapsed = to.saturating_duration_since(from);
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{anchor, unix_nanos};
    use std::time::{Duration, Instant, SystemTime};

    #[test]
    fn a_moment_is_between_two_readings_of_the_wall_clock() {
        let wall = || {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.expect("after 1970").as_nanos()
        };
        let before = wall();
        anchor();
        let moment = Instant::now();
        let after = wall();
        let nanos = u128::from(unix_nanos(moment));
        // The anchor is two readings, one after the other: allow what lies
        // between them.
        let slack = after - before;
        assert!((before - slack..=after + slack).contains(&nanos));
        assert_eq!(
            unix_nanos(moment + Duration::from_millis(5)) - unix_nanos(moment),
            5_000_000
        );
    }
}
