//! A real `ficha` process in a folder of its own, and a client for it.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use std::{
    fs::Permissions,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
};

/// Valid CPFs of nobody.
pub const CPF: &str = "52998224725";
pub const OTHER_CPF: &str = "12345678909";

pub struct Server {
    process: Child,
    pub dir: Arc<tempfile::TempDir>,
    settings: Vec<(String, String)>,
    pub url: String,
    /// The roles' own listeners: role, URL.
    roles: Vec<(String, String)>,
    http: reqwest::Client,
    log: Arc<Mutex<String>>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    /// Starts one on a free port, in a folder of its own.
    pub fn start() -> Self {
        Self::start_in(folder(), &[])
    }

    /// Starts one in this folder, with these settings.
    pub fn start_in(dir: Arc<tempfile::TempDir>, settings: &[(&str, &str)]) -> Self {
        let mut process = command(dir.path())
            .arg("serve")
            .env("FICHA_LISTEN", "127.0.0.1:0")
            .env("FICHA_PUBLIC_URL", "https://ficha.test")
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let mut roles = Vec::new();
        let url = loop {
            let line =
                lines.next().unwrap_or_else(|| panic!("ficha ended: {}", log.lock().unwrap())).unwrap();
            log.lock().unwrap().push_str(&format!("{line}\n"));
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            let fields = &entry["fields"];
            let url = || format!("http://{}", fields["address"].as_str().unwrap());
            match fields["message"].as_str() {
                Some("serving a role") => roles.push((fields["role"].as_str().unwrap().to_owned(), url())),
                Some("serving") => break url(),
                _ => {}
            }
        };
        let rest = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                rest.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { process, dir, settings, url, roles, http, log }
    }

    /// Starts one whose roles have listeners of their own, too.
    pub fn start_with_roles(settings: &[(&str, &str)]) -> Self {
        let listeners = ["DEBTS", "SCORE", "EVENTS", "DOSSIER", "IDENTITY"]
            .map(|role| (format!("FICHA_{role}__LISTEN"), "127.0.0.1:0"));
        let listeners = listeners.iter().map(|(key, value)| (key.as_str(), *value));
        let settings: Vec<_> = listeners.chain(settings.iter().copied()).collect();
        Self::start_in(folder(), &settings)
    }

    /// A path on a role's own listener.
    pub fn on(&self, role: &str, path: &str) -> String {
        let (_, url) = self.roles.iter().find(|(known, _)| known == role).unwrap();
        format!("{url}{path}")
    }

    /// Runs another `ficha` command on the same folder, with the same settings.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = command(self.dir.path());
        command.env("FICHA_PUBLIC_URL", "https://ficha.test").envs(self.settings.iter().cloned());
        command.args(args).output().unwrap()
    }

    /// Registers a client.
    pub fn client(&self, scope: &str, more: &[&str]) -> (String, String) {
        let output = self.run(&[&["client", "add", "test", "--json", "--scope", scope], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let client: Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            client["client_id"].as_str().unwrap().to_owned(),
            client["client_secret"].as_str().unwrap().to_owned(),
        )
    }

    /// A token of a new client with this scope, whose purpose is `credit_granting` and which has no rate limit.
    pub async fn token(&self, scope: &str) -> String {
        let (id, secret) = self.client(scope, &["--purpose", "credit_granting", "--rate", "none"]);
        self.token_of(&id, &secret).await
    }

    pub async fn token_of(&self, id: &str, secret: &str) -> String {
        let form = [("grant_type", "client_credentials")];
        let request = self.request(Method::POST, "/oauth/token").basic_auth(id, Some(secret)).form(&form);
        let answer = self.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// A request of a path on the common origin, or of a whole URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with('/') { format!("{}{path}", self.url) } else { path.to_owned() };
        self.http.request(method, url)
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn put(&self, token: &str, path: &str, json: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).bearer_auth(token).json(json)).await
    }

    pub async fn post(&self, token: &str, path: &str, json: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(token).json(json)).await
    }

    /// Asks it to stop, waits for it, and gives its folder and its whole log.
    pub fn stop(mut self) -> (Arc<tempfile::TempDir>, String) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success(), "{}", self.log.lock().unwrap());
        let log = self.log.lock().unwrap().clone();
        (self.dir.clone(), log)
    }

    /// Kills it in the middle of whatever it does.
    pub fn kill(mut self) -> Arc<tempfile::TempDir> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.dir.clone()
    }

    /// Everybody that the tests know in all three bases.
    pub async fn fill(&self, token: &str) {
        let debts = serde_json::json!({ "name": "Ximena Quaresma", "address": "Rua do Segredo, 77",
            "debts": [{ "value": "98765.43", "date": "2024-03-01" }] });
        assert_eq!(self.put(token, &format!("/divida/{CPF}"), &debts).await.status, 201);
        let score = serde_json::json!({ "name": "Ximena Quaresma", "address": "Rua do Segredo, 77",
            "date_birth": "1980-07-09T00:00:00Z", "patrimonies": [{ "value": "50000.00", "description": "Carro" }],
            "sources_income": [{ "value": "4321.00", "description": "Salário" }] });
        assert_eq!(self.put(token, &format!("/score/{CPF}"), &score).await.status, 201);
        let movement = serde_json::json!({ "cpf": CPF, "description": "Farmácia", "value": 87.5,
            "date": "2026-10-05T11:48:00-03:00", "type": "Debit", "PaymentType": "CreditCard" });
        assert_eq!(self.post(token, "/financial-transactions", &movement).await.status, 201);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Stopped or killed already, in most tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An empty data folder, for its owner only.
pub fn folder() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap())
}

pub fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ficha"));
    command.arg("--dir").arg(dir);
    command
}

/// All bytes of all files below a folder.
pub fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}
