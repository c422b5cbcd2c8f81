//! One truth: rules, dashboards, runbooks, objectives and documents speak of what
//! the catalogues and the exporters' captured names have, each metric serves
//! something, each alert has its test, runbook and panel, and every link leads
//! somewhere.

mod alerts;
mod dashboards;
mod files;
mod metrics;
mod promql;
mod traps;
