//! How urgent a message is.

use events::contracts::{Channel, Priority};

/// Somebody is harmed, or will be if nobody acts now.
const URGENT: &[&str] = &[
    "urgent",
    "urgently",
    "emergency",
    "asap",
    "immediately",
    "fraud",
    "stolen",
    "hacked",
    "outage",
    "danger",
];
/// Somebody cannot do what they came for, or is about to leave.
const HIGH: &[&str] = &[
    "broken",
    "blocked",
    "cannot",
    "can't",
    "complaint",
    "crash",
    "crashed",
    "damaged",
    "error",
    "failed",
    "lost",
    "refund",
    "unusable",
    "wrong",
];
/// Nobody waits for an answer.
const LOW: &[&str] = &[
    "compliment",
    "feedback",
    "newsletter",
    "suggestion",
    "thank",
    "thanks",
];

/// The priority of a message, by these rules, of which the first that applies
/// decides:
///
/// 1. A word of harm (*urgent*, *emergency*, *fraud*, *outage* …): urgent.
/// 2. A word of something that does not work, or of leaving (*broken*, *cannot*,
///    *refund*, *complaint* …): high.
/// 3. By e-mail or on the web page, a word of courtesy (*thanks*, *feedback* …):
///    low. Who texts waits for the answer, so WhatsApp and SMS are never low.
/// 4. Everything else: normal.
///
/// Subject and text count alike; only whole words do, in any case. A ticket has
/// the highest priority of its messages: it rises, and never falls.
pub(super) fn priority(channel: Channel, subject: Option<&str>, text: &str) -> Priority {
    let mut best = Priority::Normal;
    let mut is_courteous = false;
    let apart = |c: char| !c.is_alphanumeric() && c != '\'';
    let texts = subject.into_iter().chain([text]);
    for word in texts.flat_map(|text| text.split(apart)) {
        let word = word.to_lowercase();
        if URGENT.contains(&word.as_str()) {
            return Priority::Urgent;
        }
        if HIGH.contains(&word.as_str()) {
            best = Priority::High;
        }
        is_courteous |= LOW.contains(&word.as_str());
    }
    let may_wait = matches!(channel, Channel::Email | Channel::Web);
    match best {
        Priority::Normal if is_courteous && may_wait => Priority::Low,
        best => best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_decides() {
        for (channel, subject, text, expected) in [
            (Channel::Web, None, "Where is my parcel?", Priority::Normal),
            (Channel::Web, None, "URGENT: call me", Priority::Urgent),
            (
                Channel::Sms,
                None,
                "thanks, but it's an emergency!",
                Priority::Urgent,
            ),
            (
                Channel::Email,
                Some("Refund"),
                "for order 7",
                Priority::High,
            ),
            (
                Channel::Email,
                Some("Hello"),
                "I can't sign in",
                Priority::High,
            ),
            (
                Channel::Email,
                Some("Thanks"),
                "for the help",
                Priority::Low,
            ),
            (
                Channel::Web,
                None,
                "thanks, it is broken again",
                Priority::High,
            ),
            (Channel::Sms, None, "thanks", Priority::Normal),
            (Channel::Whatsapp, None, "thank you", Priority::Normal),
            // Parts of words are other words.
            (
                Channel::Web,
                None,
                "insurgently terrorised",
                Priority::Normal,
            ),
            (Channel::Web, None, "", Priority::Normal),
        ] {
            assert_eq!(priority(channel, subject, text), expected, "{text}");
        }
    }

    #[test]
    fn priorities_are_in_order() {
        assert!(Priority::Low < Priority::Normal && Priority::Normal < Priority::High);
        assert!(Priority::High < Priority::Urgent);
    }
}
