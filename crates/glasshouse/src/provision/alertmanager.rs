//! Alertmanager's configuration. It takes nothing from the environment, so what
//! differs from place to place is put in beforehand.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::slo::{self, Preset};

/// The secret that Alertmanager has in common with chat-gateway.
pub const ALERT_TOKEN: &str = "alert-token";

/// What the file says, which is right in containers.
const GATEWAY: &str = "http://chat-gateway:8002";
const TOKEN: &str = "/secrets/alert-token";
const MAIL: &str = "mailpit:1025";
const SECRETS: &str = "/etc/alertmanager/secrets";
/// How long it waits, and so what a workshop shortens.
const WAITS: [&str; 3] = ["group_wait", "group_interval", "repeat_interval"];

/// Where those are who are to be told.
#[derive(Clone, Debug)]
pub struct Receivers {
    /// The base URL of chat-gateway.
    pub gateway: String,
    /// The file with the token that it asks for.
    pub token: PathBuf,
    /// The mail catcher, where there is one: host and port.
    pub mail: Option<String>,
    /// The folder of the secrets by which others are told too.
    pub secrets: PathBuf,
    /// How long its waits are.
    pub preset: Preset,
}

impl Receivers {
    /// Those of containers.
    pub fn in_containers(mail: bool) -> Self {
        Self {
            gateway: GATEWAY.into(),
            token: TOKEN.into(),
            mail: mail.then(|| MAIL.into()),
            secrets: SECRETS.into(),
            preset: Preset::Standard,
        }
    }
}

/// The configuration in `folder` for these receivers: `alertmanager.yml`, and
/// of `outside.yml` whatever has its secret. As JSON, which is YAML too; it may
/// hold secrets.
///
/// # Errors
/// When a file cannot be read, or is not as expected.
pub fn alertmanager(folder: &Path, receivers: &Receivers) -> Result<String> {
    let mut config = read(&folder.join("alertmanager.yml"))?;
    let outside = read(&folder.join("outside.yml"))?;
    let outside = outside.as_object().context("outside.yml: not a map")?;
    for (secret, told) in outside {
        // Empty, it is not there yet.
        let found = fs::read_to_string(receivers.secrets.join(secret)).unwrap_or_default();
        if !found.trim().is_empty() {
            let added = tell(&mut config, told, found.trim());
            added.with_context(|| format!("outside.yml: {secret}"))?;
        }
    }
    if receivers.mail.is_none() {
        for receiver in named(&mut config)? {
            receiver.remove("email_configs");
        }
    }
    settle(&mut config, receivers)?;
    Ok(config.to_string())
}

fn read(path: &Path) -> Result<Value> {
    let shown = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(shown)?;
    serde_saphyr::from_str(&text).with_context(shown)
}

fn named(config: &mut Value) -> Result<impl Iterator<Item = &mut Map<String, Value>>> {
    let receivers = config["receivers"].as_array_mut();
    Ok(receivers
        .context("no receivers")?
        .iter_mut()
        .filter_map(Value::as_object_mut))
}

/// Adds ways of telling to the receivers they are meant for.
fn tell(config: &mut Value, told: &Value, secret: &str) -> Result<()> {
    let names = told["receivers"].as_array().context("no receivers")?;
    for name in names {
        let receiver = named(config)?.find(|receiver| receiver.get("name") == Some(name));
        let receiver = receiver.with_context(|| format!("there is no receiver {name}"))?;
        let ways = told.as_object().context("not a map")?.iter();
        for (way, entries) in ways.filter(|(way, _)| way.ends_with("_configs")) {
            let mut entries = entries.as_array().context("not a list")?.clone();
            for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
                // A webhook's address could not be in a file before 0.26.
                if way == "webhook_configs" && entry.remove("url_file").is_some() {
                    entry.insert("url".into(), secret.into());
                }
            }
            let all = receiver
                .entry(way.as_str())
                .or_insert_with(|| Vec::<Value>::new().into());
            all.as_array_mut()
                .context("not a list")?
                .append(&mut entries);
        }
    }
    Ok(())
}

/// Puts in where everything is, and how long is waited.
fn settle(value: &mut Value, receivers: &Receivers) -> Result<()> {
    match value {
        Value::String(text) => {
            let (token, secrets) = (receivers.token.display(), receivers.secrets.display());
            *text = match receivers.mail.as_ref() {
                Some(mail) if text == MAIL => mail.clone(),
                _ if text == TOKEN => token.to_string(),
                _ if text.starts_with(GATEWAY) => text.replacen(GATEWAY, &receivers.gateway, 1),
                _ if text.starts_with(SECRETS) => text.replacen(SECRETS, &secrets.to_string(), 1),
                _ => return Ok(()),
            };
        }
        Value::Array(items) => {
            for item in items {
                settle(item, receivers)?;
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if receivers.preset == Preset::Workshop && WAITS.contains(&name.as_str()) {
                    slo::shorten(field)?;
                } else {
                    settle(field, receivers)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    fn receivers(secrets: &Path) -> Receivers {
        Receivers {
            gateway: "http://127.0.0.1:1".into(),
            token: "/t/alert-token".into(),
            mail: Some("127.0.0.1:2".into()),
            secrets: secrets.into(),
            preset: Preset::Standard,
        }
    }

    fn rendered(receivers: &Receivers) -> Value {
        let folder = project::root().unwrap().join("infra/alertmanager");
        serde_json::from_str(&alertmanager(&folder, receivers).unwrap()).unwrap()
    }

    fn ways(config: &Value) -> Vec<String> {
        let receivers = config["receivers"].as_array().unwrap().iter();
        let ways = receivers.flat_map(|receiver| {
            let keys = receiver.as_object().unwrap().keys();
            let name = receiver["name"].as_str().unwrap();
            keys.filter(|key| key.ends_with("_configs"))
                .map(move |key| format!("{name} {key}"))
        });
        ways.collect()
    }

    #[test]
    fn without_secrets_nothing_leaves_the_machine() {
        let empty = tempfile::tempdir().unwrap();
        fs::write(empty.path().join("slack-url"), "\n").unwrap();
        let config = rendered(&receivers(empty.path()));
        let outward =
            |way: &&String| !way.ends_with("webhook_configs") && !way.ends_with("email_configs");
        assert_eq!(ways(&config).iter().find(outward), None);
        let text = config.to_string();
        assert!(text.contains("http://127.0.0.1:1/hooks/alerts") && text.contains("127.0.0.1:2"));
        for address in ["chat-gateway:", "mailpit:", "\"/secrets"] {
            assert!(!text.contains(address), "{address} in {text}");
        }
    }

    #[test]
    fn a_secret_switches_its_receiver_on() {
        let secrets = tempfile::tempdir().unwrap();
        for (name, secret) in [
            ("slack-url", "https://hooks.slack.example/T0"),
            ("pagerduty-key", "k"),
            ("sms-url", "https://sms.example/send\n"),
        ] {
            fs::write(secrets.path().join(name), secret).unwrap();
        }
        let config = rendered(&receivers(secrets.path()));
        let found = ways(&config);
        for way in [
            "outage slack_configs",
            "critical slack_configs",
            "warning slack_configs",
            "outage pagerduty_configs",
            "critical pagerduty_configs",
        ] {
            assert!(found.iter().any(|found| found == way), "{way}: {found:?}");
        }
        let text = config.to_string();
        assert_eq!(text.matches("\"https://sms.example/send\"").count(), 1);
        // What Alertmanager reads from a file by itself is not copied.
        assert!(!text.contains("hooks.slack.example"));
        let file = secrets.path().join("slack-url").display().to_string();
        assert!(text.contains(&file), "{text}");
    }

    #[test]
    fn without_a_mail_catcher_no_mail_is_tried() {
        let empty = tempfile::tempdir().unwrap();
        let without = Receivers {
            mail: None,
            ..receivers(empty.path())
        };
        let ways = ways(&rendered(&without));
        assert!(!ways.is_empty() && ways.iter().all(|way| way.ends_with(" webhook_configs")));
    }

    #[test]
    fn in_a_workshop_it_waits_less() {
        let empty = tempfile::tempdir().unwrap();
        let workshop = Receivers {
            preset: Preset::Workshop,
            ..receivers(empty.path())
        };
        let route = &rendered(&workshop)["route"];
        assert_eq!(route["group_wait"], "1s");
        assert_eq!(route["group_interval"], "2s");
        assert_eq!(route["repeat_interval"], "8m");
    }
}
