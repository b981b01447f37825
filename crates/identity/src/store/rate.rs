//! Rate limits as numbers, in every engine's column: NULL as configured, -1 without a limit.

use ficha_contract::RateLimit;

const UNLIMITED: i64 = -1;

pub(super) fn to_sql(rate: RateLimit) -> Option<i64> {
    match rate {
        RateLimit::Default => None,
        RateLimit::Unlimited => Some(UNLIMITED),
        RateLimit::PerMinute(requests) => Some(requests.into()),
    }
}

pub(super) fn from_sql(rate: Option<i64>) -> RateLimit {
    match rate {
        None => RateLimit::Default,
        Some(UNLIMITED) => RateLimit::Unlimited,
        // Out of range only when another hand wrote it: then as little as can be.
        Some(requests) => RateLimit::PerMinute(u32::try_from(requests).unwrap_or_default()),
    }
}
