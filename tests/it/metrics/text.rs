//! A strict reader of OpenMetrics text.

use std::collections::{BTreeMap, BTreeSet};

/// All samples of a scrape, by name and labels as they stand there.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<String, f64>);

/// A metric and its samples, while they are read.
#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    has_unit: bool,
}

impl Samples {
    /// Reads a scrape; panics if it breaks the format.
    pub(super) fn parse(text: &str) -> Self {
        let body = text
            .strip_suffix("# EOF\n")
            .expect("the last line is # EOF");
        let (mut samples, mut families) = (Self::default(), BTreeSet::new());
        let mut family = Family::default();
        for line in body.lines() {
            let Some(comment) = line.strip_prefix("# ") else {
                family.check(line);
                samples.add(line);
                continue;
            };
            let mut words = comment.splitn(3, ' ');
            let (what, name) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().unwrap();
            match what {
                "HELP" => {
                    assert!(families.insert(name.to_owned()), "{name} comes twice");
                    assert!(rest.ends_with('.') && !rest.contains('\\'), "{line}");
                    family = Family {
                        name: name.to_owned(),
                        ..Family::default()
                    };
                }
                "TYPE" if name == family.name => rest.clone_into(&mut family.kind),
                "UNIT" if name == family.name => {
                    assert!(name.ends_with(&format!("_{rest}")), "{line}");
                    family.has_unit = true;
                }
                _ => panic!("{line}"),
            }
        }
        samples.check_histograms();
        samples
    }

    fn add(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        assert!(value.is_finite() && value >= 0.0, "{line}");
        let before = self.0.insert(series.to_owned(), value);
        assert!(before.is_none(), "{series} comes twice");
    }

    /// Each bucket holds what those before it hold, and the last one everything.
    fn check_histograms(&self) {
        let counts = self.0.iter().filter(|(series, _)| {
            let name = series.split('{').next().unwrap();
            name.ends_with("_count")
        });
        let mut histograms = 0;
        for (series, count) in counts {
            histograms += 1;
            let name = series.split('{').next().unwrap();
            let labels = labels(series);
            let base = name.strip_suffix("_count").unwrap();
            let mut buckets = Vec::new();
            for (other, value) in &self.0 {
                let is_bucket = other.starts_with(&format!("{base}_bucket{{"));
                let mut its = self::labels(other);
                if !is_bucket {
                    continue;
                }
                let bound = its.remove("le").unwrap();
                if its == labels {
                    buckets.push((bound.parse::<f64>().unwrap(), *value));
                }
            }
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(
                buckets.windows(2).all(|two| two[0].1 <= two[1].1),
                "{series}"
            );
            let last = buckets.last().unwrap();
            assert_eq!((last.0, last.1), (f64::INFINITY, *count), "{series}");
        }
        assert!(histograms > 0);
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The sum of the samples with this name and at least these labels, in the form
    /// `name{label="value"}`.
    pub(super) fn sum(&self, wanted: &str) -> f64 {
        let name = wanted.split('{').next().unwrap();
        let wanted = labels(wanted);
        let fits = |series: &&String| {
            let its = labels(series);
            series.split('{').next() == Some(name)
                && wanted
                    .iter()
                    .all(|(label, value)| its.get(label) == Some(value))
        };
        let found = self.0.iter().filter(|(series, _)| fits(series));
        found.fold(0.0, |sum, (_, value)| sum + value)
    }

    /// The same where it is an integer.
    pub(super) fn count(&self, wanted: &str) -> u64 {
        let sum = self.sum(wanted).to_string();
        sum.parse().unwrap_or_else(|_| panic!("{wanted}: {sum}"))
    }

    /// Every value of a label.
    pub(super) fn values_of(&self, label: &str) -> BTreeSet<String> {
        let all = self
            .0
            .keys()
            .filter_map(|series| labels(series).remove(label));
        all.collect()
    }

    /// The names of all samples.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let names = self
            .0
            .keys()
            .map(|series| series.split('{').next().unwrap());
        names.collect()
    }
}

impl Family {
    /// The sample belongs here, and its suffix to the type.
    fn check(&self, sample: &str) {
        let end = sample.find(['{', ' ']).unwrap();
        let suffix = sample[..end].strip_prefix(&self.name);
        let allowed: &[&str] = match self.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[],
        };
        let fits = suffix.is_some_and(|suffix| allowed.contains(&suffix));
        assert!(fits, "{sample} after {}, a {}", self.name, self.kind);
        let unit = ["seconds", "bytes"]
            .iter()
            .any(|unit| self.name.ends_with(unit));
        assert_eq!(unit, self.has_unit, "{}", self.name);
    }
}

/// The labels of a series. No value holds a quote or a comma.
fn labels(series: &str) -> BTreeMap<String, String> {
    let Some((_, labels)) = series.split_once('{') else {
        return BTreeMap::new();
    };
    let labels = labels.strip_suffix('}').unwrap();
    let pairs = labels.split("\",").map(|pair| {
        let (label, value) = pair.split_once("=\"").unwrap();
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(label.chars().all(plain), "{series}");
        let value = value.trim_end_matches('"');
        assert!(!value.contains(['"', '\\', '\n']), "{series}");
        (label.to_owned(), value.to_owned())
    });
    let read: Vec<(String, String)> = pairs.collect();
    let map: BTreeMap<String, String> = read.iter().cloned().collect();
    assert_eq!(map.len(), read.len(), "{series}: a label comes twice");
    map
}
