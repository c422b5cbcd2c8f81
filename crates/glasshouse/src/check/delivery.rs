//! Does an alert reach people: the room #ops, and a mailbox?

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::ask::{Http, until};
use super::outcome::Outcome;
use super::places::{Mail, Places};
use crate::journey;
use crate::progress::Step;

/// Where alerts are told.
const ROOM: &str = "ops";
/// Alertmanager gathers a group for seconds before it tells of it.
const WITHIN: Duration = Duration::from_secs(45);

/// Sends a test alert of its own group, and waits for it at both places.
pub(super) async fn check(http: &Http, places: &Places, step: &Step) -> Result<Outcome> {
    let mut outcome = Outcome::new("alert delivered");
    let mark = format!("check-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let alertmanager = places.alertmanager()?;
    send(http, alertmanager, &mark).await?;
    step.note(&format!("{mark} sent"));
    let room = async {
        let options = places.journey().await?;
        let token = journey::sign_in(&options).await?;
        until(WITHIN, || in_room(http, &options.gateway, &token, &mark)).await
    };
    let (room, mail) = tokio::join!(room, until(WITHIN, || in_mail(http, places, &mark)));
    outcome.tried("#ops", room);
    outcome.tried("mail", mail);
    Ok(outcome)
}

/// As severe as those that go everywhere; it ends by itself.
async fn send(http: &Http, alertmanager: &Url, mark: &str) -> Result<()> {
    let now = Utc::now();
    let alert = json!([{
        "labels": {
            "alertname": "GlasshouseCheck", "severity": "critical", "service": mark,
        },
        "annotations": {
            "summary": format!("A test of glasshouse check ({mark}): nothing is wrong"),
            "description": "Sent to see whether alerts arrive. It ends by itself.",
        },
        "startsAt": now.to_rfc3339(),
        "endsAt": (now + TimeDelta::minutes(2)).to_rfc3339(),
    }]);
    http.post(alertmanager, "/api/v2/alerts", &alert)
        .await
        .context("Alertmanager does not take an alert")
}

async fn in_room(http: &Http, gateway: &Url, token: &str, mark: &str) -> Result<()> {
    let rooms = http.get_as(token, gateway, "/api/rooms").await?;
    let rooms = rooms["items"].as_array().context("no list of rooms")?;
    let room = rooms.iter().find(|room| room["name"] == ROOM);
    let id = room.and_then(|room| room["id"].as_str());
    let id = id.context("there is no room of that name yet")?;
    let path = format!("/api/rooms/{id}/messages?limit=50");
    let history = http.get_as(token, gateway, &path).await?;
    let items = history["items"].as_array().context("no history")?;
    let told = |item: &Value| {
        item["text"]
            .as_str()
            .is_some_and(|text| text.contains(mark))
    };
    ensure!(
        items.iter().any(told),
        "none of its messages tells of the alert"
    );
    Ok(())
}

async fn in_mail(http: &Http, places: &Places, mark: &str) -> Result<()> {
    match places.mail()? {
        Mail::Api(url) => in_mailpit(http, url, mark).await,
        Mail::Maildir(folder) => in_maildir(folder, mark),
    }
}

/// A file for each mail, in `new` until somebody has read it. Its subject has the
/// labels that the group goes by.
fn in_maildir(folder: &Path, mark: &str) -> Result<()> {
    let mut mails = 0;
    for place in ["new", "cur"] {
        let Ok(entries) = fs::read_dir(folder.join(place)) else {
            continue;
        };
        for entry in entries {
            mails += 1;
            if String::from_utf8_lossy(&fs::read(entry?.path())?).contains(mark) {
                return Ok(());
            }
        }
    }
    bail!("none of {mails} mails tells of the alert")
}

async fn in_mailpit(http: &Http, mailpit: &Url, mark: &str) -> Result<()> {
    let query = [("limit", "50")];
    let answer = http.get(mailpit, "/api/v1/messages", &query).await?;
    let mails = answer["messages"].as_array().context("no list of mails")?;
    let tells = |mail: &Value| {
        let texts = ["Subject", "Snippet"].map(|name| mail[name].as_str().unwrap_or_default());
        texts.iter().any(|text| text.contains(mark))
    };
    ensure!(
        mails.iter().any(tells),
        "none of {} mails tells of the alert",
        mails.len()
    );
    Ok(())
}
