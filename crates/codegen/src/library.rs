//! A module with the translations of a program, from which threads compile one function at a time.
//!
//! Building a translation, and extracting the unit of one function with the bodies that it may take in, is done by one
//! thread at a time; optimising and emitting the unit by as many as there are.

use crate::emitter::{Compiled, Target, text};
use crate::emitters::Emitters;
use crate::error::Error;
use crate::tier::{OptLevel, Tier};
use martlet_ir::{Bring, MemoryReport, Module, OwnedFunction, PassReport, Unit};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The translations of functions, by keys of the caller's choice: each is there, to be inlined into others, until it is
/// released, and for as long as there are others that may have taken it in.
///
/// ```
/// use martlet_codegen::{Error, Library, Target, Tier};
///
/// let library = Library::new("example", Target::host())?;
/// let one = library.compile("one", [], Tier::Quick, |module, _| {
///     module.add("define i64 @one() { ret i64 1 }")?;
///     Ok::<_, Error>(module.own("one")?)
/// })?;
/// assert!(one.compiled.object.starts_with(b"\x7fELF"));
/// let two = library.compile("two", ["one", "lost"], Tier::Best, |module, known| {
///     assert_eq!(known, ["one"]);
///     module.add("declare i64 @one() define i64 @two() { %1 = call i64 @one() %2 = add i64 %1, %1 ret i64 %2 }")?;
///     Ok::<_, Error>(module.own("two")?)
/// })?;
/// assert_eq!(two.bodies, ["one"]);
/// library.release(["one", "two"]);
/// assert_eq!((library.len(), library.memory_report().definitions), (0, 0));
/// # Ok::<_, Error>(())
/// ```
#[derive(Debug)]
pub struct Library<K> {
    inner: Mutex<Inner<K>>,
    emitters: Emitters,
}

#[derive(Debug)]
struct Inner<K> {
    module: Module,
    /// Each translation, and behind it those that it may take in, and those that these may: they go with it.
    translations: HashMap<K, Vec<OwnedFunction>>,
}

/// What [`Library::compile`] made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Translated<K> {
    /// The object, and what it took.
    pub compiled: Compiled,
    /// Those of the bodies that were offered which the library had. Not all of them may be in the object; but passes over
    /// the library may take any of them into the translation, and so into whatever takes that in.
    pub bodies: Vec<K>,
    /// Time of the translation and the extraction, without waiting for other threads.
    pub translate: Duration,
}

impl<K: Copy + Eq + Hash> Library<K> {
    /// An empty library for a target.
    ///
    /// # Errors
    /// [`Error::Target`] if this LLVM has none such.
    pub fn new(name: &str, target: Target) -> Result<Self, Error> {
        let (mut module, emitters) = (Module::new(name), Emitters::new(target)?);
        emitters.with(|it| it.prepare(&mut module))?;
        let translations = HashMap::new();
        let inner = Mutex::new(Inner {
            module,
            translations,
        });
        Ok(Library { inner, emitters })
    }

    /// Has a function translated, and compiles it with such of these bodies as the library has, and what these may take
    /// in. `translate` is given the library's module and the keys of the bodies that it may name, and answers the
    /// translation, which stays under `key`.
    ///
    /// # Errors
    /// That of `translate`; [`Error::Ir`] if the function cannot be extracted; those of
    /// [`Emitter::compile`](crate::Emitter::compile). The translation stays all the same once it is made: release it.
    pub fn compile<E: From<Error>>(
        &self,
        key: K,
        bodies: impl IntoIterator<Item = K>,
        tier: Tier,
        translate: impl FnOnce(&mut Module, &[K]) -> Result<OwnedFunction, E>,
    ) -> Result<Translated<K>, E> {
        let mut guard = self.lock();
        let Inner {
            module,
            translations,
        } = &mut *guard;
        let start = Instant::now();
        let bodies = bodies.into_iter();
        let bodies: Vec<K> = bodies.filter(|it| translations.contains_key(it)).collect();
        let translation = translate(module, &bodies)?;
        let taken_in = bodies.iter().flat_map(|it| &translations[it]).cloned();
        let mut functions: Vec<OwnedFunction> = taken_in.collect();
        functions.sort_by_key(OwnedFunction::id);
        functions.dedup_by_key(|it| it.id());
        let unit = extract(module, &translation, &mut functions);
        functions.insert(0, translation);
        translations.insert(key, functions);
        let mut unit = unit.map_err(Error::from)?;
        drop(guard);
        let translate = start.elapsed();
        Ok(Translated {
            compiled: self
                .emitters
                .with(|it| it.compile(&mut unit.module, tier))?,
            bodies,
            translate,
        })
    }

    /// Forgets translations; those that others may have taken in go with the last of these.
    pub fn release(&self, keys: impl IntoIterator<Item = K>) {
        let mut inner = self.lock();
        for key in keys {
            inner.translations.remove(&key);
        }
        inner.module.collect();
    }

    /// A phase: nobody else is at the module meanwhile.
    pub fn phase<R>(&self, work: impl FnOnce(&mut Module) -> R) -> R {
        work(&mut self.lock().module)
    }

    /// Runs passes over all translations at once.
    ///
    /// # Errors
    /// [`Error::Ir`] where the text is not a pipeline, or a pass failed.
    pub fn maintain(&self, pipeline: &str) -> Result<PassReport, Error> {
        self.emitters.with(|emitter| {
            let machine = emitter.machine(OptLevel::Default)?;
            Ok(self.phase(|module| module.run_passes(pipeline, machine))?)
        })
    }

    /// How many translations it has.
    pub fn len(&self) -> usize {
        self.lock().translations.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is in the module.
    pub fn memory_report(&self) -> MemoryReport {
        self.phase(|module| module.memory_report())
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Extracts with these bodies, and with what else is named: passes over the library (`mergefunc`) have functions call
/// others that they did not name before. What is brought is added.
fn extract(
    module: &mut Module,
    translation: &OwnedFunction,
    bodies: &mut Vec<OwnedFunction>,
) -> Result<Unit, martlet_ir::Error> {
    loop {
        let bring = bodies.iter().map(|function| Bring {
            function,
            tag: function.id().as_u64(),
        });
        let unit = module.extract(translation, &bring.collect::<Vec<_>>())?;
        let mut left_out = declared(&unit.module);
        left_out.retain(|it| is_defined(module, it));
        let n_bodies = bodies.len();
        for name in left_out {
            let body = module.own(&name)?;
            if bodies.iter().all(|it| it.id() != body.id()) {
                bodies.push(body);
            }
        }
        if bodies.len() == n_bodies {
            return Ok(unit);
        }
    }
}

fn declared(module: &Module) -> Vec<String> {
    module.read(|edit| {
        let functions = edit.module().get_functions();
        let declared = functions.filter(|it| it.count_basic_blocks() == 0);
        declared.map(|it| text(it.get_name().to_bytes())).collect()
    })
}

fn is_defined(module: &Module, name: &str) -> bool {
    module.read(|edit| {
        let function = edit.module().get_function(name);
        function.is_some_and(|it| it.count_basic_blocks() > 0)
    })
}
