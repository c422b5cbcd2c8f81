//! The JSON schemas of the events, which what a service produces is held against.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/schemas");

/// The schemas of all event types.
pub struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Those of this checkout.
    ///
    /// # Panics
    /// When they cannot be read.
    pub fn load() -> Self {
        let files = std::fs::read_dir(Path::new(FOLDER)).expect("the folder of schemas");
        let schemas = files.map(|file| {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a schema");
            let schema: Value = serde_json::from_str(&text).expect("JSON");
            let name = path.file_stem().expect("a name").to_string_lossy();
            (name.into_owned(), schema)
        });
        Self(schemas.collect())
    }

    /// The event types that have a schema.
    pub fn types(&self) -> Vec<&str> {
        // The task itself is no event, but a part of several.
        let names = self.0.keys().map(String::as_str);
        names.filter(|name| *name != "todo.task.v1").collect()
    }

    /// What is wrong with the body of an event as a consumer sees it: fields
    /// that no schema names are a newer minor version.
    ///
    /// # Panics
    /// When the type has no schema, or a schema is none.
    pub fn errors(&self, event_type: &str, body: &Value) -> Vec<String> {
        self.validate(event_type, body, false)
    }

    /// Checks the body of an event that a service of this checkout produced: it
    /// may have no field that the schema does not name.
    ///
    /// # Panics
    /// When it does not conform.
    pub fn check_produced(&self, event_type: &str, body: &Value) {
        let errors = self.validate(event_type, body, true);
        assert!(errors.is_empty(), "{event_type}: {errors:#?} in {body:#}");
    }

    fn validate(&self, event_type: &str, body: &Value, closed: bool) -> Vec<String> {
        assert!(self.0.contains_key(event_type), "no schema of {event_type}");
        let registry = self
            .0
            .values()
            .fold(jsonschema::Registry::new(), |registry, schema| {
                let mut schema = schema.clone();
                if closed {
                    close(&mut schema);
                }
                let id = schema["$id"].as_str().expect("$id").to_owned();
                registry.add(id, schema).expect("a schema")
            });
        let registry = registry.prepare().expect("references that lead somewhere");
        let root = serde_json::json!({ "$ref": self.0[event_type]["$id"] });
        let validator = jsonschema::options()
            .with_registry(&registry)
            .should_validate_formats(true)
            .build(&root)
            .expect("a schema");
        validator
            .iter_errors(body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }
}

/// Lets no object have fields that its schema does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
