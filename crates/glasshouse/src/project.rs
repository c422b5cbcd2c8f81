//! Where the project's own files are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout: the nearest folder above the working directory, or above this
/// program, that has the project's `infra` folder.
///
/// # Errors
/// When there is none.
pub fn root() -> Result<PathBuf> {
    let here = env::current_dir().ok();
    let program = env::current_exe().ok();
    let above = |start: PathBuf| {
        start
            .ancestors()
            .find(|folder| is_root(folder))
            .map(Path::to_owned)
    };
    [here, program].into_iter().flatten().find_map(above).context(
        "this is not inside a checkout of Glasshouse (no infra/native/tools.toml in or above the \
         working directory)",
    )
}

fn is_root(folder: &Path) -> bool {
    folder.join("infra/native/tools.toml").is_file()
}

/// What is fetched or built once for all checkouts: `$GLASSHOUSE_CACHE`, else
/// `~/.cache/glasshouse`.
///
/// # Errors
/// When neither that variable nor a home is known.
pub fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("GLASSHOUSE_CACHE").filter(|folder| !folder.is_empty()) {
        return Ok(std::path::absolute(folder)?);
    }
    let home = env::home_dir().context("no home directory; set GLASSHOUSE_CACHE")?;
    Ok(home.join(".cache/glasshouse"))
}

/// What `cargo run` adds to the environment of the program it runs. Passed on to
/// another cargo, it would make that rebuild what is already built.
pub fn variables_of_cargo_run() -> impl Iterator<Item = std::ffi::OsString> {
    env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name == "CARGO" || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")
    })
}
