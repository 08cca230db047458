//! What a program is: names, and the engine that makes machine code for what they mean.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use arc_swap::ArcSwapOption;
use martlet_engine::machine_code::Runtime;
use martlet_engine::{Engine, Function, InstallHooks, Options, Requested, Tier, Version, Work};

use crate::compile::{Calc, Source};
use crate::interpret;
use crate::parse::{Definition, Line, parse};
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
    stop: AtomicU8,
}

/// A name in a program, whatever it means now. Its address is in machine code, so it stays.
#[derive(Default)]
pub(crate) struct Name {
    meaning: ArcSwapOption<Meaning>,
    /// How often it was called, but where it is inlined.
    n_calls: AtomicU64,
}

/// What a name means: an identity of the engine's, and the latest tree.
pub(crate) struct Meaning {
    pub(crate) function: Function<()>,
    definition: Arc<Definition>,
}

impl Name {
    pub(crate) fn meaning(&self) -> Option<Arc<Meaning>> {
        self.meaning.load_full()
    }
}

/// What a line came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// This function is defined now.
    Defined(Arc<str>),
    /// The number.
    Value(f64),
}

impl World {
    /// An empty program. Every `hot` interpreted calls of a function, machine code is asked for; never, if that is 0.
    pub fn new(options: Options, hot: u64) -> Result<Arc<Self>> {
        let compiler = Arc::new(Calc::new()?);
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
            let source = weak.upgrade()?.source(&version.function()?)?;
            Some(Work::new(source).tier(version.tier()))
        });
        Ok(world)
    }

    /// Does what a line says.
    pub fn run(&self, line: &str) -> Result<Answer> {
        match parse(line)? {
            Line::Define(definition) => self.define(definition).map(Answer::Defined),
            Line::Evaluate(definition) => {
                let value = interpret::run(&Frame::new(self), &definition, &[]);
                Ok(Answer::Value(value))
            }
        }
    }

    /// Calls see the new definition when this returns.
    fn define(&self, definition: Definition) -> Result<Arc<str>> {
        let _changing = self.lock();
        let (text, name) = (definition.name.clone(), self.name(&definition.name));
        let function = match name.meaning() {
            Some(it) => it.function.clone(),
            None => self.engine.function(text.clone(), default_target())?,
        };
        name.meaning.store(Some(Arc::new(Meaning {
            function: function.clone(),
            definition: Arc::new(definition),
        })));
        self.engine.refresh(&function, "redefined");
        Ok(text)
    }

    /// Forgets a function. Calls of its name give NaN until there is another one.
    pub fn delete(&self, name: &str) -> Result<()> {
        let _changing = self.lock();
        let function = self.function(name)?;
        self.name(name).meaning.store(None);
        self.engine.refresh(&function, "deleted");
        drop(function);
        self.engine.collect(&|_| false);
        Ok(())
    }

    /// Has a function compiled at once, on this thread; or says why not.
    pub fn compile(&self, name: &str, tier: Tier) -> Result<Arc<Version<()>>> {
        let _changing = self.lock();
        let function = self.function(name)?;
        let source = self.source(&function).context("it is deleted")?;
        let work = Work::new(source).tier(tier);
        let compiled = self.with_hooks(|hooks| self.engine.compile_now(&function, work, hooks));
        Ok(compiled?)
    }

    /// The engine's handle of a function.
    pub fn function(&self, name: &str) -> Result<Function<()>> {
        let meaning = self.name(name).meaning();
        let meaning = meaning.with_context(|| format!("there is no function `{name}`"))?;
        Ok(meaning.function.clone())
    }

    /// Installs what was made in the background, and frees what nobody is inside of any more, unless somebody is at it.
    pub fn poll(&self) {
        if let Ok(_changing) = self.changing.try_lock() {
            self.with_hooks(|hooks| self.engine.install_finished(hooks));
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

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) != 0
    }

    /// A call that no machine code was there for.
    pub(crate) fn interpret(&self, frame: &Frame<'_>, name: &Name, args: &[f64]) -> f64 {
        self.count(name, self.hot, Tier::Quick);
        let meaning = name.meaning();
        meaning.map_or(f64::NAN, |it| interpret::run(frame, &it.definition, args))
    }

    /// A call from machine code.
    pub(crate) fn warm(&self, name: &Name) {
        self.count(name, CALLS_FOR_BEST, Tier::Best);
    }

    /// Asks for machine code of this tier every so many calls, unless somebody is changing something: the lock is what
    /// makes sure that the source is not older than the engine takes it to be.
    fn count(&self, name: &Name, every: u64, tier: Tier) {
        // Relaxed: an estimate.
        let n_calls = name.n_calls.fetch_add(1, Ordering::Relaxed) + 1;
        if self.hot > 0
            && n_calls.is_multiple_of(every)
            && let Ok(_changing) = self.changing.try_lock()
        {
            // A refusal is counted, and stays with the function.
            let _ = self.request(name, tier, n_calls);
        }
        if self.engine.has_finished() {
            self.poll();
        }
    }

    fn request(&self, name: &Name, tier: Tier, n_calls: u64) -> Option<Requested> {
        let meaning = name.meaning()?;
        let function = &meaning.function;
        if function.current().is_some_and(|it| it.tier() >= tier) {
            return None;
        }
        let work = Work::new(self.source(function)?).tier(tier);
        let priority = u32::try_from(n_calls).unwrap_or(u32::MAX);
        self.engine.request(function, work.priority(priority)).ok()
    }

    /// What the compiler is to know of a function as it is now. None if it is deleted.
    fn source(&self, function: &Function<()>) -> Option<Source> {
        let meaning = self.name(function.name()).meaning()?;
        let is_other = |it: &Function<()>| it.id() != function.id();
        let may_be_inlined = |name: &Arc<str>| {
            let version = self.function(name).ok().filter(is_other)?.current()?;
            (version.bytes() <= INLINED_BYTES).then(|| (name.clone(), version.id()))
        };
        let definition = meaning.definition.clone();
        (!is_other(&meaning.function)).then(|| Source {
            inlined: definition
                .callees
                .iter()
                .filter_map(may_be_inlined)
                .collect(),
            definition,
        })
    }

    /// Machine code names by address what lives for as long as the world.
    fn with_hooks<R>(&self, work: impl FnOnce(&mut InstallHooks<'_, ()>) -> R) -> R {
        let resolve = |symbol: &str| match symbol {
            "calc.call" => Some(call as *const () as usize),
            "calc.stop" => Some(self.stop.as_ptr() as usize),
            _ => {
                let name = self.name(symbol.strip_prefix("calc.name.")?);
                Some(Arc::as_ptr(&name) as usize)
            }
        };
        work(&mut InstallHooks {
            resolve: &resolve,
            fill: &mut |_, _| Ok(()),
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
