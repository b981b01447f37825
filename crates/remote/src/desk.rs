//! Where calls of other processes come in.

use crate::{
    PeerKey, PublicKey,
    call::{ANSWER_HEADER, AboutIssuer, AboutPerson, Answer, CALL_HEADER, Call, Said},
    note::{self, Hash},
    seen::Seen,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use ficha_contract::{
    Ask, Base, BaseName, ErrorCode, Found, Issuer, Problem, PublishedKey, Revocation, Unavailable,
    UnavailableReason,
};
use ficha_domain::{Cpf, CpfValidation, Scope, ScopeSet, World};
use ficha_http::Refused;
use futures_util::FutureExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{panic::AssertUnwindSafe, sync::Arc};
use tokio::time::timeout;

/// Questions are short.
const BODY_MAX: usize = 4096;
/// Revocations that are told at once.
pub(crate) const PAGE: usize = 4096;

/// Who may ask what of a role of this process.
pub struct Desk {
    role: &'static str,
    me: Arc<PeerKey>,
    /// The keys of those who may ask.
    askers: Vec<PublicKey>,
    world: World,
    seen: Seen,
    /// What was called before is not taken: whether it was taken already, nobody remembers.
    opened: Timestamp,
}

/// What verifiers are told of the issuer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) keys: Vec<PublishedKey>,
    pub(crate) revocations: Vec<Revocation>,
}

impl Desk {
    /// A desk of this role, for those who hold one of these keys.
    #[must_use]
    pub fn new(role: &'static str, me: Arc<PeerKey>, askers: Vec<PublicKey>, world: World) -> Self {
        let opened = world.now();
        Self { role, me, askers, world, seen: Seen::default(), opened }
    }

    /// Serves a base to dossiers in other processes.
    pub fn base(self, name: BaseName, base: Arc<dyn Base>) -> Router {
        let served = Arc::new(Served { desk: self, name, base });
        Router::new()
            .route(&path(name.as_str()), post(section))
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(served)
    }

    /// Serves keys and revocations to verifiers in other processes.
    pub fn issuer(self, issuer: Arc<dyn Issuer>) -> Router {
        Router::new()
            .route(&path(self.role), post(tell))
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(Arc::new((self, issuer)))
    }

    /// The call, if it is one of ours, meant for us, alive, whole, and not taken before.
    fn take(&self, headers: &HeaderMap, body: &[u8]) -> Result<Call, Problem> {
        let refused = |why: &'static str| Problem::new(ErrorCode::InvalidToken).detail(why);
        let note = headers.get(CALL_HEADER).and_then(|note| note.to_str().ok());
        let note = note.ok_or_else(|| refused("a call without its note"))?;
        let call: Call = note::read(note, note::CALL, &self.askers).map_err(|unread| {
            tracing::warn!(role = self.role, %unread, "another process is refused");
            Problem::new(ErrorCode::InvalidToken).detail(unread.to_string())
        })?;
        let now = self.world.now();
        if call.to != self.role {
            return Err(refused("a call to another role"));
        }
        if !call.is_alive(now) || call.at < self.opened {
            return Err(refused("a call of another time; compare the clocks"));
        }
        if call.body != Hash::of(body) {
            return Err(refused("a call with another body"));
        }
        if !self.seen.take(call.id, call.until, now) {
            return Err(refused("a call that was taken before"));
        }
        Ok(call)
    }

    /// The signed answer.
    fn answer(&self, call: &Call, said: Said, body: Bytes) -> Result<Response, Problem> {
        let status = match said {
            Said::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        let answer = Answer { id: call.id, body: Hash::of(&body), said };
        let note = note::write(&self.me, note::ANSWER, &answer).map_err(Problem::internal)?;
        let note = HeaderValue::try_from(note).map_err(Problem::internal)?;
        let json = HeaderValue::from_static("application/json");
        Ok((status, [(header::CONTENT_TYPE, json)], [(ANSWER_HEADER, note)], body).into_response())
    }
}

/// The path of a role's desk.
pub(crate) fn path(role: &str) -> String {
    format!("/peer/{role}")
}

struct Served {
    desk: Desk,
    name: BaseName,
    base: Arc<dyn Base>,
}

async fn section(
    State(served): State<Arc<Served>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let Served { desk, name, base } = &*served;
    let call = desk.take(&headers, &body)?;
    let ask = asked(&call, &body, *name)?;
    // A panic is this section's, as it is in one process; who waits no longer is worked for no longer.
    let found = AssertUnwindSafe(async { base.section(&ask).await }).catch_unwind();
    let found = match timeout(ask.within, found).await {
        Ok(Ok(found)) => found,
        Ok(Err(_panic)) => Err(Unavailable(UnavailableReason::Failed)),
        Err(_elapsed) => Err(Unavailable(UnavailableReason::Timeout)),
    };
    let (said, body) = match found {
        Ok(Found::Person { body, as_of, updated_at, source }) => {
            (Said::Person { as_of, updated_at, source }, body)
        }
        Ok(Found::Nobody { as_of, source }) => (Said::Nobody { as_of, source }, Bytes::new()),
        Err(Unavailable(reason)) => (Said::Unavailable { reason }, Bytes::new()),
    };
    Ok(desk.answer(&call, said, body)?)
}

/// The question in a call. The client's own right to the base is looked at here too: a dossier that was talked into
/// something gets no further than its caller would.
fn asked(call: &Call, body: &[u8], base: BaseName) -> Result<Ask, Problem> {
    let unreadable = || Problem::new(ErrorCode::MalformedRequest);
    let behalf = call.behalf.as_ref().ok_or_else(unreadable)?;
    let about: AboutPerson = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let scopes: ScopeSet = behalf.scopes.parse().map_err(|_| unreadable())?;
    if !scopes.contains(read_scope(base)) {
        return Err(ErrorCode::InsufficientScope.into());
    }
    Ok(Ask {
        cpf: Cpf::parse(&about.cpf, CpfValidation::Format).map_err(|_| unreadable())?,
        purpose: behalf.purpose,
        now: about.now,
        consultation: behalf.consultation,
        client: behalf.client.clone(),
        scopes,
        within: call.within(),
    })
}

fn read_scope(base: BaseName) -> Scope {
    match base {
        BaseName::Debts => Scope::DebtsRead,
        BaseName::Score => Scope::ScoreRead,
        BaseName::Events => Scope::EventsRead,
    }
}

async fn tell(
    State(served): State<Arc<(Desk, Arc<dyn Issuer>)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let (desk, issuer) = &*served;
    let call = desk.take(&headers, &body)?;
    let unreadable = |_| Problem::new(ErrorCode::MalformedRequest);
    let AboutIssuer { after } = serde_json::from_slice(&body).map_err(unreadable)?;
    let keys = issuer.published().await.map_err(Problem::from)?;
    let revocations = issuer.revocations(after, PAGE).await.map_err(Problem::from)?;
    let told = serde_json::to_vec(&Told { keys, revocations }).map_err(Problem::internal)?;
    Ok(desk.answer(&call, Said::Issuer, told.into())?)
}

#[cfg(test)]
mod tests;
