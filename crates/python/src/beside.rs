//! The compiler beside this process: a program, which all processes share that are forked from the one that switched
//! Martlet on. It holds LLVM with its memory, and what kills it costs one unit.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use martlet_engine::{Refusal, reasons};
use martlet_helpers::SEAL;
use martlet_sidecar::{Beginning, Error, Sidecar, Spec};
use martlet_snapshot::{Answer, Ask, Order, decode, encode, interface};

use crate::compiler::Seat;

/// The process ended while it had the unit, which may have been why.
pub(crate) const ENDED: &str = "the compiler's process ended";
/// It ended too often, and is not yet started again.
pub(crate) const RESTS: &str = "the compiler's process rests";

/// What of the environment the process is given: where its libraries are, and where a request goes that LLVM gave up on.
const ENVIRONMENT: [&str; 2] = ["LD_LIBRARY_PATH", "TMPDIR"];
/// Each request has a thread of its own there, and few work at the same time: they need no heap each.
const ONE_HEAP: (&str, &str) = ("MALLOC_ARENA_MAX", "1");
/// Functions that are gone are told with the next request, or when there are so many.
const MANY: usize = 256;

pub(crate) struct Beside {
    path: PathBuf,
    sidecar: Sidecar,
    /// Functions of which the process need not hold anything.
    released: Mutex<Vec<u64>>,
}

impl Beside {
    /// To be called before any fork whose children are to share the process, and with the GIL, under which the
    /// environment changes.
    pub(crate) fn new(path: PathBuf, idle: Duration) -> Self {
        let environment = ENVIRONMENT
            .iter()
            .filter_map(|it| Some((OsString::from(it), std::env::var_os(it)?)))
            .chain([(ONE_HEAP.0.into(), ONE_HEAP.1.into())]);
        Self {
            sidecar: Sidecar::new(Spec {
                // Where the program is now: it may change its folder.
                program: std::path::absolute(&path).unwrap_or_else(|_| path.clone()),
                arguments: vec![idle.as_millis().to_string().into()],
                environment: environment.collect(),
                version: interface(SEAL.bitcode),
            }),
            path,
            released: Mutex::default(),
        }
    }

    fn released(&self) -> MutexGuard<'_, Vec<u64>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, ask: Ask, beginning: Beginning) -> Result<Answer, Refusal> {
        let released = std::mem::take(&mut *self.released());
        let order = Order { released, ask };
        let answer = self.sidecar.exchange(&encode(&order), beginning);
        let answer = answer.map_err(|error| {
            if matches!(error, Error::Impossible(_) | Error::Resting { .. }) {
                // It may be there and was not told.
                self.released().extend(order.released);
            }
            let reason = match error {
                Error::Ended => ENDED,
                Error::Resting { .. } => RESTS,
                _ => reasons::NO_COMPILER,
            };
            Refusal::new(reason, detail(&error))
        })?;
        decode(&answer).map_err(|it| Refusal::new("unreadable reply", it.to_string()))
    }
}

fn detail(error: &Error) -> String {
    match error {
        Error::WrongVersion { program, .. } => format!(
            "{} was built from other sources than this extension: build both anew, together",
            program.display()
        ),
        _ => error.to_string(),
    }
}

impl Seat for Beside {
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn compile(&self, request: &[u8]) -> Result<(Vec<u8>, Duration), Refusal> {
        match self.ask(Ask::Compile(request.to_vec()), Beginning::IfNeeded)? {
            Answer::Compiled { reply, spent_ns } => Ok((reply, Duration::from_nanos(spent_ns))),
            other => Err(unexpected(&other)),
        }
    }

    fn release(&self, functions: &[u64]) {
        let n_released = {
            let mut released = self.released();
            released.extend(functions);
            released.len()
        };
        if n_released >= MANY {
            // A process that is not there holds nothing.
            let _ = self.ask(Ask::Nothing, Beginning::Never);
        }
    }

    fn is_there(&self) -> bool {
        self.process().is_some()
    }

    fn process(&self) -> Option<u32> {
        self.sidecar.process()
    }

    fn live_functions(&self) -> u64 {
        match self.ask(Ask::LiveFunctions, Beginning::Never) {
            Ok(Answer::LiveFunctions(n)) => n,
            _ => 0,
        }
    }

    fn maintain(&self) -> Result<[u64; 7], String> {
        match self.ask(Ask::Maintain, Beginning::Never) {
            Ok(Answer::Maintained(done)) => done,
            Ok(other) => Err(unexpected(&other).to_string()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}

fn unexpected(answer: &Answer) -> Refusal {
    Refusal::new("compiler failed", format!("it answers {answer:?}"))
}
