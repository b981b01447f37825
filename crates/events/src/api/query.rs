//! The filters of `GET /evento/movtofinanceiro/{cpf}`.

use crate::{Position, Selection, Zone};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ficha_contract::{
    Problem,
    wire::{MovementKind, PaymentType},
};
use ficha_domain::{Money, ObjectId, parse_instant};
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use utoipa::{
    IntoParams,
    openapi::{ObjectBuilder, schema},
};

/// What may stand after `?`.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MovementQuery {
    /// Not before: an instant (RFC 3339), or a day, which begins at midnight of the base's zone.
    #[param(schema_with = moment, required = false)]
    from: Option<Moment>,
    /// Before this instant (RFC 3339), or not after this day, which ends at midnight of the base's zone.
    #[param(schema_with = moment, required = false)]
    to: Option<Moment>,
    /// `Credit` or `Debit`; empty for old rows that do not say.
    #[param(value_type = Option<String>, pattern = "^(Credit|Debit)?$", example = "Debit")]
    #[serde(rename = "type")]
    kind: Option<MovementKind>,
    /// `CreditCard`, `DebitCard`, `PaymentSlip` or `Money`; empty for old rows that do not say.
    #[param(value_type = Option<String>, pattern = "^(CreditCard|DebitCard|PaymentSlip|Money)?$", example = "CreditCard")]
    payment_type: Option<PaymentType>,
    /// This amount in reais or more.
    #[param(value_type = Option<String>, pattern = r"^-?\d{1,12}(\.\d{1,2})?$", example = "10.00")]
    min: Option<Money>,
    /// This amount in reais or less.
    #[param(value_type = Option<String>, pattern = r"^-?\d{1,12}(\.\d{1,2})?$", example = "1000.00")]
    max: Option<Money>,
    /// Text: every word must occur in the description; case and accents do not matter. At most 200 characters.
    #[param(value_type = Option<String>, max_length = 200, pattern = r"[\p{L}\p{N}]", example = "farmacia")]
    q: Option<Words>,
    /// Movements on a page: 1 to 100, 20 when left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Option<Limit>,
    /// `next` of the page before, with the same filters.
    #[param(value_type = Option<String>, pattern = "^[0-9A-Za-z_-]{27}$")]
    after: Option<Cursor>,
}

/// What may stand after `?` where nothing is listed: the same, without pages.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TotalsQuery {
    /// Not before: an instant (RFC 3339), or a day, which begins at midnight of the base's zone.
    #[param(schema_with = moment, required = false)]
    from: Option<Moment>,
    /// Before this instant (RFC 3339), or not after this day, which ends at midnight of the base's zone.
    #[param(schema_with = moment, required = false)]
    to: Option<Moment>,
    /// `Credit` or `Debit`; empty for old rows that do not say.
    #[param(value_type = Option<String>, pattern = "^(Credit|Debit)?$", example = "Debit")]
    #[serde(rename = "type")]
    kind: Option<MovementKind>,
    /// `CreditCard`, `DebitCard`, `PaymentSlip` or `Money`; empty for old rows that do not say.
    #[param(value_type = Option<String>, pattern = "^(CreditCard|DebitCard|PaymentSlip|Money)?$", example = "CreditCard")]
    payment_type: Option<PaymentType>,
    /// This amount in reais or more.
    #[param(value_type = Option<String>, pattern = r"^-?\d{1,12}(\.\d{1,2})?$", example = "10.00")]
    min: Option<Money>,
    /// This amount in reais or less.
    #[param(value_type = Option<String>, pattern = r"^-?\d{1,12}(\.\d{1,2})?$", example = "1000.00")]
    max: Option<Money>,
    /// Text: every word must occur in the description; case and accents do not matter. At most 200 characters.
    #[param(value_type = Option<String>, max_length = 200, pattern = r"[\p{L}\p{N}]", example = "farmacia")]
    q: Option<Words>,
}

impl From<TotalsQuery> for MovementQuery {
    fn from(TotalsQuery { from, to, kind, payment_type, min, max, q }: TotalsQuery) -> Self {
        Self { from, to, kind, payment_type, min, max, q, limit: None, after: None }
    }
}

/// A day or an instant.
fn moment() -> schema::Schema {
    let form = |format| {
        ObjectBuilder::new()
            .schema_type(schema::Type::String)
            .format(Some(schema::SchemaFormat::KnownFormat(format)))
            .build()
    };
    schema::OneOfBuilder::new()
        .item(form(schema::KnownFormat::Date))
        .item(form(schema::KnownFormat::DateTime))
        .examples([serde_json::json!("2026-10-01")])
        .build()
        .into()
}

impl MovementQuery {
    /// What is selected, and how many of it at most.
    ///
    /// # Errors
    /// Filters that contradict each other.
    pub(crate) fn selection(self, zone: &Zone) -> Result<(Selection, usize), Problem> {
        let from = self.from.as_ref().map(|from| from.start(zone));
        let to = self.to.as_ref().map(|to| to.end(zone));
        // A day is never empty, so whatever begins at its end lies after it.
        let to_is_a_day = matches!(self.to, Some(Moment::Day(_)));
        if from.zip(to).is_some_and(|(from, to)| from > to || to_is_a_day && from == to) {
            return Err(Problem::field("from", "lies after `to`"));
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min > max) {
            return Err(Problem::field("min", "is more than `max`"));
        }
        let selection = Selection {
            from,
            to,
            kind: self.kind,
            payment_type: self.payment_type,
            min: self.min,
            max: self.max,
            words: self.q.map(|words| words.0).unwrap_or_default(),
            after: self.after.map(|cursor| cursor.0),
            limit: None,
        };
        Ok((selection, self.limit.unwrap_or_default().0))
    }
}

/// An instant, or a whole day of the base's zone.
#[derive(Deserialize)]
#[serde(try_from = "String")]
enum Moment {
    Instant(Timestamp),
    Day(Date),
}

impl Moment {
    fn start(&self, zone: &Zone) -> Timestamp {
        match self {
            Self::Instant(at) => *at,
            Self::Day(day) => zone.start_of(*day),
        }
    }

    fn end(&self, zone: &Zone) -> Timestamp {
        match self {
            Self::Instant(at) => *at,
            Self::Day(day) => zone.end_of(*day),
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const FORM: &str = "takes a day (2026-11-22) or an instant with its offset (2026-11-22T12:00:00-03:00, in a \
            query with `+` written as %2B)";
        // Ten characters are a day and nothing else: jiff itself would also take other forms.
        if text.len() == 10 {
            return text.parse().map(Self::Day).map_err(|_| FORM);
        }
        parse_instant(&text).map(Self::Instant).map_err(|_| FORM)
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Words(Vec<String>);

impl TryFrom<String> for Words {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = Selection::words_of(&text);
        match words.len() {
            _ if text.chars().nth(200).is_some() => Err("takes at most 200 characters"),
            0 => Err("takes words of letters or digits"),
            _ => Ok(Self(words)),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Limit(usize);

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl TryFrom<String> for Limit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let limit = text.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.map(Self).ok_or("takes a number from 1 to 100")
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Cursor(Position);

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Position::from_cursor(&text).map(Self).ok_or("takes `next` of the page before, as it came")
    }
}

impl Position {
    /// As clients carry it from page to page: base64url of 8 bytes of the millisecond and 12 of the id.
    pub(crate) fn to_cursor(self) -> String {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.date.as_millisecond().to_be_bytes());
        bytes[8..].copy_from_slice(&self.id.0);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn from_cursor(text: &str) -> Option<Self> {
        let bytes: [u8; 20] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (date, id) = bytes.split_first_chunk::<8>()?;
        let date = Timestamp::from_millisecond(i64::from_be_bytes(*date)).ok()?;
        Some(Self { date, id: ObjectId(id.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Result<Moment, &'static str> {
        Moment::try_from(text.to_owned())
    }

    #[test]
    fn days_are_whole_and_instants_exact() {
        let zone = Zone::named("America/Sao_Paulo").unwrap();
        let day = moment("2026-11-22").unwrap();
        assert_eq!(day.start(&zone).to_string(), "2026-11-22T03:00:00Z");
        assert_eq!(day.end(&zone).to_string(), "2026-11-23T03:00:00Z");
        let instant = moment("2026-11-22T12:00:00-03:00").unwrap();
        assert_eq!(instant.start(&zone).to_string(), "2026-11-22T15:00:00Z");
        assert_eq!(instant.end(&zone), instant.start(&zone));
        for wrong in ["", "22/11/2026", "2026-11-31", "2026-11-22T12:00", "ontem"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let id = ObjectId([7; 12]);
        for date in ["2011-10-05T14:48:00.123Z", "0001-01-01T00:00:00Z"] {
            let position = Position { date: date.parse().unwrap(), id };
            let cursor = position.to_cursor();
            assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            assert_eq!(Position::from_cursor(&cursor), Some(position));
            assert_eq!(Position::from_cursor(&cursor[1..]), None);
        }
        for wrong in ["", "7", "f_______AAAAAAAAAAAAAAAAAAAA", "../../etc"] {
            assert_eq!(Position::from_cursor(wrong), None, "{wrong}");
        }
    }
}
