//! What the index is asked.

use super::{Index, IndexError, Selection, document::instant, rows};
use crate::{
    Movement, Position, Zone,
    shape::Total,
    store::codes::{KINDS, ceiling, kind_code, payment_code},
    zone::Month,
};
use ficha_domain::{Cpf, Money};
use ficha_search::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};

/// The store answers when this is over.
const ASK: Duration = Duration::from_secs(1);
/// An index that is further behind is not asked.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);

/// What was found by the index.
pub(crate) struct Found {
    /// The rows, as they are in the store now.
    pub(crate) movements: Vec<Movement>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Position>,
    /// Up to when it is complete.
    pub(crate) as_of: Timestamp,
}

/// A movement that the index knows.
struct Hit {
    position: Position,
    /// The row's, when it was put into the index.
    version: i64,
}

impl Index {
    /// The person's movements that are selected, the latest first, at most so many. `None` where nobody of that CPF is
    /// known. What was removed since is left out, and what was changed since where it does not have the words itself.
    pub(crate) async fn page(
        &self,
        cpf: Cpf,
        selection: &Selection,
        limit: usize,
    ) -> Result<Option<Found>, IndexError> {
        let asked = json!({
            "size": limit + 1,
            "query": self.query(cpf, selection),
            "sort": [{ "at": "desc" }, { "id": "desc" }],
            "_source": ["id", "at", "version"],
            "track_total_hits": false,
        });
        let (said, as_of) = self.ask(&asked).await?;
        let hits = said["hits"]["hits"].as_array().ok_or(IndexError::Unreadable)?;
        let mut hits = hits.iter().map(|hit| read_hit(&hit["_source"])).collect::<Option<Vec<_>>>();
        let hits = hits.as_mut().ok_or(IndexError::Unreadable)?;
        let next = (hits.len() > limit).then(|| hits[limit - 1].position);
        hits.truncate(limit);
        let versions: HashMap<_, _> = hits.iter().map(|hit| (hit.position.id, hit.version)).collect();
        let rows = self.store.rows(cpf, selection, versions.keys().copied()).await?;
        let is_right = |row: &rows::Kept| {
            let as_indexed = versions.get(&row.movement.id) == Some(&row.version);
            as_indexed || selection.finds(&row.movement.description)
        };
        let movements: Vec<_> = rows.into_iter().filter(is_right).map(|row| row.movement).collect();
        if movements.is_empty() && !self.store.knows(cpf).await? {
            return Ok(None);
        }
        Ok(Some(Found { movements, next, as_of }))
    }

    /// What the selected movements come to, by month and type, the latest first, at most so many. `None` where nobody of
    /// that CPF is known.
    pub(crate) async fn totals(
        &self,
        cpf: Cpf,
        selection: &Selection,
        zone: &Zone,
        limit: usize,
    ) -> Result<Option<(Vec<Total>, Timestamp)>, IndexError> {
        if !self.store.knows(cpf).await? {
            return Ok(None);
        }
        let month = json!({ "field": "at", "calendar_interval": "month", "time_zone": zone.name(),
            "format": "uuuu-MM", "order": "desc" });
        let asked = json!({
            "size": 0,
            "query": self.query(cpf, selection),
            "aggs": { "totals": {
                "composite": { "size": limit, "sources": [
                    { "month": { "date_histogram": month } },
                    { "kind": { "terms": { "field": "kind" } } },
                ] },
                "aggs": { "cents": { "sum": { "field": "cents" } } },
            } },
        });
        let (said, as_of) = self.ask(&asked).await?;
        let totals = said["aggregations"]["totals"]["buckets"].as_array().ok_or(IndexError::Unreadable)?;
        let totals = totals.iter().map(read_total).collect::<Option<Vec<_>>>();
        Ok(Some((totals.ok_or(IndexError::Unreadable)?, as_of)))
    }

    /// Asks the index that is noted, whole or not at all, and says up to when it is complete.
    async fn ask(&self, asked: &Value) -> Result<(Value, Timestamp), IndexError> {
        let mut index = String::new();
        loop {
            let note = self.fit().await?;
            self.figures.seen(note.at.as_millisecond());
            if self.world.now().duration_since(note.at) > BEHIND {
                return Err(IndexError::Behind);
            }
            let path = format!("/{}/_search?allow_partial_search_results=false", note.index);
            match self.search.ask(Method::POST, &path, Some(asked), ASK).await {
                // Another one took its place between the two questions.
                Err(ficha_search::Error::Missing) if index != note.index => index = note.index,
                said => return Ok((said?, note.at)),
            }
        }
    }

    fn query(&self, cpf: Cpf, selection: &Selection) -> Value {
        let mut all = vec![json!({ "term": { "person": self.shape.person(cpf) } })];
        let bound = |at: Timestamp| instant(Timestamp::from_millisecond(ceiling(at)).unwrap_or(at));
        let range = |field: &str, way: &str, value: Value| json!({ "range": { field: { way: value } } });
        all.extend(selection.from.map(|from| range("at", "gte", bound(from).into())));
        all.extend(selection.to.map(|to| range("at", "lt", bound(to).into())));
        all.extend(selection.min.map(|min| range("cents", "gte", min.cents().into())));
        all.extend(selection.max.map(|max| range("cents", "lte", max.cents().into())));
        all.extend(selection.kind.map(|kind| json!({ "term": { "kind": kind_code(kind) } })));
        let payment = selection.payment_type;
        all.extend(payment.map(|payment| json!({ "term": { "payment": payment_code(payment) } })));
        if let Some(Position { date, id }) = &selection.after {
            let (date, id) = (instant(*date), id.to_string());
            let same = [json!({ "term": { "at": date } }), range("id", "lt", id.into())];
            let later = [range("at", "lt", date.into()), json!({ "bool": { "filter": same } })];
            all.push(json!({ "bool": { "should": later, "minimum_should_match": 1 } }));
        }
        if !selection.words.is_empty() {
            let words = json!({ "query": selection.words.join(" "), "operator": "and" });
            all.push(json!({ "match": { "words": words } }));
        }
        json!({ "bool": { "filter": all } })
    }
}

fn read_hit(source: &Value) -> Option<Hit> {
    let (id, date) = (source["id"].as_str()?.parse().ok()?, source["at"].as_str()?.parse().ok()?);
    Some(Hit { position: Position { date, id }, version: source["version"].as_i64()? })
}

fn read_total(bucket: &Value) -> Option<Total> {
    let kind = usize::try_from(bucket["key"]["kind"].as_u64()?).ok()?;
    // A sum is exact up to 2⁵³, which is some ninety times the largest amount there is.
    let cents = bucket["cents"]["value"].as_f64().filter(|cents| cents.abs() < 9e15)?;
    Some(Total {
        month: Month::parse(bucket["key"]["month"].as_str()?)?,
        kind: *KINDS.get(kind)?,
        value: Money::from_cents(cents as i64).ok()?,
        count: bucket["doc_count"].as_u64()?,
    })
}
