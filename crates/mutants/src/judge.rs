//! `promtool test rules` against mutants, several at a time.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::rules::Mutant;
use crate::suite::Suite;

/// Tests mutants with the tests of their file.
pub struct Judge<'a> {
    suite: &'a Suite,
    at_once: usize,
    folder: TempDir,
}

impl<'a> Judge<'a> {
    /// With room for files; in memory where there is such a file system, as promtool makes a
    /// database for every test.
    pub fn new(suite: &'a Suite, at_once: Option<usize>) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            TempDir::new_in(memory)?
        } else {
            TempDir::new()?
        };
        let processors = || thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            suite,
            at_once: at_once.unwrap_or_else(processors).max(1),
            folder,
        })
    }

    /// That Prometheus would load them: a mutant that it refuses would be noticed by any test.
    pub fn check(&self, mutants: &[Mutant]) -> Result<()> {
        let mut command = Command::new("promtool");
        command.args(["check", "rules", "--lint=none"]);
        let folder = self.folder("check")?;
        for (index, mutant) in mutants.iter().enumerate() {
            let path = folder.join(format!("{index}.json"));
            fs::write(&path, serde_json::to_vec(&mutant.rules)?)?;
            command.arg(path);
        }
        if mutants.is_empty() {
            return Ok(());
        }
        let output = run(&mut command)?;
        fs::remove_dir_all(folder)?;
        ensure!(output.status.success(), "{}", said(&output));
        Ok(())
    }

    /// For each whether a test failed.
    pub fn noticed(&self, mutants: &[Mutant]) -> Result<Vec<bool>> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(vec![None; mutants.len()]);
        let work = |worker: usize| -> Result<()> {
            let folder = self.folder(&worker.to_string())?;
            while let Some((index, mutant)) = {
                let index = next.fetch_add(1, Relaxed);
                mutants.get(index).map(|mutant| (index, mutant))
            } {
                let noticed = self
                    .test(&folder, mutant)?
                    .is_some_and(|output| !output.status.success());
                if let Ok(mut found) = found.lock() {
                    found[index] = Some(noticed);
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.at_once)
                .map(|worker| scope.spawn(move || work(worker)))
                .collect();
            for worker in workers {
                match worker.join() {
                    Ok(result) => result?,
                    Err(_) => bail!("a worker panicked"),
                }
            }
            Ok(())
        })?;
        let found = found.into_inner().ok().context("a worker panicked")?;
        found
            .into_iter()
            .map(|one| one.context("not tested"))
            .collect()
    }

    /// What promtool says to one.
    pub fn output(&self, mutant: &Mutant) -> Result<String> {
        let output = self.test(&self.folder("one")?, mutant)?;
        Ok(output.as_ref().map(said).unwrap_or_default())
    }

    /// `None`: no test asks about this rule.
    fn test(&self, folder: &Path, mutant: &Mutant) -> Result<Option<Output>> {
        let files = self.suite.asking(&mutant.asked);
        if files.is_empty() {
            return Ok(None);
        }
        fs::write(
            folder.join("rules.json"),
            serde_json::to_vec(&mutant.rules)?,
        )?;
        let mut command = Command::new("promtool");
        command.args(["test", "rules"]).env("TMPDIR", folder);
        for (index, file) in files.iter().enumerate() {
            let path = folder.join(format!("tests-{index}.json"));
            fs::write(&path, serde_json::to_vec(file)?)?;
            command.arg(path);
        }
        let output = run(&mut command)?;
        // Anything but success and failed tests says nothing about the mutant.
        ensure!(
            output.status.success() || said(&output).contains("FAILED"),
            "{}: {}: {}",
            mutant.of,
            mutant.text,
            said(&output)
        );
        Ok(Some(output))
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

fn run(command: &mut Command) -> Result<Output> {
    command
        .output()
        .context("promtool cannot be run (Debian: prometheus)")
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{out}{err}")
}
