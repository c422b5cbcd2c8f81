//! Messages to Kafka, and what comes of them.

use std::rc::Rc;
use std::time::Duration;

use super::{Trouble, Walk};
use crate::failure::Failure;
use crate::journeys::session::nanoseconds;
use crate::protocol::kafka::Outgoing;
use crate::scenario;
use crate::script::Planned;
use crate::trace::TRACEPARENT;

impl Walk {
    pub(super) async fn produce(
        &mut self,
        planned: &Planned,
        step: &scenario::Kafka,
        meant: u64,
    ) -> Result<(), Trouble> {
        let session = Rc::clone(&self.session);
        let headers: Result<Vec<_>, _> = step
            .headers
            .iter()
            .map(|(name, value)| Ok((name.clone(), self.fill(value)?)))
            .collect();
        let mut headers = headers?;
        let trace = session.trace();
        if let Some(trace) = &trace {
            headers.push((TRACEPARENT.to_owned(), trace.to_string()));
        }
        let message = Outgoing {
            topic: self.fill(&step.topic)?,
            key: step.key.as_ref().map(|key| self.fill(key)).transpose()?,
            headers,
            body: self.json(&step.json)?.0,
        };
        let effect = match &step.effect {
            Some(effect) => {
                let topic = self.fill(&effect.topic)?;
                let key = (step.target.clone(), topic, effect.pointer.clone());
                let within = effect
                    .within
                    .map_or(session.scenario.timeout.0, |within| within.0);
                Some((key, self.fill(&effect.equals)?, within))
            }
            None => None,
        };
        // Asked for before its cause is sent.
        let (producer, mut expected) = {
            let kafka = session.kafka.borrow();
            let expected = effect.and_then(|(key, value, within)| {
                Some((kafka.effects.get(&key)?.expect(value), within))
            });
            (kafka.producers.get(&step.target).cloned(), expected)
        };
        let Some(producer) = producer else {
            return Err(Trouble::counted(Failure::Connect, "kafka"));
        };
        let began = session.now();
        let sent = producer.send(&message).await;
        let ended = session.now();
        session.record.borrow_mut().finished = Duration::from_nanos(ended);
        session.row(planned.row, |row| {
            row.took(ended.saturating_sub(meant), ended.saturating_sub(began));
            if sent.is_ok() {
                row.replied(message.body.len() as u64);
            }
        });
        sent.map_err(|failure| Trouble::counted(failure, "kafka"))?;
        let Some((expected, within)) = &mut expected else {
            session.traced(trace, planned.row, meant, ended);
            return Ok(());
        };
        match expected.seen(*within).await {
            Ok(at) => {
                let at = nanoseconds(session.since_start(at.into_std()));
                session.record.borrow_mut().finished = Duration::from_nanos(at.max(ended));
                session.traced(trace, planned.row + 1, meant, at);
                session.row(planned.row + 1, |row| {
                    row.took(at.saturating_sub(meant), at.saturating_sub(began));
                    row.replied(0);
                });
                Ok(())
            }
            Err(failure) => {
                let now = session.now();
                session.row(planned.row + 1, |row| {
                    row.took(now.saturating_sub(meant), now.saturating_sub(began));
                    row.failed(failure);
                });
                Err(Trouble {
                    counted: None,
                    why: format!("kafka: {failure}"),
                })
            }
        }
    }
}
