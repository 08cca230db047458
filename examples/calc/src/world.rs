//! What a program is: names, and the engine that makes machine code for what they mean.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use arc_swap::ArcSwapOption;
use martlet_codegen::{Library, Target};
use martlet_engine::machine_code::Runtime;
use martlet_engine::{Engine, Function, InstallHooks, Options, Requested, Tier, Version, Work};

use crate::compile::{Calc, Source};
use crate::interpret;
use crate::parse::{Definition, parse};
use crate::raw::{Frame, call, default_target};

/// A version that was called so often is made again, better.
const CALLS_FOR_BEST: u64 = 1_000;
/// What has no more machine code and tables may be inlined.
const INLINED_BYTES: u64 = 512;

/// A program that can be changed while it runs.
pub struct World {
    engine: Engine<Calc>,
    compiler: Arc<Calc>,
    names: Mutex<HashMap<Arc<str>, Arc<Name>>>,
    /// The embedder's lock: whoever changes definitions, or installs what was made of them, holds it.
    changing: Mutex<()>,
    /// Every so many interpreted calls of a function, machine code is asked for; 0: never.
    hot: u64,
    /// Not 0 when all loops are to end.
    pub(crate) stop: AtomicU8,
}

/// A name in a program, whatever it means now. Its address is in machine code, so it stays.
#[derive(Default)]
pub(crate) struct Name {
    pub(crate) meaning: ArcSwapOption<Meaning>,
    /// How often it was called, but where it is inlined.
    n_calls: AtomicU64,
}

/// What a name means: an identity of the engine's, and the latest tree.
pub(crate) struct Meaning {
    pub(crate) function: Function<()>,
    definition: Arc<Definition>,
}

impl World {
    /// An empty program. Every `hot` interpreted calls of a function, machine code is asked for; never, if that is 0.
    pub fn new(options: Options, hot: u64) -> Result<Arc<Self>> {
        let library = Library::new("calc", Target::host())?;
        let compiler = Arc::new(Calc { library });
        let for_engine = compiler.clone();
        let runtime = Runtime::builder().build()?;
        let world = Arc::new(World {
            engine: Engine::new(runtime, options, move || Ok(for_engine.clone())),
            compiler,
            names: Mutex::default(),
            changing: Mutex::default(),
            hot,
            stop: AtomicU8::new(0),
        });
        // What falls because it contains something that is redefined is made anew in the background.
        let weak = Arc::downgrade(&world);
        world.engine.on_refresh(move |version, _| {
            let source = weak.upgrade()?.source(version.record().name())?;
            Some(Work::new(source).tier(version.tier()))
        });
        Ok(world)
    }

    /// Does what a line says, and answers the value of an expression.
    pub fn run(&self, line: &str) -> Result<Option<f64>> {
        match parse(line)? {
            (Some(name), definition) => self.define(&name, definition).map(|()| None),
            (None, it) => Ok(Some(interpret::run(&Frame::new(self), &it, &[]))),
        }
    }

    /// Calls see the new definition when this returns.
    fn define(&self, text: &Arc<str>, definition: Definition) -> Result<()> {
        let _changing = self.lock();
        let (name, definition) = (self.name(text), Arc::new(definition));
        let function = match name.meaning.load_full() {
            Some(it) => it.function.clone(),
            None => self.engine.function(text.clone(), default_target())?,
        };
        let meaning = Meaning {
            function: function.clone(),
            definition,
        };
        let change = || name.meaning.store(Some(Arc::new(meaning)));
        self.engine.refresh_after(&function, "redefined", change);
        Ok(())
    }

    /// Forgets a function. Calls of its name give NaN until there is another one.
    pub fn delete(&self, name: &str) -> Result<()> {
        let _changing = self.lock();
        let function = self.function(name)?;
        let change = || self.name(name).meaning.store(None);
        self.engine.refresh_after(&function, "deleted", change);
        drop(function);
        self.engine.collect(&|_| false);
        Ok(())
    }

    /// Has a function compiled at once, on this thread; or says why not.
    pub fn compile(&self, name: &str, tier: Tier) -> Result<Arc<Version<()>>> {
        let _changing = self.lock();
        let function = self.function(name)?;
        let source = self.source(name).context("it is deleted")?;
        let work = Work::new(source).tier(tier);
        let resolve = |symbol: &str| self.resolve(symbol);
        let mut hooks = InstallHooks::resolving(&resolve);
        Ok(self.engine.compile_now(&function, work, &mut hooks)?)
    }

    /// The engine's handle of a function.
    pub fn function(&self, name: &str) -> Result<Function<()>> {
        let meaning = self.name(name).meaning.load_full();
        let meaning = meaning.with_context(|| format!("there is no function `{name}`"))?;
        Ok(meaning.function.clone())
    }

    /// Installs what was made in the background, and frees what nobody is inside of any more, unless somebody is at it.
    pub fn poll(&self) {
        if let Ok(_changing) = self.changing.try_lock() {
            let resolve = |symbol: &str| self.resolve(symbol);
            let mut hooks = InstallHooks::resolving(&resolve);
            self.engine.install_finished(&mut hooks);
            // Whoever is inside has entered by a `Thread`, of which the runtime knows.
            self.engine.collect(&|_| false);
        }
    }

    /// Has all loops end (or not, for new ones).
    pub fn stop(&self, stop: bool) {
        // Relaxed: it will be seen at one of the next turns.
        self.stop.store(stop.into(), Ordering::Relaxed);
    }

    /// The engine.
    pub fn engine(&self) -> &Engine<Calc> {
        &self.engine
    }

    /// The compiler.
    pub fn compiler(&self) -> &Calc {
        &self.compiler
    }

    /// A call that no machine code was there for.
    pub(crate) fn interpret(&self, frame: &Frame<'_>, name: &Name, args: &[f64]) -> f64 {
        self.count(name, self.hot, Tier::Quick);
        let meaning = name.meaning.load_full();
        meaning.map_or(f64::NAN, |it| interpret::run(frame, &it.definition, args))
    }

    /// A call from machine code.
    pub(crate) fn warm(&self, name: &Name) {
        self.count(name, CALLS_FOR_BEST, Tier::Best);
    }

    fn count(&self, name: &Name, every: u64, tier: Tier) {
        // Relaxed: an estimate.
        let n_calls = name.n_calls.fetch_add(1, Ordering::Relaxed) + 1;
        if self.hot > 0 && n_calls.is_multiple_of(every) {
            self.request(name, tier, n_calls as u32);
        }
        if self.engine.has_finished() {
            self.poll();
        }
    }

    /// Asks for machine code, unless there is as good, or somebody is changing something: the lock is what makes sure
    /// that the source is not older than the engine takes it to be.
    fn request(&self, name: &Name, tier: Tier, priority: u32) -> Option<Requested> {
        let _changing = self.changing.try_lock().ok()?;
        let meaning = name.meaning.load_full()?;
        if meaning
            .function
            .current()
            .is_some_and(|it| it.tier() >= tier)
        {
            return None;
        }
        let work = Work::new(self.source(meaning.function.name())?).tier(tier);
        // A refusal is counted, and stays with the function.
        self.engine
            .request(&meaning.function, work.priority(priority))
            .ok()
    }

    /// What the compiler is to know of a function as it is now.
    fn source(&self, text: &str) -> Option<Source> {
        let definition = self.name(text).meaning.load_full()?.definition.clone();
        let small = |name: &Arc<str>| {
            let version = self.function(name).ok()?.current()?;
            let is_small = **name != *text && version.bytes() <= INLINED_BYTES;
            is_small.then(|| (name.clone(), version.id()))
        };
        let inlined = definition.callees.iter().filter_map(small).collect();
        Some(Source {
            definition,
            inlined,
        })
    }

    /// What machine code names: names, which live for as long as the world; and what calls them, which stands for bodies
    /// as well that might have been taken in and were not.
    fn resolve(&self, symbol: &str) -> Option<usize> {
        Some(match symbol.strip_prefix("calc.name.") {
            Some(name) => Arc::as_ptr(&self.name(name)) as usize,
            None if symbol == "calc.stop" => self.stop.as_ptr() as usize,
            None => call as *const () as usize,
        })
    }

    /// What stands for a name, made if there is nothing.
    pub(crate) fn name(&self, text: &str) -> Arc<Name> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get(text) {
            return name.clone();
        }
        let name = Arc::<Name>::default();
        names.insert(text.into(), name.clone());
        name
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
