//! The compiler inside of this process: a shared object of its own, opened with the first compile.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use martlet_engine::{Refusal, reasons};

use crate::compiler::Seat;
use crate::raw::dl::Library;

pub(crate) struct Inside {
    path: PathBuf,
    /// Opened when it is first needed.
    library: OnceLock<Result<Library, Refusal>>,
    /// One call at a time.
    turn: Mutex<()>,
}

impl Inside {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            library: OnceLock::new(),
            turn: Mutex::new(()),
        }
    }

    fn open(&self) -> Result<&Library, Refusal> {
        let open =
            || Library::open(&self.path).map_err(|it| Refusal::new(reasons::NO_COMPILER, it));
        self.library
            .get_or_init(open)
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Makes a call, if the shared object is open and in order.
    fn call<R>(&self, work: impl FnOnce(&Library) -> R) -> Option<R> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Some(work(self.library.get()?.as_ref().ok()?))
    }
}

impl Seat for Inside {
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn compile(&self, request: &[u8]) -> Result<(Vec<u8>, Duration), Refusal> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = self.open()?.compile(request);
        let reply = reply.map_err(|it| Refusal::new("compiler failed", format!("with code {it}")));
        Ok((reply?, Duration::ZERO))
    }

    fn release(&self, functions: &[u64]) {
        self.call(|library| functions.iter().for_each(|it| library.release(*it)));
    }

    fn is_there(&self) -> bool {
        self.library.get().is_some_and(Result::is_ok)
    }

    fn process(&self) -> Option<u32> {
        None
    }

    fn live_functions(&self) -> u64 {
        self.call(Library::live_functions).unwrap_or(0)
    }

    fn maintain(&self) -> Result<[u64; 7], String> {
        let done = self
            .call(Library::maintain)
            .ok_or("there is no compiler yet")?;
        done.map_err(|code| format!("passes failed with code {code}"))
    }
}
