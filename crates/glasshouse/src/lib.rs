//! glasshouse
