//! Who asks, and whether he may: as the type of an argument.

use crate::{Rate, Refused, RequestId, Shell, extract::once, layer::Notes};
use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use ficha_contract::{Caller, ErrorCode, Problem, TokenRefused};
use ficha_domain::Scope;
use std::{marker::PhantomData, sync::Arc};

/// A scope as a type.
pub trait RequiredScope: Send + Sync + 'static {
    /// Which.
    const SCOPE: Scope;
}

/// The scopes as types, for [`Access`] and [`crate::Reader`].
pub mod scope {
    use super::{RequiredScope, Scope};

    macro_rules! scopes {
        ($($name:ident),*) => {$(
            #[doc = concat!("[`Scope::", stringify!($name), "`] as a type.")]
            #[derive(Debug)]
            pub struct $name;
            impl RequiredScope for $name {
                const SCOPE: Scope = Scope::$name;
            }
        )*};
    }
    scopes!(
        DebtsRead,
        DebtsWrite,
        ScoreRead,
        ScoreWrite,
        EventsRead,
        EventsWrite,
        DossierRead,
        AuditRead,
        Admin
    );
}

/// A caller whose token is good and has scope `S`, within its rate limit.
pub struct Access<S> {
    /// Who.
    pub caller: Arc<Caller>,
    /// Id of the request, and of the consultation if it becomes one.
    pub request_id: RequestId,
    scope: PhantomData<S>,
}

impl<S: RequiredScope, State: Send + Sync> FromRequestParts<State> for Access<S>
where
    Shell: FromRef<State>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refused> {
        let shell = Shell::from_ref(state);
        let caller = shell.inner.verifier.verify(bearer(parts)?).await.map_err(refused)?;
        let notes = parts.extensions.get::<Arc<Notes>>().cloned().unwrap_or_default();
        notes.note_caller(&caller);
        let rate = shell.inner.rates.count(&caller).map_err(|(rate, problem)| {
            notes.note_rate(Some(rate));
            problem
        })?;
        notes.note_rate::<Option<Rate>>(rate);
        if !caller.scopes.contains(S::SCOPE) {
            let scope = S::SCOPE.as_str();
            return Err(Refused::scope(
                Problem::new(ErrorCode::InsufficientScope).detail(scope_detail(scope)),
                scope,
            ));
        }
        Ok(Self { caller, request_id: notes.request_id, scope: PhantomData })
    }
}

fn scope_detail(scope: &str) -> String {
    format!("This needs the scope {scope}.")
}

/// RFC 6750, 2.1; the scheme in any case (RFC 9110, 11.1). Tokens in a query are not taken (RFC 9700, 4.3.2).
fn bearer(parts: &Parts) -> Result<&str, Problem> {
    let header = once(&parts.headers, "Authorization")?.ok_or(ErrorCode::MissingToken)?;
    let text = header.to_str().map_err(|_| ErrorCode::InvalidToken)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => {
            Err(Problem::new(ErrorCode::MissingToken)
                .detail("The scheme is `Authorization: Bearer <token>`."))
        }
    }
}

fn refused(why: TokenRefused) -> Problem {
    let code = match why {
        TokenRefused::Unknowable => ErrorCode::BaseUnavailable,
        _ => ErrorCode::InvalidToken,
    };
    Problem::new(code).detail(why.to_string())
}
