//! Emitters that threads take turns with.

use crate::emitter::{Emitter, Target};
use crate::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Emitters of one target for any number of threads: each has one for itself for the time of a
/// compile. There are as many as were ever wanted at once.
#[derive(Debug)]
pub(crate) struct Emitters {
    target: Target,
    idle: Mutex<Vec<Emitter>>,
}

impl Emitters {
    /// Emitters for a target. The first one is made at once.
    ///
    /// # Errors
    /// [`Error::Target`] if this LLVM has none such.
    pub(crate) fn new(target: Target) -> Result<Self, Error> {
        let first = Emitter::new(target.clone())?;
        Ok(Emitters {
            target,
            idle: Mutex::new(vec![first]),
        })
    }

    /// Does `work` with an emitter that nobody else has meanwhile. If it panics, the emitter is gone.
    ///
    /// # Errors
    /// [`Error::Target`], or that of `work`.
    pub(crate) fn with<R>(
        &self,
        work: impl FnOnce(&mut Emitter) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let idle = self.idle().pop();
        let mut emitter = match idle {
            Some(emitter) => emitter,
            None => Emitter::new(self.target.clone())?,
        };
        let result = work(&mut emitter);
        self.idle().push(emitter);
        result
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Emitter>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
