//! Where Redis is, by its URL.

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, RedisResult, TlsMode,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType},
};
use std::{fmt, time::Duration};

use crate::link::Link;

/// A Redis that is there answers within this time; one that does not is away.
const PATIENCE: Duration = Duration::from_millis(50);
/// A connection to one server is made in this time.
const CONNECT: Duration = Duration::from_millis(200);
/// Longer than another process takes to come back to a Redis that is back: two attempts to connect, and some.
const GRACE: Duration = Duration::from_secs(3);
/// The parts of a cluster that are used as one each: see [`crate::keys`].
const CLUSTER_PARTS: u8 = 16;

/// Where Redis is.
#[derive(Clone)]
pub struct Settings {
    place: Place,
    shown: String,
    /// After so long without an answer Redis counts as away.
    pub patience: Duration,
    /// For so long nothing is used after connecting. What others write who are not back yet would not be told.
    pub grace: Duration,
}

#[derive(Clone)]
enum Place {
    One(ConnectionInfo),
    Watched { sentinels: Vec<ConnectionInfo>, service: String, node: SentinelNodeConnectionInfo },
    Cluster(Vec<ConnectionInfo>),
}

/// A URL that does not say where Redis is. Tells nothing of it but what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUrl(&'static str);

const FORM: WrongUrl = WrongUrl(
    "it is none of redis://user:password@host:6379/0, redis-sentinel://user:password@host1:26379,host2/service/0, \
     redis-cluster://user:password@host1:6379,host2 (each with rediss for TLS) and redis+unix:///path; in a name or \
     a password write : as %3A, / as %2F, ? as %3F, # as %23 and @ as %40",
);

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`WrongUrl`], with the forms that are taken.
    pub fn parse(url: &str) -> Result<Self, WrongUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
        if rest.contains(['?', '#']) {
            return Err(FORM);
        }
        if scheme == "redis+unix" {
            let place = Place::One(url.into_connection_info().map_err(|_| FORM)?);
            return Ok(Self { place, shown: url.to_owned(), patience: PATIENCE, grace: GRACE });
        }
        let tls = scheme.starts_with("rediss");
        let plain = if tls { "rediss" } else { "redis" };
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = address.rsplit_once('@').map_or(("", address), |(user, hosts)| (user, hosts));
        let hosts: Vec<&str> = hosts.split(',').collect();
        let at = |user: &str, host: &str, database: &str| {
            let user = if user.is_empty() { String::new() } else { format!("{user}@") };
            format!("{plain}://{user}{host}/{database}").into_connection_info().map_err(|_| FORM)
        };
        let place = match scheme.strip_prefix(plain).unwrap_or("?") {
            "" if hosts.len() == 1 => Place::One(at(user, hosts[0], path)?),
            "-sentinel" => {
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                // What the sentinels do not know: who comes, and to which database.
                let node = SentinelNodeConnectionInfo::default()
                    .set_redis_connection_info(at(user, "server", database)?.redis_settings().clone());
                let node = if tls { node.set_tls_mode(TlsMode::Secure) } else { node };
                let port = |host: &&str| match host.rsplit_once(':') {
                    Some((_, port)) if !port.ends_with(']') => at("", host, ""),
                    _ => at("", &format!("{host}:26379"), ""),
                };
                let sentinels = hosts.iter().map(port).collect::<Result<_, _>>()?;
                let service = Some(service.to_owned()).filter(|service| !service.is_empty()).ok_or(FORM)?;
                Place::Watched { sentinels, service, node }
            }
            "-cluster" if path.is_empty() => {
                Place::Cluster(hosts.iter().map(|host| at(user, host, "")).collect::<Result<_, _>>()?)
            }
            _ => return Err(FORM),
        };
        let shown = format!("{scheme}://{}/{path}", hosts.join(","));
        Ok(Self { place, shown, patience: PATIENCE, grace: GRACE })
    }

    /// Into how many parts keys are divided that are used as one each.
    pub(crate) fn parts(&self) -> u8 {
        if matches!(self.place, Place::Cluster(_)) { CLUSTER_PARTS } else { 1 }
    }

    /// A new connection; to whom sentinels name now.
    pub(crate) async fn connect(&self) -> RedisResult<Link> {
        // Who asks bounds the time of each question.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        Ok(match &self.place {
            Place::One(server) => {
                let client = Client::open(server.clone())?;
                Link::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Place::Watched { sentinels, service, node } => {
                let (node, kind) = (Some(node.clone()), SentinelServerType::Master);
                let mut client = SentinelClient::build(sentinels.clone(), service.clone(), node, kind)?;
                Link::One(client.get_async_connection_with_config(&config).await?)
            }
            Place::Cluster(nodes) => {
                let client = ClusterClient::builder(nodes.clone()).connection_timeout(CONNECT).retries(2);
                Link::Cluster(client.build()?.get_async_connection().await?)
            }
        })
    }
}

/// Hosts: neither a user nor a password belongs in a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_has_its_scheme() {
        for (url, shown, parts) in [
            ("redis://ana:se%40cret@one:7000/2", "redis://one:7000/2", 1),
            ("rediss://one", "rediss://one/", 1),
            ("redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock", 1),
            ("redis-sentinel://:secret@one,two:9/main/1", "redis-sentinel://one,two:9/main/1", 1),
            ("rediss-sentinel://[::1]:26379,[::1]/main", "rediss-sentinel://[::1]:26379,[::1]/main", 1),
            ("redis-cluster://ana:secret@one:7000,two:7001", "redis-cluster://one:7000,two:7001/", 16),
        ] {
            let settings = Settings::parse(url).unwrap();
            assert_eq!((format!("{settings:?}").as_str(), settings.parts()), (shown, parts));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for url in [
            "one:6379",
            "http://one",
            "redis://one,two",
            "redis://one/x",
            "redis-sentinel://one/",
            "redis-cluster://one/1",
            "rediss://one#insecure",
            "redis://ana:se?cret@one",
            "redis://ana:se/cret@one",
            "redis-proxy://one",
        ] {
            let told = Settings::parse(url).unwrap_err().to_string();
            assert!(told.contains("redis-cluster://") && !told.contains("cret"), "{url}: {told}");
        }
    }
}
