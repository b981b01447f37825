//! `/docs` in a browser without a network.

use ficha_contract::ErrorCode;
use ficha_http::{docs, document};
use ficha_testkit::{Answer, Client, TestShell};
use utoipa::openapi::OpenApi;

fn client() -> Client {
    let document = document(OpenApi::default(), "debts", "What a person owes.");
    TestShell::new().client(docs(vec![("debts", document)]))
}

/// What the page makes a browser load or go to.
fn references(html: &str) -> Vec<&str> {
    let starts = ["src=\"", "href=\"", "url(", "action=\"", "@import "];
    let after = |start: &'static str| html.split(start).skip(1);
    starts
        .into_iter()
        .flat_map(after)
        .map(|rest| rest.split(['"', ')', ';']).next().unwrap_or(rest))
        .collect()
}

/// Asserts that the page's own policy and its text keep the browser at this origin.
#[track_caller]
fn stays_here(page: &Answer) {
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe-eval"), "{policy}");
    for reference in references(page.text()) {
        assert!(reference.starts_with('/') && !reference.starts_with("//"), "{reference}");
    }
    assert!(!page.text().contains("http://") && !page.text().contains("https://"), "{}", page.text());
}

#[tokio::test]
async fn the_page_loads_nothing_from_outside_and_all_it_names_is_there() {
    let client = client();
    let page = client.get("/docs").send().await.expect(200);
    stays_here(&page);
    let references = references(page.text());
    assert_eq!(references.len(), 5, "{references:?}");
    for reference in references {
        let asset = client.get(reference).send().await.expect(200);
        assert!(asset.bytes.len() > 100, "{reference}");
        let kind = match reference.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            _ => "image/png",
        };
        assert!(asset.header("content-type").starts_with(kind), "{reference}");
        assert_eq!(asset.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn the_settings_name_the_documents_and_no_validator_outside() {
    let client = client();
    let settings = client.get("/docs/settings.js").send().await.expect(200);
    assert!(settings.text().contains("\"url\":\"/docs/openapi/debts.json\""), "{}", settings.text());
    assert!(settings.text().contains("validatorUrl: null") && !settings.text().contains("http"));
    let document = client.get("/docs/openapi/debts.json").send().await.expect(200).json();
    assert_eq!((&document["info"]["title"], document["openapi"].is_string()), (&"ficha debts".into(), true));
}

#[tokio::test]
async fn every_error_has_its_page_where_its_type_leads() {
    let client = client();
    let list = client.get("/docs/errors").send().await.expect(200);
    stays_here(&list);
    for code in ErrorCode::ALL {
        let path = format!("/docs/errors/{}", code.as_str());
        assert!(references(list.text()).contains(&path.as_str()), "{path}");
        let page = client.get(&path).send().await.expect(200);
        stays_here(&page);
        assert!(page.text().contains(code.facts().title), "{path}");
    }
    client.get("/docs/errors/no_such_code").send().await.problem(404, "unknown_route");
    client.get("/docs/assets/..%2f..%2fetc%2fpasswd").send().await.problem(404, "unknown_route");
}

#[tokio::test]
async fn the_front_door_leads_to_the_documentation() {
    let front = client().get("/").send().await;
    assert_eq!((front.status.as_u16(), front.header("location")), (307, "/docs"));
}
