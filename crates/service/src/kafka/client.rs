//! The client that asks.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, Producer, ProducerContext},
};

use super::{Cluster, Question};

/// How long brokers may take to answer.
pub(super) const TIMEOUT: Duration = Duration::from_millis(900);
/// Between two looks for a new client's first answer.
const LOOK: Duration = Duration::from_millis(2);

/// Asks by `client`, made for the first question.
pub(super) fn ask(
    client: &mut Option<BaseProducer<Quiet>>,
    brokers: &str,
    question: &Question,
) -> Result<Cluster, String> {
    let (client, is_new) = match client {
        Some(client) => (client, false),
        None => {
            let new = connect(brokers).map_err(|error| error.to_string())?;
            (client.insert(new), true)
        }
    };
    // Serves librdkafka's log and error queue, which would grow otherwise.
    client.poll(Duration::ZERO);
    if is_new && matches!(question, Question::Reached) {
        return first_answer(client);
    }
    // All topics, always: asking for one by name may create it.
    let metadata = client
        .client()
        .fetch_metadata(None, TIMEOUT)
        .map_err(|error| describe(&error))?;
    Ok(Cluster::new(&metadata, question))
}

/// Whether a new client is answered. It asks for the brokers by itself, and then
/// drops the connection it had to one of `bootstrap.servers` for one of its own to
/// each broker: what we ask is lost with the first, and repeated on the second,
/// which doubles the time until a service is ready.
fn first_answer(client: &BaseProducer<Quiet>) -> Result<Cluster, String> {
    let began = Instant::now();
    // Without a question it would not connect.
    let _ = client.client().fetch_metadata(None, LOOK);
    while began.elapsed() < TIMEOUT {
        if client.client().fetch_cluster_id(LOOK).is_some() {
            return Ok(Cluster::default());
        }
    }
    Err(describe(&KafkaError::MetadataFetch(
        RDKafkaErrorCode::AllBrokersDown,
    )))
}

fn connect(brokers: &str) -> Result<BaseProducer<Quiet>, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("client.id", "glasshouse-probe")
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("socket.connection.setup.timeout.ms", "1000")
        .set("socket.nagle.disable", "true")
        .set("topic.metadata.refresh.interval.ms", "-1")
        .create_with_context(Quiet)
}

fn describe(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown) => {
            "no broker answers".to_owned()
        }
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}

/// Keeps librdkafka's complaints about absent brokers out of the log: the check
/// reports them once.
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, detail = message, "kafka_probe");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(error = %error, detail = reason, "kafka_probe");
    }
}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}
