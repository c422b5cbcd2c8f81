//! The Elastic side, as far as it can be held without running it: what one file
//! names, another has.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use crate::file::read;

fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A JSON document within a JSON document, as Kibana keeps most of its own.
fn within(object: &Value, path: &str) -> Value {
    let text = object.pointer(path).and_then(Value::as_str).expect(path);
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn saved_objects() -> Vec<Value> {
    read("infra/elk/kibana.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON on each line"))
        .collect()
}

/// Every field of a document, with dots.
fn fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let component = json("infra/elk/elasticsearch/glasshouse-logs.component.json");
    let mut open = vec![(String::new(), &component["template"]["mappings"])];
    while let Some((prefix, mapping)) = open.pop() {
        for (name, inner) in mapping["properties"].as_object().expect("properties") {
            let name = format!("{prefix}{name}");
            if inner.get("properties").is_some() {
                open.push((format!("{name}."), inner));
            } else {
                fields.insert(name);
            }
        }
    }
    fields
}

#[test]
fn each_level_is_kept_as_long_as_in_loki() {
    let loki = read("infra/loki/config.yaml");
    let mut kept = BTreeMap::new();
    for name in ["error", "warning", "info", "debug"] {
        let template = json(&format!(
            "infra/elk/elasticsearch/glasshouse-{name}.template.json"
        ));
        assert_eq!(template["composed_of"][0], "glasshouse-logs");
        let days = &template["template"]["lifecycle"]["data_retention"];
        for pattern in template["index_patterns"].as_array().expect("patterns") {
            let pattern = pattern.as_str().expect("text");
            let level = pattern.strip_prefix("logs-glasshouse.").expect(pattern);
            let level = level.trim_end_matches("-*").to_uppercase();
            kept.insert(level, days.as_str().expect("days").to_owned());
        }
    }
    let levels = ["CRITICAL", "DEBUG", "ERROR", "INFO", "WARNING"];
    assert_eq!(kept.keys().collect::<Vec<_>>(), levels);
    let exceptions = Regex::new(r#"level=~?"([A-Z|]+)".*period: (\w+)"#).expect("a pattern");
    let rule = Regex::new(r"retention_period: (\w+)").expect("a pattern");
    let rule = &rule.captures(&loki).expect("a rule")[1];
    for (level, days) in kept {
        let exception = exceptions
            .captures_iter(&loki)
            .find(|exception| exception[1].split('|').any(|one| one == level));
        let in_loki = exception.map_or(rule.to_owned(), |exception| exception[2].to_owned());
        assert_eq!(in_loki, days, "{level}");
    }
}

#[test]
fn logstash_makes_the_fields_that_are_mapped() {
    let pipeline = read("infra/elk/logstash.conf");
    let renamed = Regex::new(r#""\[line\]\[(\w+)\]" => "(\w+)""#).expect("a pattern");
    let made: BTreeSet<String> = renamed
        .captures_iter(&pipeline)
        .inspect(|pair| assert_eq!(pair[1], pair[2]))
        .map(|pair| pair[2].to_owned())
        .collect();
    let mapped: BTreeSet<String> = fields()
        .into_iter()
        .map(|field| field.split('.').next().unwrap_or_default().to_owned())
        .filter(|field| field != "@timestamp")
        .collect();
    assert_eq!(made, mapped);
}

#[test]
fn saved_objects_lead_to_each_other() {
    let objects = saved_objects();
    let key = |object: &Value| (object["type"].clone(), object["id"].clone());
    let known: Vec<_> = objects.iter().map(key).collect();
    for (at, one) in known.iter().enumerate() {
        assert!(!known[..at].contains(one), "twice: {one:?}");
    }
    for object in &objects {
        let references = object["references"].as_array().expect("references");
        for reference in references {
            assert!(known.contains(&key(reference)), "{reference}");
        }
        let named = |name: &str| {
            let found = references.iter().any(|one| {
                let reference = one["name"].as_str().expect("a name");
                reference == name || reference.ends_with(&format!(":{name}"))
            });
            assert!(found, "{}: no reference {name}", object["id"]);
        };
        match object["type"].as_str().expect("a type") {
            "dashboard" => {
                let panels = within(object, "/attributes/panelsJSON");
                let panels = panels.as_array().expect("panels");
                assert_eq!(panels.len(), references.len());
                for panel in panels {
                    named(panel["panelRefName"].as_str().expect("a name"));
                }
            }
            "search" | "visualization" => {
                let meta = "/attributes/kibanaSavedObjectMeta/searchSourceJSON";
                let source = within(object, meta);
                named(source["indexRefName"].as_str().expect("a name"));
            }
            "index-pattern" => {}
            other => panic!("a saved object of another kind: {other}"),
        }
    }
}

#[test]
fn saved_objects_name_fields_that_are_mapped() {
    let mapped = fields();
    let queried = Regex::new(r"([@\w.]+) :").expect("a pattern");
    let mut named = 0;
    for object in saved_objects() {
        let mut fields: Vec<String> = Vec::new();
        let attributes = &object["attributes"];
        let texts = |value: &Value| -> Vec<String> {
            let values = value.as_array().into_iter().flatten();
            values.filter_map(Value::as_str).map(Into::into).collect()
        };
        fields.extend(texts(&attributes["columns"]));
        for sort in attributes["sort"].as_array().into_iter().flatten() {
            fields.extend(texts(sort).into_iter().take(1));
        }
        if attributes.get("visState").is_some() {
            let state = within(&object, "/attributes/visState");
            for aggregation in state["aggs"].as_array().expect("aggregations") {
                let field = aggregation["params"]["field"].as_str();
                fields.extend(field.map(ToOwned::to_owned));
            }
        }
        if object["type"] == "index-pattern" {
            assert_eq!(attributes["title"], "logs-glasshouse.*");
            continue;
        }
        let meta = "/attributes/kibanaSavedObjectMeta/searchSourceJSON";
        let query = within(&object, meta)["query"]["query"].clone();
        let query = query.as_str().expect("a query");
        fields.extend(queried.captures_iter(query).map(|one| one[1].to_owned()));
        for field in fields {
            assert!(mapped.contains(&field), "{}: {field}", object["id"]);
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}
