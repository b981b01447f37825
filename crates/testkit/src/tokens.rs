//! Callers by their words.

use async_trait::async_trait;
use ficha_contract::{Caller, RateLimit, TokenRefused, TokenVerifier};
use jiff::Timestamp;
use std::sync::Arc;

/// Takes tokens that say themselves who calls: `shop debts:read,debts:write purpose=credit_granting rate=2`.
///
/// Client and scopes come first, scopes separated by commas (`-` for none); `purpose` is the client's registered one,
/// `rate` its requests a minute or `none`; both may be left out. `expired` and `revoked` are refused as such,
/// anything else as invalid.
pub struct ScopeTokens;

impl ScopeTokens {
    /// The words as a bearer token: one word of characters that a header may carry (RFC 6750, 2.1).
    #[must_use]
    pub fn token(words: &str) -> String {
        words.replace(' ', "~").replace(':', ".").replace(',', "+").replace('=', "/")
    }

    fn read(token: &str) -> Option<Caller> {
        let words = token.replace('~', " ").replace('.', ":").replace('+', ",").replace('/', "=");
        let mut words = words.split(' ');
        let client: Arc<str> = words.next()?.into();
        let scopes = words.next()?.trim_start_matches('-').replace(',', " ").parse().ok()?;
        let mut caller = Caller {
            subject: client.clone(),
            client,
            scopes,
            default_purpose: None,
            rate_limit: RateLimit::Default,
            expires_at: Timestamp::MAX,
        };
        for word in words {
            match word.split_once('=')? {
                ("purpose", purpose) => caller.default_purpose = Some(purpose.parse().ok()?),
                ("rate", "none") => caller.rate_limit = RateLimit::Unlimited,
                ("rate", rate) => caller.rate_limit = RateLimit::PerMinute(rate.parse().ok()?),
                _ => return None,
            }
        }
        Some(caller)
    }
}

#[async_trait]
impl TokenVerifier for ScopeTokens {
    async fn verify(&self, token: &str) -> Result<Arc<Caller>, TokenRefused> {
        match token {
            "expired" => Err(TokenRefused::Expired),
            "revoked" => Err(TokenRefused::Revoked),
            _ => Self::read(token).map(Arc::new).ok_or(TokenRefused::Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ficha_domain::Purpose;

    fn read(words: &str) -> Option<Caller> {
        ScopeTokens::read(&ScopeTokens::token(words))
    }

    #[test]
    fn a_token_says_who_calls() {
        let caller = read("shop debts:read,debts:write purpose=credit_granting rate=2").unwrap();
        assert_eq!((&*caller.client, &*caller.subject), ("shop", "shop"));
        assert_eq!(caller.scopes.to_string(), "debts:read debts:write");
        assert_eq!(caller.default_purpose, Some(Purpose::CreditGranting));
        assert_eq!(caller.rate_limit, RateLimit::PerMinute(2));
        assert_eq!(read("shop - rate=none").unwrap().rate_limit, RateLimit::Unlimited);
        assert!(read("shop -").unwrap().scopes.is_empty());
    }

    #[test]
    fn anything_else_is_none() {
        for words in ["", "shop", "shop sudo", "shop admin purpose=fun", "shop admin rate=x", "shop admin x"]
        {
            assert_eq!(read(words), None, "{words}");
        }
    }
}
