//! Where a server is, and by what it is believed.

use crate::Error;
use reqwest::{Certificate, Url};
use std::{fmt, time::Duration};

const CONNECT: Duration = Duration::from_secs(1);
/// How long a connection is kept although nobody uses it.
const IDLE: Duration = Duration::from_secs(30);

/// Where a server is, and how it is reached.
#[derive(Clone)]
pub struct Settings {
    pub(crate) origin: Url,
    /// The authorities that its certificate has to come from; none: those of the system.
    authorities: Vec<Certificate>,
}

impl Settings {
    /// Reads a URL: `https://user:password@host:9200`.
    ///
    /// # Errors
    /// [`Error::Settings`] says what it takes.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let origin = Url::parse(url).ok().filter(|url| {
            let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            is_origin && ["http", "https"].contains(&url.scheme()) && url.has_host()
        });
        let origin = origin.ok_or_else(|| {
            let takes = "takes https://user:password@host:9200, or http://, and nothing behind the port; in user \
                and password write : / ? # [ ] @ % as %3A, %2F, …";
            Error::Settings(takes.to_owned())
        })?;
        Ok(Self { origin, authorities: Vec::new() })
    }

    /// With the authorities of this file (PEM), and no others.
    ///
    /// # Errors
    /// [`Error::Settings`]: there is none in it, or the URL is not one of https.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, Error> {
        if self.origin.scheme() != "https" {
            return Err(Error::Settings("an authority is for a URL that begins with https://".to_owned()));
        }
        self.authorities = Certificate::from_pem_bundle(pem).unwrap_or_default();
        match self.authorities.is_empty() {
            true => Err(Error::Settings("there is no certificate in the file of authorities".to_owned())),
            false => Ok(self),
        }
    }

    pub(crate) fn client(&self) -> Result<reqwest::Client, Error> {
        let builder = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT).pool_idle_timeout(IDLE);
        let builder = match self.authorities.is_empty() {
            true => builder,
            false => builder.tls_certs_only(self.authorities.iter().cloned()),
        };
        builder.build().map_err(|error| Error::Settings(error.without_url().to_string()))
    }
}

/// Scheme and host: neither a user nor a password belongs in a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.origin.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}://{}{port}", self.origin.scheme(), self.origin.host_str().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_an_origin_and_neither_shown_nor_quoted() {
        let settings = Settings::parse("https://ana:se%40cret@search:9200").unwrap();
        assert_eq!(format!("{settings:?}"), "https://search:9200");
        assert_eq!(format!("{:?}", Settings::parse("http://search").unwrap()), "http://search");
        for url in
            ["", "search:9200", "ftp://search", "https://ana:se/cret@search", "http://h/path", "http://h?x=y"]
        {
            let told = Settings::parse(url).unwrap_err().to_string();
            assert!(told.starts_with("takes https://user:password@") && !told.contains("cret@"), "{told}");
        }
    }

    #[test]
    fn authorities_are_certificates_and_for_https() {
        let https = || Settings::parse("https://h").unwrap();
        assert!(https().trusting(b"no certificate").unwrap_err().to_string().contains("no certificate"));
        let dir = tempfile::tempdir().unwrap();
        let pem = std::fs::read(ficha_testkit::Authority::default().write(dir.path(), "ca")).unwrap();
        https().trusting(&pem).unwrap().client().unwrap();
        assert!(Settings::parse("http://h").unwrap().trusting(&pem).is_err());
    }
}
