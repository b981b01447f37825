//! `/docs`: the API in the browser, without outside resources, and a page for each error code.

use axum::{
    Router,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use ficha_contract::ErrorCode;
use std::{collections::HashMap, fmt::Write as _, io::Read as _, sync::LazyLock};
use utoipa::openapi::OpenApi;

/// Swagger UI's own files, unpacked once, when somebody first looks.
static ASSETS: LazyLock<HashMap<String, Vec<u8>>> = LazyLock::new(|| unpack().unwrap_or_default());

const WANTED: [&str; 4] =
    ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-32x32.png"];

/// Swagger UI styles its elements inline; scripts come from this origin only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// The routes below `/docs`, for these roles' documents.
pub fn docs(documents: Vec<(&'static str, OpenApi)>) -> Router {
    let roles: Vec<&str> = documents.iter().map(|(role, _)| *role).collect();
    let settings = settings(&roles);
    let mut router = Router::new()
        .route("/docs", get(|| async { page(INDEX.to_owned()) }))
        .route(
            "/docs/settings.js",
            get(move || async { ([(header::CONTENT_TYPE, "text/javascript")], settings) }),
        )
        .route("/docs/assets/{name}", get(asset))
        .route("/docs/errors", get(|| async { page(error_list()) }))
        .route("/docs/errors/{code}", get(error_page));
    for (role, document) in documents {
        let json = document.to_json().unwrap_or_default();
        let answer = move || async { ([(header::CONTENT_TYPE, "application/json")], json) };
        router = router.route(&format!("/docs/openapi/{role}.json"), get(answer));
    }
    router.route("/", get(|| async { Redirect::temporary("/docs") }))
}

const INDEX: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ficha API</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"><style>body{margin:0}.topbar .link{display:none!important}</style></head><body><div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/swagger-ui-standalone-preset.js"></script><script src="/docs/settings.js"></script>
</body></html>"#;

fn settings(roles: &[&str]) -> String {
    let urls: Vec<_> = roles
        .iter()
        .map(|role| serde_json::json!({ "name": role, "url": format!("/docs/openapi/{role}.json") }))
        .collect();
    let urls = serde_json::Value::from(urls);
    format!(
        "SwaggerUIBundle({{ urls: {urls}, \"urls.primaryName\": \"dossier\", dom_id: '#swagger-ui', deepLinking: true, \
         validatorUrl: null, presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset], \
         layout: 'StandaloneLayout' }});"
    )
}

fn unpack() -> Result<HashMap<String, Vec<u8>>, zip::result::ZipError> {
    let mut archive =
        zip::ZipArchive::new(std::io::Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))?;
    let mut assets = HashMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at)?;
        let name = file.name().rsplit('/').next().unwrap_or_default().to_owned();
        if WANTED.contains(&name.as_str()) && file.name().contains("/dist/") {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            assets.insert(name, bytes);
        }
    }
    Ok(assets)
}

async fn asset(Path(name): Path<String>) -> Response {
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    match ASSETS.get(&name) {
        Some(bytes) => {
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=3600")];
            (headers, bytes.as_slice()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn page(html: String) -> Response {
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn error_page(Path(name): Path<String>) -> Response {
    match ErrorCode::ALL.into_iter().find(|code| code.as_str() == name) {
        Some(code) => page(describe(code)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn error_list() -> String {
    let mut rows = String::new();
    for code in ErrorCode::ALL {
        let facts = code.facts();
        let name = facts.name;
        // Writing into a String does not fail.
        let _ = write!(
            rows,
            "<tr><td>{}</td><td><a href=\"/docs/errors/{name}\"><code>{name}</code></a></td><td>{}</td></tr>",
            facts.status, facts.title
        );
    }
    frame("Errors", &format!("<table><tr><th>Status</th><th>Code</th><th>Meaning</th></tr>{rows}</table>"))
}

fn describe(code: ErrorCode) -> String {
    let facts = code.facts();
    let text = format!(
        "<p><strong>{}</strong> HTTP {}</p><h2>What to do</h2><p>{}</p><h2>For the operator</h2><p>{}</p>\
         <p><a href=\"/docs/errors\">All errors</a> · <a href=\"/docs\">The API</a></p>",
        facts.title,
        facts.status,
        marked(facts.remedy),
        marked(facts.operator)
    );
    frame(facts.name, &text)
}

/// `code` between backticks as HTML. The texts are our own constants: nothing to escape.
fn marked(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · ficha</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{{font:16px/1.5 system-ui,sans-serif;\
         max-width:48rem;margin:3rem auto;padding:0 1rem;color:#1c2330}}table{{border-collapse:collapse}}\
         td,th{{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #d8dde6}}code{{font-size:.95em;\
         background:#f1f3f7;padding:.1em .3em;border-radius:.2em}}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assets_that_the_page_names_are_there() {
        for name in WANTED {
            assert!(ASSETS.get(name).is_some_and(|bytes| !bytes.is_empty()), "{name}");
        }
    }

    #[test]
    fn every_code_has_a_page_that_says_what_to_do() {
        for code in ErrorCode::ALL {
            assert!(describe(code).contains("What to do") && error_list().contains(code.as_str()));
        }
    }
}
