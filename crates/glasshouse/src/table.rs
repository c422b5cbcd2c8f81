//! The table of what runs where, what is off, and how to get it.

use console::{Style, measure_text_width};

use crate::components::{Component, State};
use crate::state::RunState;

const HEADER: [&str; 5] = ["component", "state", "address", "version", "what it is"];
const GAP: &str = "  ";

/// The whole table, coloured where standard output is a terminal that can.
pub fn render(run: &RunState) -> String {
    let rows: Vec<_> = run
        .components
        .iter()
        .map(|component| (component, cells(component)))
        .collect();
    let mut widths = HEADER.map(measure_text_width);
    for (_, cells) in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    let mut lines = vec![
        Style::new()
            .bold()
            .apply_to(row(&HEADER.map(str::to_owned), widths))
            .to_string(),
    ];
    for (component, cells) in &rows {
        lines.push(
            style(component.state)
                .apply_to(row(cells, widths))
                .to_string(),
        );
        let indent = " ".repeat(widths[0] + GAP.len());
        for note in &component.notes {
            lines.push(format!("{indent}· {note}"));
        }
        if let Some(command) = &component.command {
            lines.push(format!("{indent}→ {command}"));
        }
    }
    lines.join("\n")
}

fn cells(component: &Component) -> [String; 5] {
    let admin = component
        .admin
        .as_ref()
        .map(|admin| format!(" (admin {})", without_scheme(admin)));
    let address = match (&component.address, admin) {
        (Some(address), admin) => format!("{address}{}", admin.unwrap_or_default()),
        (None, Some(admin)) => admin.trim_start().to_owned(),
        (None, None) => "–".to_owned(),
    };
    [
        component.name.clone(),
        component.state.to_string(),
        address,
        component.version.clone(),
        component.what.clone(),
    ]
}

fn without_scheme(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest)
}

fn row(cells: &[String; 5], widths: [usize; 5]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let padding = width.saturating_sub(measure_text_width(cell));
        line.push_str(cell);
        line.push_str(&" ".repeat(padding));
        line.push_str(GAP);
    }
    line.trim_end().to_owned()
}

fn style(state: State) -> Style {
    match state {
        State::Running => Style::new(),
        State::Failed | State::Restarting => Style::new().red(),
        State::Waiting | State::Starting => Style::new().yellow(),
        State::Off | State::Stopped => Style::new().dim(),
    }
}
