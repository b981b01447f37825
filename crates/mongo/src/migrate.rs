//! Numbered steps, and the fingerprints of the keys that a store was written with.

use crate::{Error, Mongo, Repeat, Stop, Transaction, error::code, lock};
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};
use std::time::Duration;

/// One step. Once it has landed it never changes: the next step does. It may be cut off in its middle and done again, so
/// each of its commands must be repeatable.
#[derive(Clone, Debug)]
pub struct Step {
    commands: Vec<Document>,
    breaks: bool,
}

impl Step {
    /// A step beside which older versions go on.
    #[must_use]
    pub fn adds(commands: Vec<Document>) -> Self {
        Self { commands, breaks: false }
    }

    /// A step beside which older versions must not run.
    #[must_use]
    pub fn breaks(commands: Vec<Document>) -> Self {
        Self { commands, breaks: true }
    }

    /// A new collection, of documents that are as `schema` says, with these indexes.
    #[must_use]
    pub fn collection(name: &str, schema: Document, indexes: Vec<Document>) -> Self {
        let validator = doc! { "$jsonSchema": schema };
        let mut commands = vec![doc! { "create": name, "validator": validator, "validationLevel": "strict" }];
        if !indexes.is_empty() {
            commands.push(doc! { "createIndexes": name, "indexes": indexes });
        }
        Self::adds(commands)
    }

    /// As the store remembers it.
    fn text(&self) -> String {
        self.commands.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

/// Documents with exactly these fields, those of `optional` or not: name and BSON type.
#[must_use]
pub fn schema(required: &[(&str, &str)], optional: &[(&str, &str)]) -> Document {
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let all = required.iter().chain(optional);
    let property = |(name, kind): &(&str, &str)| ((*name).to_owned(), doc! { "bsonType": *kind }.into());
    let properties: Document = all.map(property).collect();
    doc! { "bsonType": "object", "required": names, "properties": properties, "additionalProperties": false }
}

/// An index along these fields, in a [`Step::collection`].
#[must_use]
pub fn index(fields: Document) -> Document {
    let name: Vec<String> = fields.iter().map(|(field, way)| format!("{field}_{way}")).collect();
    doc! { "key": fields, "name": name.join("_") }
}

/// One in which nothing comes twice.
#[must_use]
pub fn unique(fields: Document) -> Document {
    let mut index = index(fields);
    index.insert("unique", true);
    index
}

/// Every store that holds something sealed has this collection; see [`Mongo::check_keys`].
#[must_use]
pub fn key_collection() -> Step {
    Step::collection("key_fingerprint", schema(&[("_id", "long"), ("fingerprint", "binData")], &[]), vec![])
}

const CHECK_KEYS: Duration = Duration::from_secs(10);
const COMPARE: Duration = Duration::from_secs(10);
const NAMESPACE_EXISTS: i32 = 48;
/// Where steps are noted, by number; other documents may lie beside them.
pub(crate) const META: &str = "meta";

/// A step as the store remembers it.
struct Applied {
    number: i32,
    text: String,
    breaks: bool,
}

/// Everything under the lock, so that nobody repeats an older step after a newer one.
pub(crate) async fn run(store: &Mongo, steps: &[Step]) -> Result<(), Error> {
    let lock = lock::take(store, META).await?;
    let done = tokio::select! {
        done = apply(store, steps) => done,
        lost = lock.keep() => Err(lost),
    };
    lock.release().await;
    done
}

async fn apply(store: &Mongo, steps: &[Step]) -> Result<(), Error> {
    let applied = applied(store).await?;
    for (number, step) in missing(store, steps, &applied)? {
        for command in &step.commands {
            let mut command = store.addressed(command);
            command.insert("writeConcern", doc! { "w": "majority" });
            match store.database().run_command(command).await {
                // A run that was cut off made it already.
                Err(error) if code(&error) == Some(NAMESPACE_EXISTS) => {}
                done => whole(&done?)?,
            }
        }
        let note = doc! { "_id": number, "step": step.text(), "breaks": step.breaks };
        store.database().collection(&store.named(META)).insert_one(note).await?;
    }
    Ok(())
}

/// The driver takes a reply for done that says of its writes, or of the majority, that they are not.
fn whole(reply: &Document) -> Result<(), Error> {
    let is_whole =
        reply.get_array("writeErrors").is_ok_and(Vec::is_empty) || !reply.contains_key("writeErrors");
    match is_whole && !reply.contains_key("writeConcernError") {
        true => Ok(()),
        false => {
            Err(Error::Unfit("a step of the migration was not taken by a majority; run it again".to_owned()))
        }
    }
}

async fn applied(store: &Mongo) -> Result<Vec<Applied>, Error> {
    let notes = store.collection(META);
    let mut applied = Vec::new();
    let steps = notes.find(doc! { "_id": { "$type": "int" } }).sort(doc! { "_id": 1 });
    let mut cursor = store.ask(COMPARE, steps).await?;
    while store.ask(COMPARE, cursor.advance()).await? {
        let note = cursor.current();
        let text = note.get_str("step")?.to_owned();
        applied.push(Applied { number: note.get_i32("_id")?, text, breaks: note.get_bool("breaks")? });
    }
    Ok(applied)
}

/// The steps that the store lacks.
fn missing<'a>(store: &Mongo, steps: &'a [Step], applied: &[Applied]) -> Result<Vec<(i32, &'a Step)>, Error> {
    let known: Vec<(i32, &Step)> = (0..).zip(steps).collect();
    for done in applied {
        let (role, step) = (store.role().to_owned(), done.number);
        match known.iter().find(|(number, _)| *number == done.number) {
            Some((_, step)) if step.text() == done.text => {}
            Some(_) => return Err(Error::OtherStep { role, step }),
            // A newer version ran here. What only adds does not disturb this one.
            None if done.breaks => return Err(Error::Newer { role, step }),
            None => {}
        }
    }
    let is_missing = |(number, _): &(i32, &Step)| applied.iter().all(|done| done.number != *number);
    Ok(known.into_iter().filter(is_missing).collect())
}

/// Refuses a store that lacks a step.
pub(crate) async fn compare(store: &Mongo, steps: &[Step]) -> Result<(), Error> {
    match missing(store, steps, &applied(store).await?)?.is_empty() {
        true => Ok(()),
        false => Err(Error::NotMigrated(store.role().to_owned())),
    }
}

/// Of two processes with different keys on an empty store one must lose, so each writes one document of the two.
pub(crate) async fn check_keys(store: &Mongo, keys: &[(u32, [u8; 16])]) -> Result<(), Error> {
    let checked = store.transaction(CHECK_KEYS, Repeat::Always, keys, |keys, transaction| {
        Box::pin(check_keys_in(keys, transaction))
    });
    checked.await?.map_err(|id| Error::WrongKey {
        role: store.role().to_owned(),
        key: u32::try_from(id).unwrap_or_default(),
    })
}

/// Refuses with the id of a key that is not among them.
async fn check_keys_in(keys: &[(u32, [u8; 16])], transaction: &mut Transaction) -> Result<(), Stop<i64>> {
    let mut noted = Vec::new();
    for row in transaction.find("key_fingerprint", doc! {}).await? {
        let (id, print) = (row.get_i64("_id")?, row.get_binary("fingerprint")?.bytes);
        if !keys.iter().any(|(key, known)| i64::from(*key) == id && known == print) {
            return Err(Stop::Refused(id));
        }
        noted.push(id);
    }
    let new: Vec<_> = keys.iter().filter(|(key, _)| !noted.contains(&i64::from(*key))).collect();
    if new.is_empty() {
        return Ok(());
    }
    let meta = transaction.collection(META);
    let touch = meta.update_one(doc! { "_id": "keys" }, doc! { "$inc": { "noted": 1_i64 } }).upsert(true);
    touch.session(transaction.session()).await?;
    let prints = transaction.documents("key_fingerprint");
    let new = new.into_iter().map(|(key, print)| {
        let print = Binary { subtype: BinarySubtype::Generic, bytes: print.to_vec() };
        doc! { "_id": i64::from(*key), "fingerprint": print }
    });
    prints.insert_many(new).session(transaction.session()).await?;
    Ok(())
}
