//! What Alertmanager sends, and how it is said in a room.
//!
//! Its format: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::rooms::MAX_TEXT;

/// Alerts that are told one by one; of more, only how many.
const TOLD: usize = 10;

/// A notification: a group of alerts that fire or have ended.
#[derive(Debug, Deserialize)]
pub(super) struct Notice {
    alerts: Vec<Alert>,
    /// How many Alertmanager left out, by its own limit.
    #[serde(default, rename = "truncatedAlerts")]
    truncated: usize,
}

#[derive(Debug, Deserialize)]
struct Alert {
    status: Status,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

impl Notice {
    /// How many fire, and how many have ended.
    pub(super) fn counts(&self) -> (usize, usize) {
        let firing = |alert: &&Alert| alert.status == Status::Firing;
        let firing = self.alerts.iter().filter(firing).count();
        (firing, self.alerts.len() - firing)
    }

    /// The message, or nothing to say. Plain text: whoever shows it escapes it.
    pub(super) fn text(&self) -> Option<String> {
        if self.alerts.is_empty() {
            return None;
        }
        let mut text = String::new();
        for alert in self.alerts.iter().take(TOLD) {
            alert.tell(&mut text);
        }
        let more = self
            .alerts
            .len()
            .saturating_sub(TOLD)
            .saturating_add(self.truncated);
        if more > 0 {
            // Writing to a String does not fail.
            let _ = writeln!(text, "… and {more} more");
        }
        // PostgreSQL stores no NUL.
        let text: String = text.chars().filter(|c| *c != '\0').take(MAX_TEXT).collect();
        Some(text.trim_end().to_owned())
    }
}

impl Alert {
    fn tell(&self, text: &mut String) {
        let label = |name| self.labels.get(name).map_or("", String::as_str);
        let note = |name| self.annotations.get(name).map_or("", String::as_str);
        let name = label("alertname");
        let said = match note("summary") {
            "" => label("service"),
            summary => summary,
        };
        let line = match self.status {
            Status::Firing => format!("🔥 {name} ({}): {said}", label("severity")),
            Status::Resolved => format!("✅ {name} is over: {said}"),
        };
        text.push_str(&line);
        text.push('\n');
        if self.status == Status::Firing {
            for link in [note("runbook_url"), note("dashboard_url")] {
                if !link.is_empty() {
                    text.push_str(link);
                    text.push('\n');
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_is_told_with_what_to_do() {
        let notice: Notice = serde_json::from_value(json!({ "version": "4", "alerts": [
            {"status": "firing", "labels": {"alertname": "KafkaDown", "severity": "critical"},
             "annotations": {"summary": "Kafka does not\0 answer", "runbook_url": "https://r"}},
            {"status": "resolved", "labels": {"alertname": "HighLatency", "service": "todo-api"}},
        ]}))
        .unwrap();
        assert_eq!(notice.counts(), (1, 1));
        assert_eq!(
            notice.text().unwrap(),
            "🔥 KafkaDown (critical): Kafka does not answer\nhttps://r\n✅ HighLatency is over: todo-api"
        );
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let alert = json!({"status": "resolved", "labels": {"alertname": "RedisDown"}});
        let notice = json!({ "alerts": vec![alert; 12], "truncatedAlerts": 30 });
        let notice: Notice = serde_json::from_value(notice).unwrap();
        let text = notice.text().unwrap();
        assert_eq!(text.lines().count(), TOLD + 1);
        assert!(text.ends_with("… and 32 more"), "{text}");
    }

    #[test]
    fn a_flood_is_cut() {
        let alert = json!({"status": "firing", "annotations": {"summary": "x".repeat(1000)}});
        let notice: Notice = serde_json::from_value(json!({ "alerts": vec![alert; 500] })).unwrap();
        assert!(notice.text().unwrap().chars().count() <= MAX_TEXT);
        let none: Notice = serde_json::from_value(json!({ "alerts": [] })).unwrap();
        assert_eq!(none.text(), None);
    }
}
