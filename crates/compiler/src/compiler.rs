//! A compiler: the library module, the helpers, and what it holds of each function.

use crate::dumps::Dumps;
use crate::pipeline;
use crate::raw::Compiling;
use crate::refused::Refused;
use martlet_codegen::{Emitter, OptLevel, Target};
use martlet_ir::{BitcodeLibrary, Context, Fate, Module, OwnedFunction};
use martlet_snapshot::{DecodeError, EntryPoint, Reply, Request, decode, encode};
use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bitcode of units that a context reads before it is given up, in bytes: types, constants and metadata stay in it
/// for ever, and take up to three times as much.
const BYTES_A_CONTEXT: u64 = 8 << 20;

/// What [`Compiler::maintain`] runs over the library.
const MAINTENANCE: &str = "globaldce,mergefunc,deadargelim,cgscc(argpromotion),default<O2>";

/// What [`Compiler::maintain`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Maintenance {
    /// Translations erased since the compiler was made, because nobody held them any more.
    pub erased: u64,
    /// Held translations in whose place the passes put another of the same meaning.
    pub replaced: u64,
    /// Held translations that the passes changed.
    pub changed: u64,
    /// Held translations that are gone all the same. Always 0, or something is wrong.
    pub deleted: u64,
    /// Held translations that can be looked at afterwards.
    pub held: u64,
    /// Instructions in the library before.
    pub instructions_before: u64,
    /// And after.
    pub instructions_after: u64,
}

impl Maintenance {
    /// The numbers, in the order of the fields.
    pub(crate) fn to_words(self) -> [u64; 7] {
        [
            self.erased,
            self.replaced,
            self.changed,
            self.deleted,
            self.held,
            self.instructions_before,
            self.instructions_after,
        ]
    }
}

/// Compiles functions, one at a time, for any number of threads.
#[derive(Debug, Default)]
pub struct Compiler {
    /// Made with the first request, and anew after a panic.
    workshop: Mutex<Option<Workshop>>,
    held: Mutex<Held>,
}

/// Of which functions the workshop has a translation that is wanted. Its lock is held for moments only, inside that of
/// the workshop or alone.
#[derive(Debug, Default)]
struct Held {
    functions: HashSet<Key>,
    /// Those whose translation is still to be dropped.
    released: Vec<Key>,
}

impl Held {
    fn of(&self, client: u64) -> impl Iterator<Item = &Key> {
        self.functions.iter().filter(move |it| it.0 == client)
    }

    /// Whether one was held.
    fn release(&mut self, keys: impl Iterator<Item = Key>) -> bool {
        let n_before = self.functions.len();
        for key in keys {
            self.functions.remove(&key);
            // Even if it is not held: it may be being compiled.
            self.released.push(key);
        }
        self.functions.len() < n_before
    }
}

/// A function: who asks for it, and the number it has there.
pub(crate) type Key = (u64, u64);

/// What compiling needs, and what it leaves behind. Belongs to whoever has the lock.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// Each live function's translation.
    pub(crate) library: Module,
    /// Bodies of the C helpers.
    pub(crate) helpers: BitcodeLibrary,
    /// Makes code for this machine.
    pub(crate) emitter: Emitter,
    /// Contexts for units.
    pub(crate) contexts: Contexts,
    /// Shares in what the library module holds: for each function, the last translation for each way in.
    functions: HashMap<Key, HashMap<EntryPoint, OwnedFunction>>,
    /// Translations that were erased so far.
    erased: u64,
}

/// A context that waits for the next unit, so that the helpers are opened once and not for each.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    spare: Option<Context>,
}

impl Compiler {
    /// A compiler that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles an encoded [`Request`] and answers an encoded [`Reply`]. Whatever goes wrong on the way, a panic
    /// included, is the reply's reason. Functions of different clients are never the same.
    ///
    /// # Errors
    /// When the bytes are not a request of this version.
    pub fn compile(&self, client: u64, request: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let bytes = request;
        let request: Request = decode(bytes)?;
        let name = request.codes.first().map_or("", |code| &code.qualname);
        let _compiling = Compiling::enter(name, bytes);
        let mut dumps = Dumps::new(&request.mode.dump);
        let outcome = self.run(|workshop| {
            let (unit, function) = pipeline::compile(workshop, &request, &mut dumps)?;
            let key = (client, request.function);
            self.held().functions.insert(key);
            workshop.keep(key, request.entry, function);
            Ok(unit)
        });
        let reply = Reply {
            outcome: outcome.map_err(|refused| (refused.reason.to_owned(), refused.detail)),
            dumps: dumps.into_vec(),
        };
        Ok(encode(&reply))
    }

    /// Lets go of what is held of a client's functions: at once, or, while something is compiled, when that is done.
    /// Whether there was anything.
    pub fn release(&self, client: u64, functions: &[u64]) -> bool {
        let released = functions.iter().map(|it| (client, *it));
        let had_any = self.held().release(released);
        self.sweep_unless_busy();
        had_any
    }

    /// Lets go of all that is held for a client, in the same way.
    pub fn forget(&self, client: u64) {
        let mut held = self.held();
        let its: Vec<Key> = held.of(client).copied().collect();
        held.release(its.into_iter());
        drop(held);
        self.sweep_unless_busy();
    }

    /// How many functions of a client are held. Waits for no compile.
    pub fn live_functions(&self, client: u64) -> u64 {
        self.held().of(client).count() as u64
    }

    /// Runs passes over the whole library: functions that are not used go, those with equal bodies become one, the rest
    /// gets smaller. Machine code that was made before is not touched.
    ///
    /// # Errors
    /// When LLVM fails, or leaves a library that is not well-formed.
    pub fn maintain(&self) -> Result<Maintenance, String> {
        let maintained = self.run(|workshop| {
            let library = &mut workshop.library;
            let mut maintenance = Maintenance {
                instructions_before: library.memory_report().instructions,
                ..Maintenance::default()
            };
            let report =
                library.run_passes(MAINTENANCE, workshop.emitter.machine(OptLevel::Default)?)?;
            workshop.erased += library.collect().erased.len() as u64;
            library.verify()?;
            for (_, fate) in &report.functions {
                match fate {
                    Fate::Replaced(_) => maintenance.replaced += 1,
                    Fate::BodyChanged { .. } | Fate::InterfaceChanged { .. } => {
                        maintenance.changed += 1;
                    }
                    Fate::Deleted(_) => maintenance.deleted += 1,
                    _ => (),
                }
            }
            maintenance.erased = workshop.erased;
            maintenance.instructions_after = library.memory_report().instructions;
            let held = || workshop.functions.values().flat_map(HashMap::values);
            maintenance.held = held()
                .filter(|it| it.get(&workshop.library).is_ok())
                .count() as u64;
            Ok(maintenance)
        });
        maintained.map_err(|refused| refused.to_string())
    }

    /// Works in the workshop. After a panic nobody knows in which state LLVM's objects are: they are neither used again
    /// nor freed, and the next request begins with an empty workshop.
    fn run<R>(&self, work: impl FnOnce(&mut Workshop) -> Result<R, Refused>) -> Result<R, Refused> {
        let mut place = self.lock();
        let mut workshop = match place.take() {
            Some(workshop) => workshop,
            None => Workshop::new()?,
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            workshop.sweep(&mut self.held());
            let result = work(&mut workshop);
            workshop.sweep(&mut self.held());
            result
        }));
        match outcome {
            Ok(result) => {
                *place = Some(workshop);
                result
            }
            Err(panic) => {
                mem::forget(workshop);
                *self.held() = Held::default();
                Err(Refused {
                    reason: "panic",
                    detail: message(&*panic),
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Workshop>> {
        // What a panic left half done was taken out of the mutex before.
        self.workshop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever is busy sweeps when it is done, or whoever comes next.
    fn sweep_unless_busy(&self) {
        if let Ok(mut place) = self.workshop.try_lock()
            && let Some(workshop) = place.as_mut()
        {
            workshop.sweep(&mut self.held());
        }
    }
}

impl Workshop {
    fn new() -> Result<Self, Refused> {
        Ok(Self {
            library: Module::new("library"),
            helpers: BitcodeLibrary::open("helpers", martlet_helpers::BITCODE)?,
            emitter: Emitter::new(Target::host())?,
            contexts: Contexts::default(),
            functions: HashMap::new(),
            erased: 0,
        })
    }

    /// Holds a translation until its function is released; that of an earlier version may go.
    fn keep(&mut self, key: Key, entry: EntryPoint, translation: OwnedFunction) {
        let translations = self.functions.entry(key).or_default();
        translations.insert(entry, translation);
    }

    /// Drops the translations of functions that were released.
    fn sweep(&mut self, held: &mut Held) {
        if held.released.is_empty() {
            return;
        }
        for key in held.released.drain(..) {
            held.functions.remove(&key);
            self.functions.remove(&key);
        }
        self.erased += self.library.collect().erased.len() as u64;
    }
}

impl Contexts {
    /// A context for a unit.
    pub(crate) fn take(&mut self) -> Context {
        self.spare.take().unwrap_or_default()
    }

    /// A unit is done with this one.
    pub(crate) fn give_back(&mut self, context: Context) {
        if context.bytes_read() < BYTES_A_CONTEXT {
            self.spare = Some(context);
        }
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_refusal_and_the_next_request_is_served() {
        let compiler = Compiler::new();
        let refused = compiler
            .run::<()>(|_| panic!("the {} broke", "press"))
            .unwrap_err();
        assert_eq!(refused.reason, "panic");
        assert_eq!(refused.detail, "the press broke");
        assert_eq!(compiler.run(|workshop| Ok(workshop.functions.len())), Ok(0));
    }
}
