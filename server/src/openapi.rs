//! The OpenAPI document: the routes' own, and what all of them have in common.

use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::problem;

#[derive(OpenApi)]
#[openapi(info(
    title = "MecaPy",
    description = "Runs engineers' Python calculations: deploy functions, call them, follow their tasks."
))]
pub struct Base;

/// Statuses that any operation may answer with, and why.
const COMMON: [(&str, &str); 8] = [
    ("400", "the request cannot be read"),
    ("404", "it does not exist, or is another tenant's"),
    ("408", "the body took too long to arrive"),
    ("413", "too large"),
    ("422", "what was sent is not valid"),
    ("500", "a mistake of the server"),
    ("503", "not now; try again"),
    ("507", "no space is left on the server"),
];
const WITH_TOKEN: [(&str, &str); 3] = [
    ("401", "no token, or one that is not valid"),
    ("403", "the token or the role does not allow it"),
    ("429", "a quota or rate limit is used up"),
];
const WRITING: [(&str, &str); 3] = [
    ("409", "what is there forbids it"),
    ("410", "it was deleted"),
    ("415", "the body is of the wrong content type"),
];
const READING: [(&str, &str); 2] = [("409", "not yet"), ("410", "it was deleted")];

/// Adds what all operations share to the routes' document.
pub fn complete(document: utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer",
            "description": "a service account's token, `mcp_<id>_<secret>`"},
    });
    document["security"] = json!([{"token": []}]);
    document["components"]["schemas"]["Problem"] = problem_schema();
    document["components"]["schemas"]["ArchiveForm"]["additionalProperties"] = json!(false);
    if let Some(paths) = document["paths"].as_object_mut() {
        for operations in paths.values_mut().filter_map(Value::as_object_mut) {
            for (method, operation) in operations {
                add_common(method, operation);
            }
        }
    }
    document
}

fn add_common(method: &str, operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        tighten(parameter);
    }
    // An empty file is a file.
    if matches!(operation["operationId"].as_str(), Some("upload_file" | "upload_signed")) {
        operation["requestBody"]["required"] = json!(false);
    }
    // `security: [{}]` is how a route says that it needs no token.
    let open = operation["security"]
        .as_array()
        .is_some_and(|security| security.iter().all(|one| one == &json!({})));
    if open {
        operation["security"] = json!([]);
    }
    let mut statuses: Vec<(&str, &str)> = COMMON.to_vec();
    if !open {
        statuses.extend(WITH_TOKEN);
    } else {
        statuses.push(("403", "the address has expired or was altered"));
    }
    statuses.extend(if method == "get" { READING.to_vec() } else { WRITING.to_vec() });
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, description) in statuses {
        responses.entry(status).or_insert_with(|| {
            json!({"description": description, "content": {
                (problem::CONTENT_TYPE): {"schema": {"$ref": "#/components/schemas/Problem"}}}})
        });
    }
    // A redirect or an empty answer has no body, and says so by having no content.
    for response in responses.values_mut() {
        if let Some(response) = response.as_object_mut() {
            response.entry("headers").or_insert_with(|| json!({}));
            if let Some(headers) = response["headers"].as_object_mut() {
                headers.insert(
                    "x-request-id".to_owned(),
                    json!({
                    "description": "names the request in the server's log",
                    "schema": {"type": "string"}}),
                );
            }
        }
    }
}

/// A parameter that is there is not null; and what an idempotency key is.
fn tighten(parameter: &mut Value) {
    if let Some(types) = parameter["schema"]["type"].as_array() {
        let only = types.iter().find(|one| *one != "null").cloned();
        parameter["schema"]["type"] = only.unwrap_or_else(|| json!("string"));
    }
    if let Some(choices) = parameter["schema"]["oneOf"].as_array() {
        let null = json!({"type": "null"});
        if let Some(only) = choices.iter().find(|one| **one != null).cloned() {
            parameter["schema"] = only;
        }
    }
    if parameter["name"] == "Idempotency-Key" {
        parameter["schema"] =
            json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
    }
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong: RFC 9457",
        "required": ["type", "title", "status", "detail", "instance", "request_id"],
        "properties": {
            "type": {"type": "string", "description": "stable; ends in a slug: `urn:mecapy:problem:not-found`"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "for people"},
            "instance": {"type": "string"},
            "request_id": {"type": "string"},
            "violations": {"type": "array", "items": {"$ref": "#/components/schemas/ViolationView"}},
            "problems": {"type": "array", "description": "what is wrong with a package, and where",
                "items": {"type": "object"}},
        },
    })
}
