//! The URL of a store, as libpq would understand it.
//!
//! tokio-postgres knows three of the six `sslmode`s and no certificate files, so these keys are taken out here; all
//! others go to it, and it refuses by name what it does not know.

use crate::{Error, error::told, tls::Tls};
use percent_encoding::percent_decode_str;
use std::{fmt, path::PathBuf, str::FromStr, time::Duration};
use tokio_postgres::{
    Config,
    config::{Host, TargetSessionAttrs},
};

/// Where a store is, and how it is reached.
#[derive(Clone)]
pub struct Settings {
    pub(crate) config: Config,
    pub(crate) mode: Mode,
    pub(crate) tls: Tls,
    /// How many connections transactions and long reads may take.
    pub connections: usize,
    /// How many connections point reads share.
    pub point_connections: usize,
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The keys that are ours.
#[derive(Default)]
pub(crate) struct Ssl {
    pub(crate) mode: Option<Mode>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) only_tls13: bool,
}

/// Keys of libpq's that would be lost here, with what to do instead.
const REFUSED: [(&str, &str); 6] = [
    ("sslcrl", "lists of revoked certificates are not read"),
    ("sslcrldir", "lists of revoked certificates are not read"),
    ("sslpassword", "keep the key unencrypted in a file that only its owner can read"),
    ("requiressl", "use sslmode"),
    ("krbsrvname", "Kerberos is not spoken"),
    ("sslcertmode", "leave sslcert out where none is wanted"),
];

impl Settings {
    /// Reads a URL: `postgres://user:password@host1,host2/database?sslmode=verify-full&…`. No environment variable and
    /// no password file is read.
    ///
    /// # Errors
    /// [`Error::Url`] names what cannot be used; [`Error::Tls`] the file.
    pub fn parse(url: &str) -> Result<Self, Error> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(refuse("the URL begins with postgres:// or postgresql://"));
        }
        let (rest, ssl) = split(url)?;
        let mut config = Config::from_str(&rest).map_err(|error| refuse(&told(&error)))?;
        if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(3));
        }
        if config.get_application_name().is_none() {
            config.application_name("ficha");
        }
        let mode = mode_for(&config, &ssl)?;
        let (tls, mode) = Tls::open(ssl, mode)?;
        Ok(Self { config, mode, tls, connections: 8, point_connections: 2 })
    }
}

/// Sockets of this machine speak no TLS, as in libpq; where a name is to be compared there has to be one.
fn mode_for(config: &Config, ssl: &Ssl) -> Result<Mode, Error> {
    let mode = ssl.mode.unwrap_or(Mode::Prefer);
    let is_local = |host: &Host| matches!(host, Host::Unix(_));
    if !config.get_hosts().is_empty() && config.get_hosts().iter().all(is_local) {
        return Ok(Mode::Disable);
    }
    if mode != Mode::Disable && config.get_hosts().iter().any(is_local) {
        return Err(refuse("sockets and hosts together take sslmode=disable"));
    }
    if mode != Mode::Disable && config.get_hosts().is_empty() && !config.get_hostaddrs().is_empty() {
        return Err(refuse(
            "hostaddr without host takes sslmode=disable: a certificate is compared with a name",
        ));
    }
    Ok(mode)
}

/// The URL without the keys that are ours, and these.
fn split(url: &str) -> Result<(String, Ssl), Error> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut ssl, mut others) = (Ssl::default(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| refuse("a parameter has no value"))?;
        let (key, value) = (decoded(key)?, decoded(value)?);
        if !ssl.take(&key, &value)? && !passes(&key, &value)? {
            others.push(pair);
        }
    }
    let rest = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    Ok((rest.replace("target_session_attrs=primary", "target_session_attrs=read-write"), ssl))
}

fn decoded(text: &str) -> Result<String, Error> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| refuse("a parameter is not UTF-8"))
}

/// Whether the key can be left out, because what it says holds already.
fn passes(key: &str, value: &str) -> Result<bool, Error> {
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == key) {
        return Err(refuse(&format!("{key} is not supported: {why}")));
    }
    match (key, value) {
        ("gssencmode", "disable") => Ok(true),
        ("gssencmode", _) => Err(refuse("gssencmode takes disable: Kerberos is not spoken")),
        ("target_session_attrs", "standby" | "prefer-standby" | "read-only") => {
            Err(refuse("target_session_attrs takes primary, read-write or any: ficha writes"))
        }
        _ => Ok(false),
    }
}

impl Ssl {
    /// Whether the key is one of ours.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, Error> {
        match key {
            "sslmode" => self.mode = Some(Mode::parse(value)?),
            "sslrootcert" if value == "system" => {
                return Err(refuse(
                    "sslrootcert=system is not supported: name the file of the system's certificates",
                ));
            }
            "sslrootcert" => self.root = Some(value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "ssl_min_protocol_version" => match value {
                "TLSv1.3" => self.only_tls13 = true,
                "TLSv1.2" => self.only_tls13 = false,
                _ => return Err(refuse("ssl_min_protocol_version takes TLSv1.2 or TLSv1.3")),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Mode {
    fn parse(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(refuse(
                    "sslmode takes disable, allow, prefer, require, verify-ca or verify-full",
                ));
            }
        })
    }
}

fn refuse(why: &str) -> Error {
    Error::Url(why.to_owned())
}

/// Hosts and database: neither a user nor a password belongs in a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (config, ports) = (&self.config, self.config.get_ports());
        let named = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let numbered = config.get_hostaddrs().iter().map(ToString::to_string);
        let hosts: Vec<String> =
            if config.get_hosts().is_empty() { numbered.collect() } else { named.collect() };
        // One port may be that of all hosts.
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let hosts: Vec<_> =
            hosts.iter().enumerate().map(|(at, host)| format!("{host}:{}", port(at))).collect();
        write!(f, "postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or("?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Settings::parse(url).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_mode_is_libpqs_and_prefer_where_none_is_named() {
        for (text, mode) in [
            ("", Mode::Prefer),
            ("?sslmode=disable", Mode::Disable),
            ("?sslmode=allow", Mode::Allow),
            ("?application_name=x&sslmode=require", Mode::Require),
        ] {
            assert_eq!(Settings::parse(&format!("postgres://h/d{text}")).unwrap().mode, mode, "{text}");
        }
        assert_eq!(
            Settings::parse("postgresql://%2Frun%2Fpg/d?sslmode=require").unwrap().mode,
            Mode::Disable
        );
    }

    #[test]
    fn what_would_be_lost_is_refused_by_name() {
        for (query, named) in [
            ("sslcrl=x", "sslcrl"),
            ("sslpassword=x", "sslpassword"),
            ("gssencmode=require", "gssencmode"),
            ("target_session_attrs=standby", "ficha writes"),
            ("sslmode=full", "sslmode takes"),
            ("sslrootcert=system", "system"),
            ("sslmode=verify-full&sslrootcert=/nowhere", "/nowhere"),
            ("sslmode=require&sslcert=/nowhere", "sslkey"),
            ("colour=red", "colour"),
            ("lonely", "no value"),
        ] {
            let told = refused(&format!("postgres://h/d?{query}"));
            assert!(told.contains(named), "{query}: {told}");
        }
        assert!(refused("mysql://h/d").contains("postgres://"));
        assert!(refused("postgres:///d?hostaddr=127.0.0.1").contains("hostaddr"));
    }

    #[test]
    fn several_hosts_mean_the_one_that_writes() {
        let attributes = |url| Settings::parse(url).unwrap().config.get_target_session_attrs();
        assert_eq!(attributes("postgres://a,b/d"), TargetSessionAttrs::ReadWrite);
        assert_eq!(attributes("postgres://a/d?target_session_attrs=primary"), TargetSessionAttrs::ReadWrite);
        assert_eq!(attributes("postgres://a/d"), TargetSessionAttrs::Any);
    }

    #[test]
    fn debug_shows_neither_user_nor_password() {
        let text = |url| format!("{:?}", Settings::parse(url).unwrap());
        assert_eq!(text("postgres://ana:secret@host/ficha"), "postgres://host:5432/ficha");
        assert_eq!(text("postgres://ana:secret@one:1,two:2/ficha"), "postgres://one:1,two:2/ficha");
        assert_eq!(text("postgres:///d?hostaddr=10.0.0.1&port=7&sslmode=disable"), "postgres://10.0.0.1:7/d");
    }
}
