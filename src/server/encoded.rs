//! A JSON body written by serde, straight from the wire types.
//!
//! poem-openapi's own `Json` goes through `serde_json::Value`, which would cost integers their digits and results
//! deeper than 128 levels their lives.

use poem::{IntoResponse, Response, http::header};
use poem_openapi::{
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

/// A response body of type `T`.
pub(crate) struct Encoded<T>(pub(crate) T);

/// Marks a response that must become an internal error; the text is for the log.
#[derive(Clone, Debug)]
pub(crate) struct Broken(pub(crate) String);

/// The media type of every body here. Without a charset, which JSON doesn't have and which generated clients compare.
pub(crate) const APPLICATION_JSON: &str = "application/json";

impl<T: Type> Payload for Encoded<T> {
    const CONTENT_TYPE: &'static str = APPLICATION_JSON;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Encoded<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => Response::builder().header(header::CONTENT_TYPE, APPLICATION_JSON).body(body),
            Err(error) => {
                let mut response = Response::default();
                response.set_data(Broken(format!("the answer can't be written: {error}")));
                response
            }
        }
    }
}
