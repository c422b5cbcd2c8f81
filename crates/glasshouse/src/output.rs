//! What people see.

use std::io::Write;

/// Prints one line to standard output: the result of a command.
pub fn line(text: &str) {
    // A reader that went away (`| head`) is no reason to fail.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints one line to standard error: something to know besides the result.
pub fn aside(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
