//! Swagger UI, served whole from memory: the page loads nothing from elsewhere.

use poem::{IntoResponse as _, Response, http::header, web::Html};
use poem_openapi::OpenApiService;

/// Nothing may be fetched but this server's own answers, whatever the page's code tries.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                      font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page for `document`, an OpenAPI document as JSON.
pub(crate) fn page(document: &str) -> String {
    // poem-openapi renders its own document into its page; ours has examples, so it takes that one's place.
    let bare = OpenApiService::new((), "", "");
    // A `</script>` in a description would end the script that the document is part of.
    let document = document.replace("</", "<\\/");
    let page = bare.swagger_ui_html().replacen(&bare.spec(), &document, 1);
    format!(
        "<!DOCTYPE html>{}",
        page.replacen("deepLinking: true,", "deepLinking: true,\n        tryItOutEnabled: true,", 1)
    )
}

/// The answer that carries `page`.
pub(crate) fn response(page: &str) -> Response {
    Html(page.to_owned()).with_header(header::CONTENT_SECURITY_POLICY, POLICY).into_response()
}
