//! A base in another process.

use crate::{
    Peer,
    call::{AboutPerson, Behalf, Said},
    peer::Failed,
};
use async_trait::async_trait;
use ficha_contract::{Ask, Base, Found, Unavailable, UnavailableReason};
use serde::de::IgnoredAny;

/// A base in another process: to the dossier it is like one in this.
pub struct RemoteBase(Peer);

impl RemoteBase {
    /// The base that is served there.
    #[must_use]
    pub fn new(peer: Peer) -> Self {
        Self(peer)
    }
}

#[async_trait]
impl Base for RemoteBase {
    async fn section(&self, ask: &Ask) -> Result<Found, Unavailable> {
        let about = AboutPerson { cpf: ask.cpf.to_string(), now: ask.now };
        let body = serde_json::to_vec(&about).map_err(|_| Unavailable(UnavailableReason::Failed))?;
        let behalf = Behalf {
            consultation: ask.consultation,
            client: ask.client.clone(),
            purpose: ask.purpose,
            scopes: ask.scopes.to_string(),
        };
        match self.0.ask(Some(behalf), body.into(), ask.within).await {
            // What comes from elsewhere is put into the dossier as it is: one base must not write another's section.
            Ok((Said::Person { .. }, body)) if serde_json::from_slice::<IgnoredAny>(&body).is_err() => {
                Err(self.missing(Failed::Nonsense))
            }
            Ok((Said::Person { as_of, updated_at, source }, body)) => {
                Ok(Found::Person { body, as_of, updated_at, source })
            }
            Ok((Said::Nobody { as_of, source }, _)) => Ok(Found::Nobody { as_of, source }),
            Ok((Said::Unavailable { reason }, _)) => Err(Unavailable(reason)),
            Ok((Said::Issuer, _)) => Err(self.missing(Failed::Nonsense)),
            Err(failed) => Err(self.missing(failed)),
        }
    }
}

impl RemoteBase {
    fn missing(&self, failed: Failed) -> Unavailable {
        let base = self.0.role;
        match failed {
            Failed::Refused(_) | Failed::Nonsense => {
                tracing::warn!(base, why = %failed, "another process gives no section");
            }
            Failed::Away | Failed::Broken | Failed::Slow => {
                tracing::debug!(base, why = %failed, "another process gives no section");
            }
        }
        Unavailable(match failed {
            Failed::Slow => UnavailableReason::Timeout,
            Failed::Nonsense => UnavailableReason::Nonsense,
            Failed::Away | Failed::Broken | Failed::Refused(_) => UnavailableReason::Unreachable,
        })
    }
}

#[cfg(test)]
mod tests;
