//! A request's body: its content type, its bound, its bytes.

use std::time::Duration;

use poem::{
    Body, Request, RequestBody,
    http::{HeaderMap, HeaderName, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type as _,
};
use tokio::io::AsyncReadExt as _;

use super::{encoded::APPLICATION_JSON, errors::Refusal, wire::ExecuteRequest};
use crate::args::cut;

/// How much of a refused body is read on, and for how long. A client that is still sending when the connection closes
/// sees a reset instead of the answer.
const LINGER_BYTES: u64 = 64 << 20;
const LINGER: Duration = Duration::from_secs(2);

/// A body that is described as an [`ExecuteRequest`] and not yet read: its bound is the handler's to know.
pub(crate) struct JsonBody {
    headers: HeaderMap,
    body: Body,
}

impl<'a> ApiExtractor<'a> for JsonBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        ExecuteRequest::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            vec![MetaMediaType { content_type: APPLICATION_JSON, schema: ExecuteRequest::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self { headers: request.headers().clone(), body: body.take()? })
    }
}

impl JsonBody {
    /// Reads the body, at most `max_bytes` of it.
    ///
    /// # Errors
    /// [`Refusal`] for another content type, a body that is too large, or one that ends early.
    pub(crate) async fn read(self, max_bytes: usize) -> Result<Vec<u8>, Refusal> {
        let Self { headers, body } = self;
        let waits = headers.contains_key(header::EXPECT);
        let mut reader = body.into_async_read();
        let refusal = match check_content_type(&headers).and_then(|()| check_length(&headers, max_bytes)) {
            Err(refusal) => refusal,
            Ok(()) => {
                let mut bytes = Vec::new();
                let bound = (max_bytes as u64).saturating_add(1);
                (&mut reader).take(bound).read_to_end(&mut bytes).await.map_err(|_| {
                    Refusal::BadRequest("the body ended before its announced length: send it whole".into())
                })?;
                if bytes.len() <= max_bytes {
                    return Ok(bytes);
                }
                too_large(max_bytes)
            }
        };
        if !waits {
            // Whether it worked makes no difference to the answer.
            let mut rest = reader.take(LINGER_BYTES);
            let _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
        }
        Err(refusal)
    }
}

fn too_large(max_bytes: usize) -> Refusal {
    Refusal::PayloadTooLarge { what: "the body", max_bytes }
}

/// Refuses a body whose announced length is too large, before reading any of it.
fn check_length(headers: &HeaderMap, max_bytes: usize) -> Result<(), Refusal> {
    let announced = text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max_bytes as u64) { Err(too_large(max_bytes)) } else { Ok(()) }
}

/// Accepts `application/json`, with no charset or UTF-8, uncompressed.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |what: String| Err(Refusal::UnsupportedMediaType(what));
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(content_type)), None) => content_type,
        (None, _) => return refuse("Content-Type is missing: send application/json".into()),
        _ => return refuse("Content-Type is given twice or isn't text: send application/json, once".into()),
    };
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(APPLICATION_JSON)) {
        return refuse(format!("Content-Type is {:?}: send application/json", cut(content_type)));
    }
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return refuse(format!("charset is {:?}: send JSON as UTF-8", cut(value)));
        }
    }
    match text(headers, header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => {
            refuse(format!("Content-Encoding is {:?}: send the body uncompressed", cut(encoding)))
        }
        _ => Ok(()),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
