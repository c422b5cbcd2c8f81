//! Metrics: described once, started at zero, recorded through handles.
//!
//! A [`Metric`] is a constant in a crate's `metrics.rs`. Its handles are
//! resolved once (a `LazyLock`, or a field of a struct made at start), so that
//! recording is an atomic operation. The macros of the `metrics` crate are
//! banned everywhere by `clippy.toml`.

mod buckets;
mod catalogue;
mod metric;
mod scrape;

pub use buckets::{FAST, SIZE, SLOW};
pub use catalogue::*;
pub use metric::{Kind, Label, Metric};
pub use scrape::on_scrape;
pub(crate) use scrape::refresh;
