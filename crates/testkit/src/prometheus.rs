//! What `/metrics` says.

use std::collections::BTreeMap;

/// The samples of one scrape, and the types the text declares.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// `name{labels}` as exposed → value.
    pub values: BTreeMap<String, f64>,
    /// Name → `counter`, `gauge`, `histogram` or `summary`.
    pub types: BTreeMap<String, String>,
}

impl Samples {
    /// Reads the Prometheus text format.
    ///
    /// # Panics
    /// On a line that is not of the format.
    pub fn parse(text: &str) -> Self {
        let mut samples = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(declaration) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declaration.split_once(' ').expect("# TYPE name kind");
                samples.types.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').expect("series value");
                samples
                    .values
                    .insert(series.to_owned(), value.parse().expect("a number"));
            }
        }
        samples
    }

    /// The series of `name` whose labels include all of `labels`.
    pub fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = (&'a str, f64)> {
        self.values
            .iter()
            .filter(move |(series, _)| {
                let (found, rest) = series.split_once('{').unwrap_or((series.as_str(), ""));
                found == name
                    && labels
                        .iter()
                        .all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")))
            })
            .map(|(series, value)| (series.as_str(), *value))
    }

    /// The sum over the matching series; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|(_, value)| value).sum()
    }

    /// Whether a matching series is exposed.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;

    #[test]
    fn reads_types_and_labelled_values() {
        let samples = Samples::parse(
            "# HELP a Help.\n# TYPE a counter\na{x=\"1\",y=\"2\"} 3\na{x=\"2\"} 4\nb 0.5\n",
        );
        assert_eq!(samples.types["a"], "counter");
        assert_eq!(samples.sum("a", &[("x", "1")]), 3.0);
        assert_eq!(samples.sum("a", &[]), 7.0);
        assert!(samples.has("b", &[]) && !samples.has("c", &[]));
    }
}
