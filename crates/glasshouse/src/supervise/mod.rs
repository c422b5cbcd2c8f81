//! Child processes: started, watched until ready, restarted when they die,
//! stopped in order, and never left behind.

mod account;
mod one_shot;
pub mod pid_file;
mod process;
mod ready;
mod running;
mod spawner;
mod tail;
mod watch;

pub use account::Account;
pub use one_shot::run;
pub use process::{Process, Spec};
pub use ready::Ready;
pub use tail::last_lines;
pub use watch::{Event, watch};
