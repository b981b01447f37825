//! People found otherwise than by CPF.

use crate::{People, Person, Row};
use ficha_contract::StoreError;
use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

impl People {
    /// Somebody's document, by id.
    ///
    /// # Errors
    /// As [`People::find`].
    pub async fn find_id(&self, id: i64) -> Result<Option<Person>, StoreError> {
        let row = self.store.find_id(id).await?;
        row.map(|row| self.keeping.open(&row)).transpose()
    }

    /// Takes document after document into `start`, along their ids, until `step` breaks. Bounded in time: a base that is
    /// too large to be walked to its end is an error, not a part of the answer.
    ///
    /// # Errors
    /// [`StoreError`]: the store, the time, or a body that cannot be opened.
    pub async fn fold<S: Send + 'static>(
        &self,
        down: bool,
        start: S,
        mut step: impl FnMut(&mut S, Person) -> ControlFlow<()> + Send + 'static,
    ) -> Result<S, StoreError> {
        // Shared for the walk only: an engine walks on a thread of its own, and need not give the closure back.
        let shared = Arc::new(Mutex::new(Some(Ok(start))));
        let (keeping, state) = (self.keeping.clone(), shared.clone());
        let visit = move |row: Row| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(Ok(so_far)) = state.as_mut() else { return ControlFlow::Break(()) };
            match keeping.open(&row) {
                Ok(person) => step(so_far, person),
                Err(error) => {
                    *state = Some(Err(error));
                    ControlFlow::Break(())
                }
            }
        };
        self.store.walk(down, Box::new(visit)).await?;
        let state = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
        state.unwrap_or_else(|| Err(StoreError::new("a walk lost what it had seen")))
    }
}
