//! What the tests of this room share: bases that do as they are told, served on real sockets.

use crate::{Desk, Peer, PeerKey, PublicKey, RemoteBase};
use async_trait::async_trait;
use axum::Router;
use ficha_contract::{Ask, Base, BaseName, Found, Source, Unavailable};
use ficha_domain::{Cpf, CpfValidation, Purpose};
use ficha_http::{Limits, Listening, serve};
use ficha_testkit::TestShell;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};

pub(crate) const CPF: &str = "52998224725";

pub(crate) fn pair() -> Arc<PeerKey> {
    Arc::new(PeerKey::from_pkcs8(&PeerKey::generate().unwrap()).unwrap())
}

pub(crate) fn ask(test: &TestShell) -> Ask {
    let cpf = Cpf::parse(CPF, CpfValidation::Strict).unwrap();
    ficha_testkit::ask(cpf, Purpose::CreditGranting, test.world.now())
}

/// What a base does when it is asked.
pub(crate) enum Act {
    Says(Result<Found, Unavailable>),
    Hangs,
    Panics,
}

/// A base that remembers what it was asked.
pub(crate) struct Fake {
    act: Act,
    pub(crate) asked: Mutex<Vec<Ask>>,
    /// Told when nobody waits for an answer any more.
    pub(crate) dropped: Arc<Notify>,
}

struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Fake {
    pub(crate) fn new(act: Act) -> Arc<Self> {
        Arc::new(Self { act, asked: Mutex::default(), dropped: Arc::default() })
    }

    pub(crate) fn knowing_nobody(test: &TestShell) -> Arc<Self> {
        Self::new(Act::Says(Ok(Found::Nobody { as_of: test.world.now(), source: Source::Own })))
    }
}

#[async_trait]
impl Base for Fake {
    async fn section(&self, ask: &Ask) -> Result<Found, Unavailable> {
        self.asked.lock().unwrap().push(ask.clone());
        match &self.act {
            Act::Says(said) => said.clone(),
            Act::Hangs => {
                let _dropped = Dropped(self.dropped.clone());
                std::future::pending().await
            }
            Act::Panics => panic!("on purpose"),
        }
    }
}

/// Routes on a port.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) fn start(test: &TestShell, routes: Router) -> Self {
        Self::at(ficha_testkit::kept_address(), test, routes)
    }

    pub(crate) fn at(address: SocketAddr, test: &TestShell, routes: Router) -> Self {
        let (listening, app) = (Listening::bind(address).unwrap(), test.wrap(routes));
        let (stop, stopped) = oneshot::channel();
        let address = listening.address;
        let running = tokio::spawn(async move {
            let limits = Limits { shutdown_s: 0, ..Limits::default() };
            let stopped = async {
                let _ = stopped.await;
            };
            serve(listening, app, &limits, stopped).await
        });
        Self { address, stop, running }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, and gives its address back.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        self.address
    }
}

/// A dossier's process and a base's, each with its key.
pub(crate) struct Two {
    pub(crate) test: TestShell,
    pub(crate) dossier: Arc<PeerKey>,
    pub(crate) base: Arc<PeerKey>,
}

impl Two {
    pub(crate) fn new() -> Self {
        Self { test: TestShell::new(), dossier: pair(), base: pair() }
    }

    /// The routes of the base's process, for the dossier's.
    pub(crate) fn routes(&self, base: Arc<Fake>) -> Router {
        let askers = vec![pair().public(), self.dossier.public()];
        let desk = Desk::new("debts", self.base.clone(), askers, self.test.world.world());
        desk.base(BaseName::Debts, base)
    }

    pub(crate) fn serve(&self, base: Arc<Fake>) -> Server {
        Server::start(&self.test, self.routes(base))
    }

    pub(crate) fn peer(&self, url: &str, keys: Vec<PublicKey>, me: &Arc<PeerKey>) -> Peer {
        Peer::new("debts", url, keys, me.clone(), None, self.test.world.world()).unwrap()
    }

    /// The base as the dossier's process has it.
    pub(crate) fn remote(&self, url: &str) -> RemoteBase {
        RemoteBase::new(self.peer(url, vec![pair().public(), self.base.public()], &self.dossier))
    }
}
