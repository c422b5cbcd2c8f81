//! The scenarios that come with the program.

use super::Users;

/// A scenario of the program itself.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its YAML.
    pub text: &'static str,
}

macro_rules! builtin {
    ($($name:literal),+) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".yaml")),
        }),+]
    };
}

/// All of them, the quickest first.
pub const BUILTIN: &[Builtin] = builtin![
    "smoke",
    "standard",
    "todo",
    "chat",
    "events",
    "mixed",
    "spike",
    "soak",
    "breakpoint"
];

/// How a user of Glasshouse signs up, and keeps the token alive.
pub(super) fn sign_up() -> Users {
    serde_saphyr::from_str(include_str!("../../scenarios/users/glasshouse.yaml"))
        .expect("part of the program, and read by every test of a scenario")
}
