//! Room for what spans have of their own: used again, as nearly every span needs
//! some, for a moment.

use std::cell::RefCell;

/// Mostly all that a span will need.
const USUAL: usize = 256;
/// What had to grow beyond this is not kept.
const LARGEST: usize = 1024;
/// What a thread keeps.
const MOST: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for `length` bytes at least.
pub(super) fn take(length: usize) -> Vec<u8> {
    // While a thread ends it keeps none any more.
    let kept = KEPT.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
    let mut buffer = kept.unwrap_or_default();
    buffer.reserve(length.max(USUAL));
    buffer
}

/// Keeps a buffer that is no longer needed.
pub(super) fn give_back(mut buffer: Vec<u8>) {
    if !(USUAL..=LARGEST).contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    let _ = KEPT.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < MOST {
            kept.push(buffer);
        }
    });
}
