//! The backing programs that come as Go modules: infra/native/tools.toml names
//! them and says how each is built.

mod build;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::backing::programs;
use crate::project;

pub use build::build;

/// All of them.
#[derive(Clone, Debug, Deserialize)]
pub struct Tools {
    env: BTreeMap<String, String>,
    tool: Vec<Tool>,
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    cache: PathBuf,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct Tool {
    /// The name of its program.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The pinned version.
    pub version: String,
    /// The folder of its Go module.
    dir: String,
    /// How it is built.
    command: Vec<String>,
    /// How long that took on two cores.
    pub seconds: u64,
    /// What one has no part of without it.
    pub brings: String,
}

/// A program that can be started.
#[derive(Clone, Debug)]
pub struct Found {
    /// The executable.
    pub program: PathBuf,
    /// Its version; what it says itself when it is not ours.
    pub version: String,
}

impl Tools {
    /// Reads what a checkout names.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn load(project: &Path) -> Result<Self> {
        let folder = project.join("infra/native");
        let file = folder.join("tools.toml");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let tools: Self = toml::from_str(&text).with_context(|| file.display().to_string())?;
        let cache = project::cache()?;
        Ok(Self {
            folder,
            cache,
            ..tools
        })
    }

    /// Each of them.
    pub fn all(&self) -> &[Tool] {
        &self.tool
    }

    /// One of them, by the name of its program.
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.tool.iter().find(|tool| tool.name == name)
    }

    /// Where its program is: in the cache, else on PATH.
    pub fn find(&self, name: &str) -> Option<Found> {
        let built = self.program(name);
        if programs::is_executable(&built) {
            let current = self.get(name).filter(|tool| self.is_built(tool));
            let version = current.map(|tool| tool.version.clone());
            let version = version.or_else(|| programs::version(&built, "--version"));
            return Some(Found {
                program: built,
                version: version.unwrap_or_default(),
            });
        }
        let program = programs::find(name)?;
        let version = programs::version(&program, "--version").unwrap_or_default();
        Some(Found { program, version })
    }

    /// Whether the cache holds just what the checkout names.
    pub fn is_built(&self, tool: &Tool) -> bool {
        let stamp = fs::read_to_string(self.stamp_file(tool)).unwrap_or_default();
        programs::is_executable(&self.program(&tool.name))
            && self
                .stamp(tool)
                .is_ok_and(|expected| expected == stamp.trim())
    }

    fn program(&self, name: &str) -> PathBuf {
        self.cache.join("bin").join(name)
    }

    fn stamp_file(&self, tool: &Tool) -> PathBuf {
        self.program(&format!("{}.stamp", tool.name))
    }

    /// Everything that a build depends on, as one number; tools.toml defines it.
    fn stamp(&self, tool: &Tool) -> Result<String> {
        let folder = self.folder.join(&tool.dir);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        let mut digest = Sha256::new();
        for file in files {
            digest.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            digest.update(b"\n");
            digest.update(fs::read(&file)?);
            digest.update(b"\n");
        }
        for word in &tool.command {
            digest.update(word);
            digest.update(b"\n");
        }
        Ok(digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }
}
