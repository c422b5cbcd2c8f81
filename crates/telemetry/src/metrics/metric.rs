//! What a metric is: name, kind, labels, help.

use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, with_recorder};

static METADATA: Metadata<'static> = Metadata::new("glasshouse", Level::INFO, None);

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only ever grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts into these buckets (upper bounds, ascending).
    Histogram(&'static [f64]),
}

/// A label and, where they are known in advance, its values.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// The label's name.
    pub name: &'static str,
    /// Every value it takes, if fixed; `None` if configuration decides.
    pub values: Option<&'static [&'static str]>,
}

impl Label {
    /// A label whose values are all known: its series start at zero.
    pub const fn known(name: &'static str, values: &'static [&'static str]) -> Self {
        Self {
            name,
            values: Some(values),
        }
    }

    /// A label whose values are bounded by configuration or routes (a topic, an
    /// endpoint). Never an id, a path or a text from outside.
    pub const fn open(name: &'static str) -> Self {
        Self { name, values: None }
    }
}

/// A metric of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The exposed name.
    pub name: &'static str,
    /// The `# HELP` text.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Its labels, in the order in which handles take their values.
    pub labels: &'static [Label],
}

impl Metric {
    /// A counter.
    pub const fn counter(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        Self {
            name,
            help,
            kind: Kind::Counter,
            labels,
        }
    }

    /// A gauge.
    pub const fn gauge(name: &'static str, help: &'static str, labels: &'static [Label]) -> Self {
        Self {
            name,
            help,
            kind: Kind::Gauge,
            labels,
        }
    }

    /// A histogram with these bucket bounds.
    pub const fn histogram(
        name: &'static str,
        help: &'static str,
        labels: &'static [Label],
        buckets: &'static [f64],
    ) -> Self {
        Self {
            name,
            help,
            kind: Kind::Histogram(buckets),
            labels,
        }
    }

    /// The counter of these label values, in declared order. Resolve it once.
    pub fn counter_handle(&self, values: &[&str]) -> Counter {
        let key = self.key(values);
        with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
    }

    /// The gauge of these label values, in declared order. Resolve it once.
    pub fn gauge_handle(&self, values: &[&str]) -> Gauge {
        let key = self.key(values);
        with_recorder(|recorder| recorder.register_gauge(&key, &METADATA))
    }

    /// The histogram of these label values, in declared order. Resolve it once.
    pub fn histogram_handle(&self, values: &[&str]) -> Histogram {
        let key = self.key(values);
        with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    /// Describes the metric, and starts every series at zero whose labels are
    /// all known.
    pub(crate) fn register(&self) {
        let help = metrics::SharedString::const_str(self.help);
        with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(self.name.into(), None, help),
            Kind::Gauge => recorder.describe_gauge(self.name.into(), None, help),
            Kind::Histogram(_) => recorder.describe_histogram(self.name.into(), None, help),
        });
        let mut combinations: Vec<Vec<&str>> = vec![Vec::new()];
        for label in self.labels {
            let Some(values) = label.values else { return };
            combinations = combinations
                .iter()
                .flat_map(|head| {
                    values.iter().map(|value| {
                        let mut row = head.clone();
                        row.push(*value);
                        row
                    })
                })
                .collect();
        }
        for values in combinations {
            match self.kind {
                Kind::Counter => self.counter_handle(&values).increment(0),
                Kind::Gauge => self.gauge_handle(&values).increment(0.0),
                Kind::Histogram(_) => drop(self.histogram_handle(&values)),
            }
        }
    }

    fn key(&self, values: &[&str]) -> Key {
        debug_assert_eq!(values.len(), self.labels.len(), "labels of {}", self.name);
        let labels: Vec<metrics::Label> = self
            .labels
            .iter()
            .zip(values)
            .map(|(label, value)| metrics::Label::new(label.name, (*value).to_owned()))
            .collect();
        Key::from_parts(self.name, labels)
    }
}
