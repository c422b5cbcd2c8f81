//! Histogram buckets, chosen for the quantity.

/// Seconds, 1 ms to 10 s: HTTP, database, Kafka.
pub const FAST: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Seconds, 50 ms to 60 s and beyond: agents, sessions, lateness.
pub const SLOW: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 1800.0, 7200.0,
];

/// Bytes, powers of four from 256 B to 1 MiB, the largest body that is taken.
pub const SIZE: &[f64] = &[256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0];
