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
    time::Duration,
};

/// Valid CPFs of nobody.
pub const CPF: &str = "52998224725";
pub const OTHER_CPF: &str = "12345678909";

/// The roles, each of which can have a process of its own; the others verify by what `identity` tells.
pub const ROLES: [&str; 5] = ["identity", "debts", "score", "events", "dossier"];

/// Lines of a log that are shown of each process of a test that fails, the latest first.
const LAST_WORDS: usize = 20;

/// An installation: one process, or one for each role.
pub struct Server {
    processes: Vec<Process>,
    pub dir: Arc<tempfile::TempDir>,
    settings: Vec<(String, String)>,
    /// The common origin, where there is one.
    pub url: String,
    http: reqwest::Client,
    /// Where several processes keep what they share.
    _database: Option<ficha_testkit::postgres::Guard>,
}

/// In how many processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    OneProcess,
    OnePerRole,
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
        let settings = owned(settings);
        let process = Process::start(dir.path(), &settings);
        Self::of(vec![process], dir, settings)
    }

    /// Starts one of this shape; several processes share a server of databases, and their record.
    pub async fn of_shape(shape: Shape) -> Self {
        Self::of_shape_with(shape, &[]).await
    }

    /// Starts one of this shape whose roles have listeners of their own, too.
    pub async fn of_shape_with_roles(shape: Shape, settings: &[(&str, &str)]) -> Self {
        let listeners = ROLES.map(|role| (format!("FICHA_{}__LISTEN", role.to_uppercase()), "127.0.0.1:0"));
        let listeners = listeners.iter().map(|(key, value)| (key.as_str(), *value));
        let settings: Vec<_> = listeners.chain(settings.iter().copied()).collect();
        Self::of_shape_with(shape, &settings).await
    }

    async fn of_shape_with(shape: Shape, settings: &[(&str, &str)]) -> Self {
        if shape == Shape::OneProcess {
            return Self::start_in(folder(), settings);
        }
        let (url, guard) = ficha_testkit::postgres::database().await;
        let stores = ["DEBTS", "SCORE", "DOSSIER", "IDENTITY", "EVIDENCE"];
        let stores = stores.map(|store| (format!("FICHA_{store}__URL"), url.clone()));
        let stores = stores.iter().map(|(key, url)| (key.as_str(), url.as_str()));
        let settings: Vec<_> = stores.chain(settings.iter().copied()).collect();
        Self { _database: Some(guard), ..Self::split(&settings) }
    }

    /// Starts a process for each role, each in a folder of its own below one.
    pub fn split(settings: &[(&str, &str)]) -> Self {
        let dir = folder();
        let settings = split::settings(dir.path(), settings);
        let is_shared = settings.iter().any(|(key, _)| key == "FICHA_EVIDENCE__URL");
        for role in ROLES.into_iter().filter(|_| is_shared) {
            // Without a folder nothing but what is shared is made.
            let mut migrate = command(&dir.path().join("none"));
            let migrate = migrate.arg("migrate").envs(split::of(role, &settings)).output().unwrap();
            assert!(migrate.status.success(), "{}", String::from_utf8_lossy(&migrate.stderr));
        }
        Self::start_split(dir, settings)
    }

    fn start_split(dir: Arc<tempfile::TempDir>, settings: Vec<(String, String)>) -> Self {
        Self::of(Process::start_each(dir.path(), &settings), dir, settings)
    }

    fn of(processes: Vec<Process>, dir: Arc<tempfile::TempDir>, settings: Vec<(String, String)>) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let url = processes[0].url.clone();
        Self { processes, dir, settings, url, http, _database: None }
    }

    /// A path on a role's own listener.
    pub fn on(&self, role: &str, path: &str) -> String {
        let mut listeners = self.processes.iter().flat_map(|process| &process.roles);
        let (_, url) = listeners.find(|(known, _)| known == role).unwrap();
        format!("{url}{path}")
    }

    /// A path on the common origin of the process that has a role.
    pub fn at(&self, role: &str, path: &str) -> String {
        let at = ROLES.iter().position(|known| *known == role).unwrap();
        format!("{}{path}", self.processes.get(at).map_or(&self.url, |process| &process.url))
    }

    /// The process of a role.
    pub fn process(&mut self, role: &str) -> &mut Process {
        let at = ROLES.iter().position(|known| *known == role).unwrap();
        &mut self.processes[at]
    }

    /// Kills the process of a role in the middle of whatever it does.
    pub fn kill_role(&mut self, role: &str) {
        self.process(role).kill();
    }

    /// Starts the process of a role again.
    pub fn start_role(&mut self, role: &str) {
        let settings = split::of(role, &self.settings);
        let dir = self.dir.path().join(role);
        *self.process(role) = Process::start(&dir, &settings);
    }

    /// Runs another `ficha` command on the folder, with the same settings; of several that of the issuer.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_at(ROLES[0], args)
    }

    /// Runs another `ficha` command beside the process of a role.
    pub fn run_at(&self, role: &str, args: &[&str]) -> Output {
        self.command_at(role).args(args).output().unwrap()
    }

    /// Another `ficha` command beside the process of a role, as far as its folder and its settings.
    pub fn command_at(&self, role: &str) -> Command {
        let (dir, settings) = match self.processes.len() {
            1 => (self.dir.path().to_owned(), self.settings.clone()),
            _ => (self.dir.path().join(role), split::of(role, &self.settings)),
        };
        let mut command = command(&dir);
        command.env("FICHA_PUBLIC_URL", "https://ficha.test").envs(settings);
        command
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
        self.try_token_of(id, secret).await.unwrap_or_else(|answer| panic!("{}", answer.text))
    }

    /// A token, or what was said instead.
    pub async fn try_token_of(&self, id: &str, secret: &str) -> Result<String, Answer> {
        let form = [("grant_type", "client_credentials")];
        let request = self.request(Method::POST, "/oauth/token").basic_auth(id, Some(secret)).form(&form);
        let answer = self.send(request).await;
        if answer.status != 200 {
            return Err(answer);
        }
        Ok(answer.json()["access_token"].as_str().unwrap().to_owned())
    }

    /// Where a path is served.
    fn origin(&self, path: &str) -> &str {
        self.processes.get(process_of(path)).map_or(&self.url, |process| &process.url)
    }

    /// A request of a path where it is served, or of a whole URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url =
            if path.starts_with('/') { format!("{}{path}", self.origin(path)) } else { path.to_owned() };
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
        let log = self.stop_all();
        (self.dir.clone(), log)
    }

    /// Asks it to stop, waits for it, and gives its whole log; it can be started again.
    pub fn stop_all(&mut self) -> String {
        self.processes.iter_mut().map(Process::stop).collect::<Vec<_>>().concat()
    }

    /// Kills it in the middle of whatever it does.
    pub fn kill(mut self) -> Arc<tempfile::TempDir> {
        self.kill_all();
        self.dir.clone()
    }

    /// Kills it in the middle of whatever it does; it can be started again.
    pub fn kill_all(&mut self) {
        self.processes.iter_mut().for_each(Process::kill);
    }

    /// Starts it again, on what it left.
    pub fn start_all(&mut self) {
        let (dir, settings) = (self.dir.path(), &self.settings);
        self.processes = match self.processes.len() {
            1 => vec![Process::start(dir, settings)],
            _ => Process::start_each(dir, settings),
        };
        self.url = self.processes[0].url.clone();
    }

    /// Kills it in the middle of whatever it does, and starts it again.
    pub fn killed_and_started(mut self) -> Self {
        self.kill_all();
        self.start_all();
        self
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

/// A client's way to processes that may be gone.
#[derive(Clone)]
pub struct Line {
    http: reqwest::Client,
    urls: Vec<String>,
    token: String,
}

impl Line {
    pub fn new(server: &Server, token: String) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let urls = server.processes.iter().map(|process| process.url.clone()).collect();
        Self { http, urls, token }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let origin = self.urls.get(process_of(path)).unwrap_or(&self.urls[0]);
        self.http.request(method, format!("{origin}{path}")).bearer_auth(&self.token)
    }

    /// The whole answer, or an error: then nobody knows.
    pub async fn send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    pub async fn get(&self, path: &str) -> reqwest::Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }
}

/// Sends a process a signal.
pub fn signal(id: u32, signal: &str) {
    let kill = format!("kill -{signal} {id}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Which process serves a path, of one for each role.
fn process_of(path: &str) -> usize {
    let role = match path.split(['/', '?']).nth(1).unwrap_or_default() {
        "divida" => "debts",
        "score" => "score",
        "dossie" | "dossies" => "dossier",
        "oauth" | ".well-known" => "identity",
        _ => "events",
    };
    ROLES.iter().position(|known| *known == role).unwrap()
}

/// A process that serves a folder.
pub struct Process {
    child: Child,
    pub url: String,
    /// The roles' own listeners: role, URL.
    roles: Vec<(String, String)>,
    log: Arc<Mutex<String>>,
}

/// One that does not serve yet.
struct Starting(Child);

impl Process {
    fn start(dir: &Path, settings: &[(String, String)]) -> Self {
        Self::begin(dir, settings).serving()
    }

    /// One for each role, in the order of [`ROLES`].
    fn start_each(dir: &Path, settings: &[(String, String)]) -> Vec<Self> {
        let begin = |role: &&str| Self::begin(&dir.join(role), &split::of(role, settings));
        // The others ask the issuer when they start; so they need not ask again a second later.
        let mut processes = vec![begin(&ROLES[0]).serving()];
        let rest: Vec<_> = ROLES[1..].iter().map(begin).collect();
        processes.extend(rest.into_iter().map(Starting::serving));
        processes
    }

    fn begin(dir: &Path, settings: &[(String, String)]) -> Starting {
        let child = command(dir)
            .arg("serve")
            .env("FICHA_LISTEN", "127.0.0.1:0")
            .env("FICHA_PUBLIC_URL", "https://ficha.test")
            .envs(settings.iter().cloned())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Starting(child.unwrap())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and gives its log.
    fn stop(&mut self) -> String {
        signal(self.id(), "TERM");
        assert!(self.child.wait().unwrap().success(), "{}", self.log.lock().unwrap());
        self.log.lock().unwrap().clone()
    }

    fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Starting {
    /// Waits until it serves.
    fn serving(self) -> Process {
        let mut child = self.0;
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
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
        Process { child, url, roles, log }
    }
}

#[expect(clippy::print_stderr, reason = "why a test fails is often said here")]
impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock().unwrap();
            let said: Vec<&str> = log.lines().rev().take(LAST_WORDS).collect();
            eprintln!("{} said last:\n{}\n", self.url, said.join("\n"));
        }
        // Stopped or killed already, in most tests.
        self.kill();
    }
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What the processes of one installation have to know of each other.
mod split {
    use super::{ROLES, command, owned};
    use std::{
        fs::{self, DirBuilder, OpenOptions},
        io::Write,
        os::unix::fs::{DirBuilderExt, OpenOptionsExt},
        path::Path,
    };

    /// What is common to all: the key file that the operator brought, where each is, and how it is known.
    pub fn settings(dir: &Path, settings: &[(&str, &str)]) -> Vec<(String, String)> {
        let root = dir.join("root.key");
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&root);
        writeln!(file.unwrap(), "ficha-key-1 {}", "07".repeat(32)).unwrap();
        let mut all = owned(settings);
        all.push(("FICHA_KEYS__FILE".into(), root.display().to_string()));
        for role in ROLES {
            let folder = dir.join(role);
            DirBuilder::new().mode(0o700).create(&folder).unwrap();
            let key = command(&folder).arg("peer-key").output().unwrap();
            let key = String::from_utf8(key.stdout).unwrap().trim().to_owned();
            assert!(key.starts_with("ed25519:") && fs::exists(folder.join("peer.key")).unwrap());
            let name = role.to_uppercase();
            all.push((format!("FICHA_PEERS__{name}__KEYS"), key));
            let scheme = if all.iter().any(|(key, _)| key == "FICHA_PEERS__CERT") { "https" } else { "http" };
            all.push((
                format!("FICHA_PEERS__{name}__URL"),
                format!("{scheme}://{}", ficha_testkit::kept_address()),
            ));
        }
        all
    }

    /// What one of them is told: its own role, and where the others are whom it asks.
    pub fn of(role: &str, settings: &[(String, String)]) -> Vec<(String, String)> {
        let (mut own, mut told) = (String::new(), Vec::new());
        for (key, value) in settings {
            let of_url = key.strip_prefix("FICHA_PEERS__").and_then(|key| key.strip_suffix("__URL"));
            match of_url {
                Some(name) if name.eq_ignore_ascii_case(role) => {
                    own = value.split_once("://").unwrap().1.to_owned();
                }
                Some("DOSSIER") => {}
                _ => told.push((key.clone(), value.clone())),
            }
        }
        told.push(("FICHA_ROLES".into(), role.to_owned()));
        told.push(("FICHA_PEERS__LISTEN".into(), own));
        told
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
