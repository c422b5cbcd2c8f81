//! What the allocator keeps.

/// So much may lie free at the end of a heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 8 << 20;
/// What is larger is asked of the system by itself, and given back at once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 4 << 20;

/// Has the allocator keep what a burst of requests needs until the next one.
///
/// glibc gives the end of a heap back when 128 KiB of it are free. A service has
/// as much in its hands with a few dozen requests at once, and would take it again
/// page fault by page fault. Each of the two settings turns off that the other
/// follows from what is freed (<https://man7.org/linux/man-pages/man3/mallopt.3.html>),
/// so both are made. Other allocators are left as they are.
pub(crate) fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(
        unsafe_code,
        reason = "there is no safe way to say it; it only sets numbers"
    )]
    // SAFETY: two integers to a function that may be called at any time.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
