//! Gauges that are read when somebody asks.

use std::sync::{Mutex, PoisonError};

type Refresh = Box<dyn Fn() + Send + Sync>;

static REFRESHERS: Mutex<Vec<Refresh>> = Mutex::new(Vec::new());

/// Calls `refresh` before every rendering of `/metrics`. It must not block.
pub fn on_scrape(refresh: impl Fn() + Send + Sync + 'static) {
    REFRESHERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Box::new(refresh));
}

pub(crate) fn refresh() {
    for refresh in REFRESHERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
    {
        refresh();
    }
}
