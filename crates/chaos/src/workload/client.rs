//! One request to todo-api, and what its answer means.

use std::error::Error as _;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use uuid::Uuid;

use crate::ledger::Answer;

/// Longer than the service's own deadline: it is to answer, not us to give up.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came back.
pub struct Reply {
    /// What it means.
    pub answer: Answer,
    /// The task, if one was answered with.
    pub task: Option<Uuid>,
}

/// What is asked.
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: String,
    /// Who asks.
    pub token: &'a str,
    /// The only version that may be changed.
    pub if_match: Option<i64>,
    /// The body.
    pub body: Option<Value>,
}

impl Ask<'_> {
    /// Asks once. `version` is that of an answer without one.
    pub async fn send(self, http: &reqwest::Client, version: i64) -> Reply {
        match self.request(http).send().await {
            Ok(response) => read(response, version).await,
            Err(error) => Reply {
                answer: unanswered(&error),
                task: None,
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
        match self.body {
            Some(body) => request.json(&body),
            None => request,
        }
    }
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
        };
    }
    // These say that nothing was begun; any other 5xx leaves it open.
    let nothing_done = matches!(code.as_str(), "overloaded" | "starting" | "rate_limited");
    let answer = if status.is_client_error() || nothing_done {
        Answer::Refused {
            status: status.as_u16(),
            code,
        }
    } else {
        Answer::Unknown {
            why: format!("{} {code}", status.as_u16()),
            cut: false,
        }
    };
    Reply { answer, task: None }
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
