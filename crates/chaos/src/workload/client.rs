//! One request to todo-api, and what its answer means.

use std::error::Error as _;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use uuid::Uuid;

use crate::ledger::Answer;

/// Longer than the service's own deadline: it is to answer, not us to give up.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a request with a key is sent again, at most.
const AGAIN: u32 = 20;
/// Before it is.
const PAUSE: Duration = Duration::from_millis(400);

/// What came back.
pub struct Reply {
    /// What it means.
    pub answer: Answer,
    /// The task, if one was answered with.
    pub task: Option<Uuid>,
    /// The answer's body.
    pub body: Value,
}

/// What is asked.
#[derive(Clone)]
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: String,
    /// Who asks.
    pub token: &'a str,
    /// The only version that may be changed.
    pub if_match: Option<i64>,
    /// Its `Idempotency-Key`.
    pub key: Option<Uuid>,
    /// The body.
    pub body: Option<Value>,
}

impl Ask<'_> {
    /// Asks; with a key, until it is known what became of it. `version` is that
    /// of an answer without one.
    pub async fn send(self, http: &reqwest::Client, version: i64) -> Reply {
        let mut left = if self.key.is_some() { AGAIN } else { 0 };
        // Once it is open whether it was done, only an answer to the same
        // request settles it: that it could not be sent again does not.
        let mut open = None;
        loop {
            let reply = self.clone().once(http, version).await;
            match &reply.answer {
                Answer::Unknown { .. } => open = Some(reply),
                Answer::Refused { status, code } if begun(*status, code) => {
                    open.get_or_insert(Reply {
                        answer: Answer::Unknown {
                            why: code.clone(),
                            cut: false,
                        },
                        task: None,
                        body: Value::Null,
                    });
                }
                Answer::Refused { status, .. } if open.is_some() && !judged(*status) => {}
                _ => return reply,
            }
            match (left, open.take()) {
                (0, Some(reply)) => return reply,
                (_, still) => open = still,
            }
            left -= 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn once(self, http: &reqwest::Client, version: i64) -> Reply {
        match self.request(http).send().await {
            Ok(response) => read(response, version).await,
            Err(error) => Reply {
                answer: unanswered(&error),
                task: None,
                body: Value::Null,
            },
        }
    }

    fn request(self, http: &reqwest::Client) -> RequestBuilder {
        let mut request = http
            .request(self.method, self.url)
            .timeout(PATIENCE)
            .bearer_auth(self.token);
        if let Some(version) = self.if_match {
            request = request.header("if-match", format!("\"{version}\""));
        }
        if let Some(key) = self.key {
            request = request.header("idempotency-key", format!("\"{key}\""));
        }
        match self.body {
            Some(body) => request.json(&body),
            None => request,
        }
    }
}

/// Whether an earlier one with the same key is on its way.
fn begun(status: u16, code: &str) -> bool {
    status == 409 && code == "request_in_progress"
}

/// Whether a refusal says what became of the request, and not that it was not
/// looked at.
fn judged(status: u16) -> bool {
    (400..500).contains(&status) && status != 429
}

async fn read(response: reqwest::Response, version: i64) -> Reply {
    let status = response.status();
    let body: Result<Vec<u8>, _> = response.bytes().await.map(Into::into);
    // The head says whether it was done, whatever became of the rest.
    let body: Value = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok())
        .unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    if status.is_success() {
        return Reply {
            answer: Answer::Acknowledged(body["version"].as_i64().unwrap_or(version)),
            task: body["id"].as_str().and_then(|id| id.parse().ok()),
            body,
        };
    }
    Reply {
        answer: not_done(status.as_u16(), code),
        task: None,
        body,
    }
}

/// What a status that is no success means.
pub fn not_done(status: u16, code: String) -> Answer {
    // These say that nothing was begun; any other 5xx leaves it open.
    let nothing_done = matches!(code.as_str(), "overloaded" | "starting" | "rate_limited");
    if (400..500).contains(&status) || nothing_done {
        return Answer::Refused { status, code };
    }
    Answer::Unknown {
        why: format!("{status} {code}"),
        cut: false,
    }
}

fn unanswered(error: &reqwest::Error) -> Answer {
    if error.is_connect() {
        return Answer::Refused {
            status: 0,
            code: "not_connected".to_owned(),
        };
    }
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    Answer::Unknown {
        why,
        cut: !error.is_timeout(),
    }
}
