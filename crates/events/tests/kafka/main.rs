//! The consumer, the relay and the redrive against a real Kafka and a real
//! PostgreSQL.

mod consumer;
mod lag;
mod membership;
mod observed;
mod redrive;
mod relay;
mod revoke;
mod rig;
