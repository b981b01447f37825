//! Which idempotency keys have a request under way. Composing takes time, and the second of two equal requests must
//! not compose too.

use crate::Blinded;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The keys of this process. Where several share a store, two may compose for one key at once: the store looks the key
/// up again where it keeps the answer, so one dossier is kept, and both answer it.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashSet<[u8; 16]>>>);

/// Holds a key until it is dropped, also when the caller hangs up.
pub(crate) struct Holding {
    all: UnderWay,
    key: [u8; 16],
}

impl UnderWay {
    /// `None` while another request holds the key.
    pub(crate) fn hold(&self, key: &Blinded) -> Option<Holding> {
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.key);
        new.then(|| Holding { all: self.clone(), key: key.key })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
