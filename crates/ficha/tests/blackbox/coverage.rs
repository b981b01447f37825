//! Every route, anonymous and with the wrong scope.

use crate::server::{CPF, Server, Shape};
use reqwest::Method;
use serde_json::Value;

/// Routes that need no token. This list only shrinks: whoever opens a route says here why.
const OPEN: &[&str] = &[
    // The client proves itself by its own credentials.
    "POST /oauth/token",
    "POST /oauth/introspect",
    "POST /oauth/revoke",
    "POST /api/oauth/token",
    "POST /api/oauth/introspect",
    "POST /api/oauth/revoke-token",
    "GET /api/oauth/check",
    "POST /api/oauth/check",
    // Public by their standards (RFC 8414, RFC 7517).
    "GET /.well-known/oauth-authorization-server",
    "GET /.well-known/jwks.json",
];

struct Operation {
    method: Method,
    path: String,
    /// Where it is served.
    url: String,
    scopes: Vec<String>,
}

async fn operations(server: &Server) -> Vec<Operation> {
    let mut operations = Vec::new();
    for role in ["debts", "score", "events", "dossier", "identity", "debts-seed", "score-seed"] {
        let own = role.strip_suffix("-seed");
        let document = server.at(own.unwrap_or(role), &format!("/docs/openapi/{role}.json"));
        let document = server.send(server.request(Method::GET, &document)).await.json();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in ["get", "put", "post", "delete", "patch", "head", "options"] {
                let Value::Object(operation) = &item[method] else { continue };
                let scopes = operation.get("security").map_or(Vec::new(), scopes);
                let method = method.to_uppercase().parse().unwrap();
                // What collides on the common origin is tried on the role's own listener.
                let url = own.map_or_else(|| server.at(role, path), |role| server.on(role, path));
                operations.push(Operation { method, path: path.clone(), url, scopes });
            }
        }
    }
    operations
}

fn scopes(security: &Value) -> Vec<String> {
    let named = security[0]["oauth2"].as_array().unwrap();
    named.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect()
}

pub async fn every_route_refuses_the_anonymous_and_the_wrong_scope(shape: Shape) {
    let server = Server::of_shape_with_roles(shape, &[]).await;
    let operations = operations(&server).await;
    assert!(operations.len() >= 40, "the documents hold {} operations", operations.len());
    let mut open = Vec::new();
    for Operation { method, path, url, scopes } in operations {
        let name = format!("{method} {path}");
        if scopes.is_empty() {
            open.push(name);
            continue;
        }
        let target = url.replace("{cpf}", CPF).replace("{id}", "1");
        let anonymous = server.send(server.request(method.clone(), &target)).await;
        assert_eq!((anonymous.status.as_u16(), anonymous.code()), (401, "missing_token".into()), "{name}");
        assert!(anonymous.header("www-authenticate").starts_with("Bearer"), "{name}");
        let wrong = server.token(others(&scopes[0])).await;
        let refused = server.send(server.request(method, &target).bearer_auth(wrong)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, "insufficient_scope".into()), "{name}");
        assert!(
            refused.header("www-authenticate").contains(&scopes[0]),
            "{name}: {}",
            refused.header("www-authenticate")
        );
    }
    open.sort();
    let mut expected: Vec<_> = OPEN.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(open, expected, "the list of open routes only shrinks");
}

/// Every scope but this one.
fn others(scope: &str) -> &'static str {
    match scope {
        "debts:read" => {
            "debts:write score:read score:write events:read events:write dossier:read audit:read admin"
        }
        "debts:write" => {
            "debts:read score:read score:write events:read events:write dossier:read audit:read admin"
        }
        "score:read" => {
            "debts:read debts:write score:write events:read events:write dossier:read audit:read admin"
        }
        "score:write" => {
            "debts:read debts:write score:read events:read events:write dossier:read audit:read admin"
        }
        "events:read" => {
            "debts:read debts:write score:read score:write events:write dossier:read audit:read admin"
        }
        "events:write" => {
            "debts:read debts:write score:read score:write events:read dossier:read audit:read admin"
        }
        "dossier:read" => {
            "debts:read debts:write score:read score:write events:read events:write audit:read admin"
        }
        other => panic!("no route was known to need {other}; add it here"),
    }
}
