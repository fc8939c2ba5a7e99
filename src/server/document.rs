//! The OpenAPI document: generated from the types, then completed with what poem-openapi has no word for.

use std::collections::HashMap;

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    LicenseObject, OpenApi, OpenApiService,
    registry::{MetaApi, Registry},
};
use serde_json::{Map, Value, json};

use super::{
    api::Api,
    examples::{self, Example},
    yaml,
};
use crate::Executor;

const DESCRIPTION: &str = "Runs Python that nobody has reviewed, each script in a jail of its own, and answers with \
    the JSON value that its `main()` returned and with what it printed.\n\n\
    One look at the status says whose fault it was: 422 the script's, any other 4xx the caller's, 5xx the server's. \
    Every answer but 200 has one shape, `ErrorResponse`. Fields that are absent are left out, never null.";

/// The OpenAPI document of this version's API, as JSON.
pub fn openapi_json() -> String {
    format!("{:#}\n", document())
}

/// The OpenAPI document of this version's API, as YAML.
pub fn openapi_yaml() -> String {
    yaml::to_yaml(&document())
}

/// The API's description, without an executor behind it.
struct Described;

impl OpenApi for Described {
    fn meta() -> Vec<MetaApi> {
        Api::<Executor>::meta()
    }

    fn register(registry: &mut Registry) {
        Api::<Executor>::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

fn document() -> Value {
    let license = LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/");
    let generated = OpenApiService::new(Described, "python-executor", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(license)
        .server("/")
        .spec();
    // It is JSON: were it not, the document's test would say so.
    let mut document: Value = serde_json::from_str(&generated).unwrap_or_default();
    tidy(&mut document);
    refuse_unknown_fields(&mut document);
    // Said outright, so that generators don't ask for credentials.
    document["security"] = json!([]);
    add_examples(&mut document);
    document
}

/// Rewrites what generators stumble over.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // OpenAPI doesn't define `uint32` and `uint64`: generators then take a type too small.
            if let Some(format) = map.get_mut("format") {
                match format.as_str() {
                    Some("uint32") => *format = json!("int32"),
                    Some("uint64") => *format = json!("int64"),
                    _ => {}
                }
            }
            // A description beside a reference comes twice, the second time as a nameless schema.
            if let Some(Value::Array(schemas)) = map.get_mut("allOf") {
                schemas.truncate(1);
            }
            if let Some(minimum) = map.get("minimum").and_then(Value::as_f64) {
                map.insert("minimum".to_owned(), json!(minimum as i64));
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn refuse_unknown_fields(document: &mut Value) {
    for name in ["ExecuteRequest", "LimitsRequest"] {
        if let Some(schema) = document.pointer_mut(&format!("/components/schemas/{name}")) {
            schema["additionalProperties"] = json!(false);
        }
    }
}

fn add_examples(document: &mut Value) {
    let operation = "/paths/~1execute/post";
    put_examples(document, &format!("{operation}/requestBody"), &examples::requests());
    for (status, answers) in examples::answers() {
        put_examples(document, &format!("{operation}/responses/{status}"), &answers);
    }
    put_examples(document, "/paths/~1health/get/responses/200", &[examples::health()]);
}

fn put_examples(document: &mut Value, body: &str, examples: &[Example]) {
    let named: Map<String, Value> = examples
        .iter()
        .map(|example| {
            (example.name.to_owned(), json!({ "summary": example.summary, "value": example.value }))
        })
        .collect();
    if let Some(media) = document.pointer_mut(&format!("{body}/content/application~1json")) {
        media["examples"] = Value::Object(named);
    }
}
