//! One role's store on a server that several processes share.

use crate::{
    Error, Params, Settings,
    connect::{Connector, Use, life},
    gate::Gate,
    migrate::{self, Step},
    shared::Shared,
};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, PoolError, RecyclingMethod, Runtime,
    TimeoutType,
};
use std::{ops::ControlFlow, sync::Arc, time::Duration};
use tokio::time::timeout;
use tokio_postgres::Row;

const WAIT: Duration = Duration::from_secs(2);
const CREATE: Duration = Duration::from_secs(5);
/// Rows that a long read holds at once.
const PAGE: usize = 64;

/// A role's schema on a server. Cloning shares it; connections close with the last clone.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    schema: String,
    pool: Pool,
    shared: Shared,
    gate: Arc<Gate>,
}

impl Postgres {
    /// Opens the store of one role, and refuses one that is not of this version. Changes nothing.
    ///
    /// # Errors
    /// [`Error::NotMigrated`], [`Error::Newer`], or whatever keeps us from the server.
    pub async fn open(settings: &Settings, schema: &str, steps: &[Step]) -> Result<Self, Error> {
        let gate = Arc::new(Gate::new());
        let shared = Shared::new(settings, gate.clone());
        let store = Self(Arc::new(Inner { schema: schema.to_owned(), pool: pool(settings)?, shared, gate }));
        migrate::compare(&store, steps).await?;
        Ok(store)
    }

    /// Makes the schema, or brings it up to this version. Twice, and by several at once, is safe.
    ///
    /// # Errors
    /// [`Error::OtherStep`], [`Error::Newer`], or the server's.
    pub async fn migrate(settings: &Settings, schema: &str, steps: &[Step]) -> Result<(), Error> {
        migrate::run(settings, schema, steps).await
    }

    /// Notes the keys that seal in this store, and refuses when it was written with one that is not among them. The
    /// store has [`crate::KEY_TABLE`].
    ///
    /// # Errors
    /// [`Error::WrongKey`] when a key is missing or another one under its id.
    pub async fn check_keys(&self, keys: &[(u32, [u8; 16])]) -> Result<(), Error> {
        migrate::check_keys(self, keys).await
    }

    /// A statement that returns at most one row, on a shared connection, in at most two seconds. It may run twice when
    /// the connection is lost.
    ///
    /// # Errors
    /// The server's; [`Error::Late`]; [`Error::Down`] at once while the server does not answer.
    pub async fn one(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>, Error> {
        Ok(self.few(sql, params).await?.pop())
    }

    /// As [`Postgres::one`], of as many rows as are held at once without a thought.
    ///
    /// # Errors
    /// As [`Postgres::one`].
    pub async fn few(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Error> {
        self.0.shared.few(sql, params).await
    }

    /// Shows row after row, all of one moment, until `visit` breaks.
    ///
    /// # Errors
    /// As [`Postgres::one`]; [`Error::Late`] when it takes longer than the deadline.
    pub async fn walk(
        &self,
        deadline: Duration,
        sql: &str,
        params: Params<'_>,
        visit: impl FnMut(&Row) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        timeout(deadline, self.walk_all(sql, params, visit)).await.unwrap_or(Err(Error::Late))
    }

    async fn walk_all(
        &self,
        sql: &str,
        params: Params<'_>,
        mut visit: impl FnMut(&Row) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut connection = self.connection().await?;
        let transaction = connection.build_transaction().read_only(true).start().await?;
        self.0.gate.up();
        let statement = transaction.prepare_cached(sql).await?;
        let portal = transaction.bind(&statement, params).await?;
        loop {
            let rows = transaction.query_portal(&portal, i32::try_from(PAGE).unwrap_or(i32::MAX)).await?;
            if rows.iter().any(|row| visit(row).is_break()) || rows.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// The schema, which stands in front of every name in a statement.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.0.schema
    }

    /// The number of an advisory lock of this store.
    #[must_use]
    pub fn lock_number(&self, what: &str) -> i64 {
        lock_number(&self.0.schema, what)
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// A connection of one's own.
    pub(crate) async fn connection(&self) -> Result<Object, Error> {
        self.0.gate.enter()?;
        let connection = self.0.pool.get().await;
        connection.map_err(|error| {
            let busy = matches!(error, PoolError::Timeout(TimeoutType::Wait));
            let error = Error::from(error);
            if !busy {
                self.0.gate.judge(&error);
            }
            error
        })
    }
}

fn pool(settings: &Settings) -> Result<Pool, Error> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let connector = Connector::new(settings, Use::Exclusive);
    let manager = Manager::from_connect(settings.config.clone(), connector, recycling);
    let too_old = Hook::sync_fn(|_, metrics: &Metrics| match metrics.age() > life() {
        true => Err(HookError::message("old enough")),
        false => Ok(()),
    });
    let pool = Pool::builder(manager).max_size(settings.connections.max(1)).runtime(Runtime::Tokio1);
    let pool = pool.wait_timeout(Some(WAIT)).create_timeout(Some(CREATE)).recycle_timeout(Some(CREATE));
    pool.pre_recycle(too_old).build().map_err(|error| Error::Url(error.to_string()))
}

/// FNV-1a: the same in every process and version.
pub(crate) fn lock_number(schema: &str, what: &str) -> i64 {
    let bytes = b"ficha ".iter().chain(schema.as_bytes()).chain(b" ").chain(what.as_bytes());
    bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
        .cast_signed()
}
