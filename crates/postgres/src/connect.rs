//! One way to make a connection, for shared ones and for the pool.

use crate::{Settings, tls::Tls, url::Mode};
use deadpool_postgres::{ClientWrapper, Connect};
use std::{future::Future, pin::Pin, time::Duration};
use tokio::{io::AsyncRead, io::AsyncWrite, task::JoinHandle};
use tokio_postgres::{Client, Config, Connection, Error, NoTls, Socket, config::SslMode, error::SqlState};

/// How old a connection grows, so that renewed certificates and failed-over servers are noticed; and how far apart
/// connections of one age end.
const AGE_S: u64 = 30 * 60;
const SPREAD_S: u64 = 5 * 60;

/// How long a connection lives.
pub(crate) fn life() -> Duration {
    Duration::from_secs(AGE_S + fastrand::u64(0..SPREAD_S))
}

const SESSION: &str = "SET statement_timeout = '5s'; SET lock_timeout = '3s'; \
    SET idle_in_transaction_session_timeout = '10s'; SET TimeZone = 'UTC'";

/// What is written on shared connections (reserved numbers, purges) needs no sync of its own. Their statements are few
/// and go along an index: planning them anew for every array of values would cost more than it finds.
const SHARED: &str = "; SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan";

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Shared,
    Exclusive,
    /// Migrations take as long as they take.
    Migration,
}

pub(crate) struct Connector {
    config: Config,
    mode: Mode,
    tls: Tls,
    purpose: Use,
}

type Connected = (Client, JoinHandle<()>);

impl Connector {
    pub(crate) fn new(settings: &Settings, purpose: Use) -> Self {
        Self { config: settings.config.clone(), mode: settings.mode, tls: settings.tls.clone(), purpose }
    }

    /// A connection that is ready; it closes when this is dropped.
    pub(crate) async fn connect(&self) -> Result<ClientWrapper, Error> {
        let (client, task) = self.connected().await?;
        Ok(ClientWrapper::new(client, task))
    }

    async fn connected(&self) -> Result<Connected, Error> {
        let connected = match self.mode {
            Mode::Disable => self.plain().await?,
            Mode::Allow => match self.plain().await {
                Err(error) if is_refused(&error) => self.encrypted(SslMode::Require).await?,
                other => other?,
            },
            Mode::Prefer => match self.encrypted(SslMode::Prefer).await {
                Err(error) if is_refused(&error) || is_handshake(&error) => self.plain().await?,
                other => other?,
            },
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => self.encrypted(SslMode::Require).await?,
        };
        match self.purpose {
            Use::Exclusive => connected.0.batch_execute(SESSION).await?,
            Use::Shared => connected.0.batch_execute(&format!("{SESSION}{SHARED}")).await?,
            Use::Migration => {}
        }
        Ok(connected)
    }

    async fn plain(&self) -> Result<Connected, Error> {
        let mut config = self.config.clone();
        let (client, connection) = config.ssl_mode(SslMode::Disable).connect(NoTls).await?;
        Ok((client, spawn(connection)))
    }

    async fn encrypted(&self, mode: SslMode) -> Result<Connected, Error> {
        let mut config = self.config.clone();
        let (client, connection) = config.ssl_mode(mode).connect(self.tls.current()).await?;
        Ok((client, spawn(connection)))
    }
}

fn spawn<T>(connection: Connection<Socket, T>) -> JoinHandle<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to PostgreSQL ended");
        }
    })
}

/// `pg_hba.conf` does not let us in this way; perhaps the other.
fn is_refused(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// tokio-postgres tells this kind of error by its text only; a test holds it.
fn is_handshake(error: &Error) -> bool {
    error.to_string().contains("TLS handshake")
}

impl Connect for Connector {
    /// The pool's copy of the configuration is the one we were made with.
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Result<Connected, Error>> + Send + '_>> {
        Box::pin(self.connected())
    }
}
