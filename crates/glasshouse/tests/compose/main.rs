//! What docker-compose.yml promises, held against the file: no engine is needed
//! for that, so it is held everywhere. That it runs is shown by
//! `make test-compose`.

mod confinement;
mod elk;
mod file;
mod wiring;
