//! Shows what is under way: spinners on a terminal, plain lines elsewhere, and
//! never silence for long.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::sleep;

use crate::output;

/// On anything but a terminal, a line comes at least this often.
const HEARTBEAT: Duration = Duration::from_secs(8);

/// The display. Clones write to the same.
#[derive(Clone)]
pub struct Progress(Arc<Display>);

struct Display {
    bars: Option<MultiProgress>,
    print: fn(&str),
    active: Mutex<Active>,
}

struct Active {
    steps: BTreeMap<String, (Instant, String)>,
    last_line: Instant,
}

/// Something under way. Dropped without a word, it just disappears.
pub struct Step {
    name: String,
    since: Instant,
    bar: Option<ProgressBar>,
    display: Arc<Display>,
}

impl Progress {
    /// A display that suits standard output.
    pub fn new() -> Self {
        let bars = std::io::stdout().is_terminal().then(MultiProgress::new);
        if let Some(bars) = &bars {
            bars.set_draw_target(indicatif::ProgressDrawTarget::stdout());
        }
        Self::with(bars, output::line)
    }

    /// A display on standard error, where standard output is for programs.
    pub fn aside() -> Self {
        // Where indicatif draws by itself.
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self::with(bars, output::aside)
    }

    fn with(bars: Option<MultiProgress>, print: fn(&str)) -> Self {
        let steps = BTreeMap::new();
        let active = Mutex::new(Active {
            steps,
            last_line: Instant::now(),
        });
        let display = Arc::new(Display {
            bars,
            print,
            active,
        });
        if display.bars.is_none() {
            tokio::spawn(beat(Arc::downgrade(&display)));
        }
        Self(display)
    }

    /// Begins something.
    pub fn step(&self, name: &str) -> Step {
        let bar = self.0.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template(
                "  {spinner:.cyan} {prefix:<17} {elapsed:>4} {msg:.dim}",
            );
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        let since = Instant::now();
        let name = name.to_owned();
        self.0
            .active()
            .steps
            .insert(name.clone(), (since, String::new()));
        Step {
            name,
            since,
            bar,
            display: Arc::clone(&self.0),
        }
    }

    /// Prints a line between the spinners.
    pub fn say(&self, text: &str) {
        self.0.say(text);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Step {
    /// Says what it is busy with.
    pub fn note(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
        let known = {
            let mut active = self.display.active();
            let entry = active.steps.entry(self.name.clone());
            let entry = entry.or_insert_with(|| (self.since, String::new()));
            std::mem::replace(&mut entry.1, text.to_owned())
        };
        // What changes all the time is left to the heartbeat.
        if self.bar.is_none() && known.is_empty() {
            self.display.say(&format!("    {:<17}{text}", self.name));
        }
    }

    /// Ends it well.
    pub fn done(&self, text: &str) {
        let mark = console::style("✓").green();
        self.end(&mark.to_string(), text);
    }

    /// Ends it badly.
    pub fn failed(&self, text: &str) {
        let mark = console::style("✗").red();
        self.end(&mark.to_string(), text);
    }

    fn end(&self, mark: &str, text: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.since.elapsed().as_secs_f64();
        self.display.say(&format!(
            "  {mark} {:<17}{seconds:>4.1} s  {text}",
            self.name
        ));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.display.active().steps.remove(&self.name);
    }
}

impl Display {
    fn say(&self, text: &str) {
        self.active().last_line = Instant::now();
        match &self.bars {
            Some(bars) => bars.suspend(|| (self.print)(text)),
            None => (self.print)(text),
        }
    }

    fn active(&self) -> MutexGuard<'_, Active> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn beat(display: std::sync::Weak<Display>) {
    loop {
        sleep(Duration::from_secs(1)).await;
        let Some(display) = display.upgrade() else {
            return;
        };
        let waiting = {
            let active = display.active();
            if active.last_line.elapsed() < HEARTBEAT {
                continue;
            }
            let describe = |(name, (since, note)): (&String, &(Instant, String))| {
                let note = if note.is_empty() {
                    String::new()
                } else {
                    format!(", {note}")
                };
                format!("{name} ({} s{note})", since.elapsed().as_secs())
            };
            active
                .steps
                .iter()
                .map(describe)
                .collect::<Vec<_>>()
                .join("; ")
        };
        if !waiting.is_empty() {
            display.say(&format!("    … {waiting}"));
        }
    }
}
