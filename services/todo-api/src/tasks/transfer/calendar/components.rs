use service::problem::FieldError;

use super::{
    super::{
        lines::{Line, Lines},
        source::{Found, unreadable},
    },
    read::{Todo, fields},
};
use crate::Error;

/// Longest to-do, in bytes without folds.
const MAX_TODO: usize = 128 << 10;

/// A calendar that is read to-do by to-do. Other components are passed over.
pub(in super::super) struct Calendar {
    lines: Lines,
    /// A line that was read to see whether it goes on with the one before.
    ahead: Option<Line>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Inside,
    After,
    /// What follows cannot be understood any more.
    Over,
}

/// A line that begins or ends a component, or says something in between.
enum Content {
    Begin(String),
    End(String),
    Property(String),
}

type Failure = Vec<FieldError>;

impl Calendar {
    pub(in super::super) fn new(lines: Lines) -> Self {
        Self {
            lines,
            ahead: None,
            state: State::Before,
        }
    }

    /// The line that was read last, other than to look ahead.
    pub(in super::super) fn line(&self) -> usize {
        self.lines.number() - usize::from(self.ahead.is_some())
    }

    /// The next to-do, or what is wrong in its place.
    pub(in super::super) async fn next(&mut self) -> Result<Option<Found>, Error> {
        loop {
            if self.state == State::Over {
                return Ok(None);
            }
            let content = self.content().await?;
            let line = self.line();
            let broken = |fields: Failure| {
                Ok(Some(Found {
                    line,
                    fields: Err(fields),
                }))
            };
            match (self.state, content) {
                (State::After | State::Over, None) => return Ok(None),
                (State::Before, None) => {
                    self.state = State::Over;
                    return broken(malformed("must be a VCALENDAR"));
                }
                (State::Inside, None) => {
                    self.state = State::Over;
                    return broken(cut_off());
                }
                (State::Before | State::After, Some((_, Ok(Content::Begin(name)))))
                    if name == "VCALENDAR" =>
                {
                    self.state = State::Inside;
                }
                (State::Inside, Some((_, Ok(Content::End(name))))) if name == "VCALENDAR" => {
                    self.state = State::After;
                }
                (State::Inside, Some((begin, Ok(Content::Begin(name))))) => {
                    let todo = self.component(&name).await?;
                    if name == "VTODO" || todo.is_err() {
                        let fields = todo.and_then(|todo| fields(&todo));
                        return Ok(Some(Found {
                            line: begin,
                            fields,
                        }));
                    }
                }
                // Properties of the calendar, blank lines around it.
                (State::Inside, Some((_, Ok(Content::Property(_))))) => {}
                (_, Some((_, Ok(Content::Property(text))))) if text.trim().is_empty() => {}
                (_, Some((_, Err(fields)))) => return broken(fields),
                (_, Some((_, Ok(_)))) => {
                    self.state = State::Over;
                    return broken(malformed("stands outside of a VCALENDAR or ends nothing"));
                }
            }
        }
    }

    /// Reads a component to its end. Only a to-do is looked into.
    async fn component(&mut self, name: &str) -> Result<Result<Todo, Failure>, Error> {
        let wanted = name == "VTODO";
        let mut todo = Todo::default();
        let mut failure = Vec::new();
        let mut inner: Vec<String> = Vec::new();
        let mut size = 0;
        loop {
            let Some((_, content)) = self.content().await? else {
                self.state = State::Over;
                return Ok(Err(cut_off()));
            };
            match content {
                Ok(Content::Begin(begun)) => {
                    if inner.len() >= 8 {
                        self.state = State::Over;
                        return Ok(Err(malformed("has components too deep in each other")));
                    }
                    if begun == "VALARM" && inner.is_empty() && todo.alarms.len() < 10 {
                        todo.alarms.push(Vec::new());
                    }
                    inner.push(begun);
                }
                Ok(Content::End(end)) => {
                    let begun = inner.pop();
                    if end != begun.as_deref().unwrap_or(name) {
                        self.state = State::Over;
                        return Ok(Err(malformed("ends another component than it began")));
                    }
                    if begun.is_none() {
                        break;
                    }
                }
                Ok(Content::Property(_)) if !wanted => {}
                Ok(Content::Property(text)) => {
                    size += text.len();
                    let within: Vec<_> = inner.iter().map(String::as_str).collect();
                    match (size <= MAX_TODO, within.as_slice()) {
                        (false, _) => {}
                        (true, []) => todo.properties.push(text),
                        (true, ["VALARM"]) => {
                            todo.alarms
                                .last_mut()
                                .map(|alarm| alarm.push(text))
                                .unwrap_or_default();
                        }
                        (true, _) => {}
                    }
                }
                Err(error) if wanted => failure = error,
                Err(_) => {}
            }
        }
        if size > MAX_TODO {
            let message = "a to-do must have at most 128 KiB";
            failure = vec![FieldError::new("", "too_long", message)];
        }
        Ok(if failure.is_empty() {
            Ok(todo)
        } else {
            Err(failure)
        })
    }

    /// The next line, with those that go on with it, and where it begins.
    async fn content(&mut self) -> Result<Option<(usize, Result<Content, Failure>)>, Error> {
        let first = match self.ahead.take() {
            Some(line) => Some(line),
            None => self.lines.next().await?,
        };
        let Some(first) = first else { return Ok(None) };
        let number = self.lines.number();
        let mut failure = None;
        let mut text = match first {
            Line::Text(text) => text,
            other => {
                failure = Some(vec![unreadable(&other)]);
                String::new()
            }
        };
        while let Some(next) = self.lines.next().await? {
            match next {
                Line::Text(more) if more.starts_with([' ', '\t']) => {
                    if text.len() + more.len() <= MAX_TODO {
                        text.push_str(&more[1..]);
                    } else {
                        failure = Some(vec![unreadable(&Line::TooLong)]);
                    }
                }
                other => {
                    self.ahead = Some(other);
                    break;
                }
            }
        }
        let content = match failure {
            Some(failure) => Err(failure),
            None => Ok(Content::of(text)),
        };
        Ok(Some((number, content)))
    }
}

impl Content {
    fn of(text: String) -> Self {
        let name = |from: usize| text[from..].trim().to_ascii_uppercase();
        match text.split_once(':') {
            Some((word, _)) if word.eq_ignore_ascii_case("BEGIN") => Self::Begin(name(6)),
            Some((word, _)) if word.eq_ignore_ascii_case("END") => Self::End(name(4)),
            _ => Self::Property(text),
        }
    }
}

fn malformed(message: &str) -> Failure {
    vec![FieldError::new("", "malformed", message)]
}

fn cut_off() -> Failure {
    vec![FieldError::new(
        "",
        "cut_off",
        "the file ends before the calendar does",
    )]
}
