//! The URL of a store, as the driver understands it; what would break a promise is refused by name.

use crate::Error;
use mongodb::options::{
    Acknowledgment, ClientOptions, ConnectionString, HostInfo, ReadConcern, ReadPreference, WriteConcern,
};
use std::{fmt, time::Duration};

/// How long a server that takes writes is looked for, and one is connected to, where the URL says nothing.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many connections there are at most, where the URL says nothing.
const POOL: u32 = 32;

/// Where a store is, and how it is reached.
#[derive(Clone)]
pub struct Settings {
    address: ConnectionString,
    pub(crate) database: String,
    /// How many transactions and long reads there are at once.
    pub connections: usize,
}

impl Settings {
    /// Reads a URL: `mongodb://user:password@host1,host2/database?replicaSet=rs0&tls=true&…`, or `mongodb+srv://…`.
    ///
    /// # Errors
    /// [`Error::Url`] names what cannot be used.
    pub fn parse(url: &str) -> Result<Self, Error> {
        if !(url.starts_with("mongodb://") || url.starts_with("mongodb+srv://")) {
            return Err(refuse("the URL begins with mongodb:// or mongodb+srv://"));
        }
        let address = ConnectionString::parse(url).map_err(|error| match url.contains('@') {
            // The driver quotes what it cannot read, and an unencoded sign makes that a piece of the password.
            true => {
                refuse("the URL cannot be read; in user and password write : / ? # [ ] @ % as %3A, %2F, …")
            }
            false => refuse(&error.kind.to_string()),
        })?;
        check(&address)?;
        let database = address.default_database.clone().filter(|name| !name.is_empty());
        let database =
            database.ok_or_else(|| refuse("the URL names no database: mongodb://host/database"))?;
        Ok(Self { address, database, connections: 8 })
    }

    /// What the driver is given. Asks the DNS where the URL is one of `mongodb+srv`.
    pub(crate) async fn options(&self) -> Result<ClientOptions, Error> {
        let mut options = ClientOptions::parse(self.address.clone()).await?;
        options.write_concern = Some(durable());
        options.read_concern = Some(ReadConcern::majority());
        options.max_pool_size.get_or_insert(POOL);
        options.connect_timeout.get_or_insert(PATIENCE);
        options.server_selection_timeout.get_or_insert(PATIENCE);
        options.app_name.get_or_insert_with(|| "ficha".to_owned());
        Ok(options)
    }
}

/// In the journals of a majority.
pub(crate) fn durable() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build()
}

fn check(address: &ConnectionString) -> Result<(), Error> {
    if let Some(concern) = &address.write_concern {
        if concern.w.as_ref().is_some_and(|w| *w != Acknowledgment::Majority) {
            return Err(refuse("w takes majority: what is acknowledged must survive a failover"));
        }
        if concern.journal == Some(false) {
            return Err(refuse("journal takes true: what is acknowledged must survive a crash"));
        }
    }
    if address.read_concern.as_ref().is_some_and(|concern| *concern != ReadConcern::majority()) {
        return Err(refuse("readConcernLevel takes majority: what is told must survive a failover"));
    }
    if address.read_preference.as_ref().is_some_and(|preference| *preference != ReadPreference::Primary) {
        return Err(refuse("readPreference takes primary: what was written is to be seen"));
    }
    if address.max_pool_size == Some(0) {
        return Err(refuse("maxPoolSize takes at least 1: 0 would be without a bound"));
    }
    Ok(())
}

fn refuse(why: &str) -> Error {
    Error::Url(why.to_owned())
}

/// Hosts and database: neither a user nor a password belongs in a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address.host_info {
            HostInfo::DnsRecord(name) => write!(f, "mongodb+srv://{name}/{}", self.database),
            HostInfo::HostIdentifiers(hosts) => {
                let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
                write!(f, "mongodb://{}/{}", hosts.join(","), self.database)
            }
            _ => write!(f, "mongodb://?/{}", self.database),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Settings::parse(url).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn what_would_break_a_promise_is_refused_by_name() {
        for (query, named) in [
            ("w=1", "w takes majority"),
            ("w=0", "w takes majority"),
            ("journal=false", "journal takes true"),
            ("readConcernLevel=local", "readConcernLevel"),
            ("readPreference=secondary", "readPreference"),
            ("maxPoolSize=0", "maxPoolSize"),
            ("tlsCAFile=x&tls=false", "tls"),
        ] {
            let told = refused(&format!("mongodb://h/d?{query}"));
            assert!(told.contains(named), "{query}: {told}");
        }
        assert!(refused("postgres://h/d").contains("mongodb://"));
        assert!(refused("mongodb://h/").contains("no database"));
        assert!(refused("mongodb://h:x/d").contains("port"));
        for url in
            ["mongodb://ana:Se?cret@db/ficha", "mongodb://ana:12?cret@db/ficha", "mongodb://ana:se/cret@db/d"]
        {
            let told = refused(url);
            assert!(told.contains("as %3A") && !told.contains("cret@") && !told.contains("Se"), "{told}");
        }
        Settings::parse("mongodb://h/d?w=majority&journal=true&readPreference=primary&tls=true").unwrap();
        Settings::parse("mongodb+srv://cluster.example.com/d").unwrap();
    }

    #[tokio::test]
    async fn what_the_url_leaves_out_is_bounded() {
        let options = Settings::parse("mongodb://h/d").unwrap().options().await.unwrap();
        assert_eq!((options.max_pool_size, options.connect_timeout), (Some(POOL), Some(PATIENCE)));
        assert_eq!(
            (options.write_concern, options.read_concern),
            (Some(durable()), Some(ReadConcern::majority()))
        );
        assert_eq!(options.server_selection_timeout, Some(PATIENCE));
        let options = Settings::parse("mongodb://h/d?maxPoolSize=5&connectTimeoutMS=7000").unwrap();
        let options = options.options().await.unwrap();
        assert_eq!((options.max_pool_size, options.connect_timeout), (Some(5), Some(Duration::from_secs(7))));
    }

    #[test]
    fn debug_shows_neither_user_nor_password() {
        let text = format!("{:?}", Settings::parse("mongodb://ana:secret@one:1,two/ficha").unwrap());
        assert_eq!(text, "mongodb://one:1,two:27017/ficha");
        let text = format!("{:?}", Settings::parse("mongodb+srv://ana:secret@c.example.com/ficha").unwrap());
        assert_eq!(text, "mongodb+srv://c.example.com/ficha");
    }
}
