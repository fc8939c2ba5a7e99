//! The statuses of each operation, as the document describes them.

use poem_openapi::{
    payload::Payload,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses},
    types::Type as _,
};

use super::{encoded::Encoded, envelope::REQUEST_ID, wire::ErrorResponse};

/// A status that isn't 200, and what it means.
type Meaning = (u16, &'static str);

const UNAUTHORIZED: Meaning =
    (401, "`unauthorized`. Reserved: this version asks for no credentials; a gateway in front of it may.");
const NOT_FOUND: Meaning = (404, "`not_found`: there is no such path.");
const METHOD_NOT_ALLOWED: Meaning = (405, "`method_not_allowed`: `Allow` names the methods of this path.");
const INTERNAL: Meaning = (
    500,
    "`internal`: the server's fault. `request_id` leads to the cause in its log; it is `X-Request-Id` too.",
);

/// `POST /execute`.
pub(crate) const EXECUTE: &[Meaning] = &[
    (
        400,
        "`bad_request`: malformed JSON, an unknown field, a field of the wrong type, arguments that no script could be \
         given, or a limit above the server's ceiling. The message names the field and the remedy.",
    ),
    UNAUTHORIZED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    (413, "`payload_too_large`: the body or the script is larger than the server takes."),
    (415, "`unsupported_media_type`: the body isn't uncompressed `application/json` in UTF-8."),
    (
        422,
        "The script's fault: `syntax_error`, `missing_main`, `bad_arguments`, `exception`, `not_json`, \
         `result_too_large`, `timeout`, `memory_limit`, `exited` or `killed`. With what it wrote and used until then.",
    ),
    (429, "`rate_limited`. Reserved: this version doesn't count requests; a gateway in front of it may."),
    INTERNAL,
    (503, "`shutting_down`: ask another server. `overloaded` is reserved."),
];

/// `GET /health`.
pub(crate) const HEALTH: &[Meaning] = &[NOT_FOUND, METHOD_NOT_ALLOWED, INTERNAL];

/// 200 with `T`, and the others with the one error shape.
pub(crate) fn responses<T: Payload>(ok: &'static str, others: &[Meaning]) -> MetaResponses {
    let mut responses = vec![response::<T>(200, ok)];
    responses
        .extend(others.iter().map(|(status, meaning)| response::<Encoded<ErrorResponse>>(*status, meaning)));
    MetaResponses { responses }
}

fn response<T: Payload>(status: u16, description: &'static str) -> MetaResponse {
    let mut headers = vec![string_header(REQUEST_ID, "The request's id in the server's log.")];
    match status {
        405 => headers.push(string_header("Allow", "The methods of this path.")),
        429 | 503 => headers.push(MetaHeader {
            schema: u32::schema_ref(),
            ..string_header("Retry-After", "Seconds after which to ask again.")
        }),
        _ => {}
    }
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type: T::CONTENT_TYPE, schema: T::schema_ref() }],
        headers,
    }
}

fn string_header(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    }
}
