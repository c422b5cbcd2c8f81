//! What each subcommand does.

pub mod backing;
pub mod down;
pub mod follow;
pub mod journey;
pub mod load;
pub mod logs;
pub mod redrive;
pub mod status;
