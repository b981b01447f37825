//! Reading about a person: recorded before the first byte leaves.

use crate::{Access, Refused, RequiredScope, Shell, extract::once};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::{FromRef, FromRequestParts, MatchedPath},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use ficha_contract::{
    Ask, BaseName, Caller, Consultation, ErrorCode, Problem, RecordRefused, Reply, SectionStatus, Seen,
};
use ficha_domain::{Cpf, Purpose, Scope};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// A caller with scope `S` and a purpose: the only way by which bytes about a person leave.
pub struct Reader<S> {
    /// The caller, and the id under which this is recorded.
    pub access: Access<S>,
    /// Why.
    pub purpose: Purpose,
    /// When it was asked.
    pub at: Timestamp,
    shell: Shell,
    operation: Arc<str>,
}

/// A caller with scope `S` whose purpose may still come in the body.
pub struct Asker<S> {
    /// The caller.
    pub access: Access<S>,
    named: Option<Purpose>,
    shell: Shell,
    operation: Arc<str>,
}

/// What a base's route answers about somebody who is known.
#[derive(Clone, Debug)]
pub struct Answer {
    /// JSON.
    pub body: Bytes,
    /// Entity tag, quotes included, of what can be written.
    pub etag: Option<String>,
}

impl<S: RequiredScope, State: Send + Sync> FromRequestParts<State> for Asker<S>
where
    Shell: FromRef<State>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refused> {
        let access = Access::from_request_parts(parts, state).await?;
        let named = header_purpose(&parts.headers)?;
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let operation = format!("{} {route}", parts.method).into();
        Ok(Self { access, named, shell: Shell::from_ref(state), operation })
    }
}

impl<S: RequiredScope, State: Send + Sync> FromRequestParts<State> for Reader<S>
where
    Shell: FromRef<State>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refused> {
        Ok(Asker::from_request_parts(parts, state).await?.reads_for(None)?)
    }
}

fn header_purpose(headers: &HeaderMap) -> Result<Option<Purpose>, Problem> {
    let Some(value) = once(headers, "Ficha-Purpose")? else { return Ok(None) };
    let purpose = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    purpose.map(Some).ok_or_else(|| Problem::field("Ficha-Purpose", one_of_purposes()))
}

fn one_of_purposes() -> String {
    format!("takes one of {}", Purpose::ALL.map(Purpose::as_str).join(", "))
}

impl<S> Asker<S> {
    /// Reads what it did not write, if this caller may also read the base for a purpose of its own.
    #[must_use]
    pub fn may_read(self, base: Scope) -> Option<Reader<S>> {
        let has_scope = self.access.caller.scopes.contains(base);
        self.reads_for(None).ok().filter(|_| has_scope)
    }

    /// Reads for the purpose in the body, else in the header, else the client's own.
    ///
    /// # Errors
    /// `missing_purpose` when there is none; `insufficient_scope` for one of which others are not told, unless the client
    /// was registered for it or may see the record: else anybody could look without being seen.
    pub fn reads_for(self, in_body: Option<Purpose>) -> Result<Reader<S>, Problem> {
        let Caller { default_purpose, scopes, .. } = &*self.access.caller;
        let purpose = in_body.or(self.named).or(*default_purpose).ok_or(ErrorCode::MissingPurpose)?;
        if !purpose.counts() && *default_purpose != Some(purpose) && !scopes.contains(Scope::AuditRead) {
            let detail = "This purpose needs the scope audit:read, or a client registered for it.";
            return Err(Problem::new(ErrorCode::InsufficientScope).detail(detail));
        }
        let at = self.shell.world().now();
        Ok(Reader { access: self.access, purpose, at, shell: self.shell, operation: self.operation })
    }
}

impl<S> Reader<S> {
    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.access.caller
    }

    /// The question to a base, whose answer is waited for so long.
    #[must_use]
    pub fn ask(&self, cpf: Cpf, within: Duration) -> Ask {
        let Caller { client, scopes, .. } = self.caller();
        let consultation = self.access.request_id.0;
        Ask {
            cpf,
            purpose: self.purpose,
            now: self.at,
            consultation,
            client: client.clone(),
            scopes: *scopes,
            within,
        }
    }

    /// One base's answer about a person; `None`, which is recorded too, when nobody of that CPF is known.
    ///
    /// # Errors
    /// `not_found`; `record_unavailable` when the consultation could not be made durable.
    pub async fn answer(self, cpf: Cpf, base: BaseName, answer: Option<Answer>) -> Result<Response, Refused> {
        let Some(answer) = answer else {
            let seen = Seen::one(base, SectionStatus::NotFound);
            return Err(self.nobody(cpf, seen).await);
        };
        let mut response =
            self.disclose(cpf, Seen::one(base, SectionStatus::Fresh), StatusCode::OK, answer.body).await?;
        put_etag(response.headers_mut(), answer.etag.as_deref());
        Ok(response)
    }

    /// Records that somebody asked and found nobody.
    pub async fn nobody(self, cpf: Cpf, seen: Seen) -> Refused {
        self.refuse(cpf, seen, ErrorCode::NotFound.into()).await
    }

    /// Records that somebody asked and was refused for a reason that tells of the person.
    pub async fn refuse(self, cpf: Cpf, seen: Seen, problem: Problem) -> Refused {
        let record = self.consultation(cpf, seen, problem.code.status(), sha256(b""));
        match self.record(vec![record]).await {
            Ok(()) => problem.into(),
            Err(refused) => refused.into(),
        }
    }

    /// One base's array, as the seed's lists are: everybody in it is consulted, and so is nobody, where a CPF is named.
    ///
    /// # Errors
    /// As [`Reader::disclose`].
    pub async fn answer_list(
        self,
        base: BaseName,
        asked: Option<Cpf>,
        people: Vec<Cpf>,
        body: Bytes,
    ) -> Result<Response, Refused> {
        let status = if people.is_empty() { SectionStatus::NotFound } else { SectionStatus::Fresh };
        let people = if people.is_empty() { asked.into_iter().collect() } else { people };
        let seen = Seen::one(base, status);
        self.disclose_each(people.into_iter().map(|cpf| (cpf, seen)).collect(), body).await
    }

    /// The answer of a write that shows more of somebody than was sent: recorded as a glance, since whoever feeds a
    /// base consults nobody.
    ///
    /// # Errors
    /// As [`Reader::disclose`]; what was written stays.
    pub async fn answer_written(self, base: BaseName, cpf: Cpf, reply: Reply) -> Result<Response, Refused> {
        let seen = Seen::one(base, SectionStatus::Fresh);
        let mut response = self.disclose_list(vec![(cpf, seen)], reply.body.into()).await?;
        *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
        put_etag(response.headers_mut(), reply.etag.as_deref());
        Ok(response)
    }

    /// Records the consultation, then answers with this JSON.
    ///
    /// # Errors
    /// `record_unavailable` when the consultation could not be made durable.
    pub async fn disclose(
        self,
        cpf: Cpf,
        seen: Seen,
        status: StatusCode,
        body: Bytes,
    ) -> Result<Response, Refused> {
        let record = self.consultation(cpf, seen, status.as_u16(), sha256(&body));
        self.record(vec![record]).await?;
        Ok((status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
            .into_response())
    }

    /// Records a consultation of each of many people, then answers with this JSON.
    ///
    /// # Errors
    /// `record_unavailable` when the consultations could not be made durable.
    pub async fn disclose_each(self, people: Vec<(Cpf, Seen)>, body: Bytes) -> Result<Response, Refused> {
        let counts = self.purpose.counts();
        self.disclose_many(people, counts, body).await
    }

    /// Records a glance at each of many people, then answers with this JSON. A glance is not a consultation that
    /// others are told of.
    ///
    /// # Errors
    /// `record_unavailable` when the record could not be made durable.
    pub async fn disclose_list(self, people: Vec<(Cpf, Seen)>, body: Bytes) -> Result<Response, Refused> {
        self.disclose_many(people, false, body).await
    }

    async fn disclose_many(
        self,
        people: Vec<(Cpf, Seen)>,
        counts: bool,
        body: Bytes,
    ) -> Result<Response, Refused> {
        let answer = sha256(&body);
        let record = |(cpf, seen)| {
            let id = self.shell.world().new_id();
            Consultation { id, counts, ..self.consultation(cpf, seen, 200, answer) }
        };
        let records = people.into_iter().map(record).collect();
        self.record(records).await?;
        Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
    }

    fn consultation(&self, cpf: Cpf, seen: Seen, status: u16, answer_sha256: [u8; 32]) -> Consultation {
        Consultation {
            id: self.access.request_id.0,
            at: self.at,
            cpf,
            client: self.access.caller.client.clone(),
            subject: self.access.caller.subject.clone(),
            purpose: self.purpose,
            operation: self.operation.clone(),
            status,
            seen,
            answer_sha256,
            counts: self.purpose.counts(),
        }
    }

    async fn record(&self, records: Vec<Consultation>) -> Result<(), Problem> {
        if records.is_empty() {
            return Ok(());
        }
        self.shell.evidence().record(records).await.map_err(|refused| {
            let mut problem = Problem::new(ErrorCode::RecordUnavailable).caused_by(refused);
            problem.retry_after_s = Some(if refused == RecordRefused::Full { 5 } else { 60 });
            problem
        })
    }
}

fn sha256(body: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, body).as_ref());
    sum
}

fn put_etag(headers: &mut HeaderMap, etag: Option<&str>) {
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
}

/// The answer of a write.
#[must_use]
pub fn reply(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = if reply.body.is_empty() {
        status.into_response()
    } else {
        (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], reply.body)
            .into_response()
    };
    put_etag(response.headers_mut(), reply.etag.as_deref());
    response
}
