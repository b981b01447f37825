//! Why OpenSearch did not do it.

/// What is printed holds no values of documents: the server's own messages quote them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// Nobody answers there, or the way there is broken.
    #[error("opensearch: {0}")]
    Away(String),
    /// It took too long.
    #[error("opensearch: no answer in time")]
    Late,
    /// The server was away or hung a moment ago; it is asked again soon.
    #[error("opensearch: the server does not answer")]
    Down,
    /// There is no such index.
    #[error("opensearch: the index is not there")]
    Missing,
    /// The server says no: with which status, and for what kind of reason.
    #[error("opensearch: {status} {kind}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// The server's word for it.
        kind: String,
    },
    /// It answered what is no answer to this.
    #[error("opensearch: an answer cannot be read: {0}")]
    Unreadable(&'static str),
}

impl Error {
    /// Whether nobody answered, so that the next one need not ask.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Late)
    }
}

/// Without the address, which others see who read logs.
impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        match error.is_timeout() {
            true => Self::Late,
            false => Self::Away(error.without_url().to_string()),
        }
    }
}
