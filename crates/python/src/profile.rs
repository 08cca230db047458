//! Where time is spent, for the report on why a program is slow. Nothing is noted unless that was asked for.
//!
//! What is noted comes from the samples that find what is hot. They are taken at back edges and at calls, so a sample
//! says which function and which loop time was spent in, not which line.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use martlet_snapshot::{EntryPoint, Request};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::raw::frames::Sight;
use crate::raw::{Addr, Gil};

/// Processor time in microseconds that samples saw.
#[derive(Default)]
pub(crate) struct Profile {
    codes: HashMap<Addr, CodeProfile>,
    total: u64,
    /// Of that, in C functions.
    outside: u64,
}

/// That of one code object, by offset: in machine code, and in the interpreter.
struct CodeProfile {
    /// Kept to the end: the report names it.
    code: Py<PyAny>,
    at: BTreeMap<u32, (u64, u64)>,
}

impl Profile {
    /// A sample was taken. One that is not prompt says that time was spent in a C function.
    pub(crate) fn sampled(&mut self, spent: u32, prompt: bool) {
        self.total += u64::from(spent);
        if !prompt {
            self.outside += u64::from(spent);
        }
    }

    /// A frame was seen, in which time was spent.
    pub(crate) fn note(&mut self, gil: Gil<'_>, sight: &Sight, spent: u32) {
        let at = self.keep(gil, sight.code());
        let (machine, interpreter) = at.entry(sight.offset()).or_default();
        match sight.in_machine_code() {
            true => *machine += u64::from(spent),
            false => *interpreter += u64::from(spent),
        }
    }

    /// Has something to say of a code object that is alive now.
    pub(crate) fn keep(&mut self, gil: Gil<'_>, addr: Addr) -> &mut BTreeMap<u32, (u64, u64)> {
        let known = self.codes.entry(addr).or_insert_with(|| CodeProfile {
            code: addr.object(gil).unbind(),
            at: BTreeMap::new(),
        });
        &mut known.at
    }

    /// The code objects.
    pub(crate) fn codes(&self, gil: Gil<'_>) -> Vec<Py<PyAny>> {
        let codes = self.codes.values();
        codes.map(|it| it.code.clone_ref(gil)).collect()
    }

    /// Time spent in one code object, and in all.
    pub(crate) fn of(&self, addr: Addr) -> Value {
        let at = self.codes.get(&addr).map(|it| &it.at);
        let at = at.into_iter().flatten();
        json!({
            "total": self.total,
            "outside": self.outside,
            "at": at.map(|(offset, (machine, interpreter))| json!([offset, machine, interpreter])).collect::<Vec<_>>(),
        })
    }
}

/// Whether requests are remembered.
static REMEMBERS: AtomicBool = AtomicBool::new(false);
/// The last request of each function, and of each way into it, that gave a version.
static REQUESTS: Mutex<BTreeMap<(u64, Option<u32>), Request>> = Mutex::new(BTreeMap::new());

/// From now on.
pub(crate) fn start_remembering() {
    // Relaxed: what is compiled at this moment may be missed.
    REMEMBERS.store(true, Ordering::Relaxed);
}

/// A request gave a version.
pub(crate) fn remember(request: &Request) {
    if REMEMBERS.load(Ordering::Relaxed) {
        let mut requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
        requests.insert(
            (request.function, header_of(request.entry)),
            request.clone(),
        );
    }
}

/// The last request of a function that gave a version for this way in.
pub(crate) fn remembered(function: u64, header: Option<u32>) -> Option<Request> {
    let requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
    requests.get(&(function, header)).cloned()
}

fn header_of(entry: EntryPoint) -> Option<u32> {
    match entry {
        EntryPoint::Start | EntryPoint::Resume => None,
        EntryPoint::Loop(header) => Some(header),
    }
}
