//! Known bugs, planted one at a time, to prove that `make chaos-selftest` catches
//! them: each is a macro at its place, and the environment variable `PLANTED_BUG`
//! of a build with the feature `planted-bugs` chooses one. Without that feature
//! nothing of them is compiled.

#[cfg(all(feature = "planted-bugs", not(debug_assertions)))]
compile_error!("planted-bugs is no feature for a build that somebody might release");

/// Whether this bug is the chosen one.
#[cfg(feature = "planted-bugs")]
pub fn is(name: &str) -> bool {
    use std::sync::LazyLock;
    static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("PLANTED_BUG").ok());
    CHOSEN.as_deref() == Some(name)
}

/// `planted!("name" => bug)` is a statement that is there only with the bug;
/// `planted!("name" => bug, else right)` is a value.
#[cfg(feature = "planted-bugs")]
#[macro_export]
macro_rules! planted {
    ($name:literal => $bug:expr, else $right:expr) => {
        if $crate::planted::is($name) {
            $bug
        } else {
            $right
        }
    };
    ($name:literal => $bug:expr) => {
        if $crate::planted::is($name) {
            $bug
        }
    };
}

/// `planted!("name" => bug)` is a statement that is there only with the bug;
/// `planted!("name" => bug, else right)` is a value.
#[cfg(not(feature = "planted-bugs"))]
#[macro_export]
macro_rules! planted {
    ($name:literal => $bug:expr, else $right:expr) => {
        $right
    };
    ($name:literal => $bug:expr) => {};
}
