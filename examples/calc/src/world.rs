//! What a program is: names, and the engine that makes machine code for them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use martlet_engine::machine_code::Runtime;
use martlet_engine::{
    AssumptionKey, Engine, EntryPoint, Finished, Function, FunctionId, InstallHooks, Options,
    Refusal, Tier, Version, Work, machine_code,
};

use crate::compile::{Calc, Callees, Meta, Source, VALID};
use crate::interpret;
use crate::parse::{Definition, Expr, Line, ParseError, parse};
use crate::raw::{Callee, Frame, address_of, default_target};

/// A version that was called so often is made again, better.
const CALLS_FOR_BEST: u64 = 1_000;
/// Trees of no more parts than this may be inlined.
const INLINED_PARTS: usize = 20;

/// A program that can be changed while it runs.
pub struct World {
    engine: Engine<Calc>,
    compiler: Arc<Calc>,
    names: RwLock<HashMap<Arc<str>, Arc<Named>>>,
    by_id: RwLock<HashMap<FunctionId, Weak<Callee>>>,
    /// The embedder's lock: whoever changes definitions, or installs what was made of them, holds it.
    changing: Mutex<()>,
    /// Every so many interpreted calls of a function, machine code is asked for; 0: never.
    hot: u64,
    /// Not 0 when all loops are to end.
    pub(crate) stop: AtomicU8,
}

struct Named {
    callee: Arc<Callee>,
    function: Function<Meta>,
    /// None for a name that was only called so far.
    definition: RwLock<Option<Arc<Definition>>>,
}

/// What a line came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// This function is defined now.
    Defined(Arc<str>),
    /// The number.
    Value(f64),
}

/// What can go wrong with a program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not of the language.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// There is no memory for machine code, or no compiler.
    #[error(transparent)]
    MachineCode(#[from] machine_code::Error),
    /// The function's entry could not be made.
    #[error(transparent)]
    Engine(#[from] martlet_engine::Error),
    /// It cannot be compiled.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nobody has defined that.
    #[error("there is no function `{0}`")]
    Unknown(String),
}

impl World {
    /// An empty program. Every `hot` interpreted calls of a function, machine code is asked for; never,
    /// if that is 0.
    ///
    /// # Errors
    /// Where there is no memory for machine code, or LLVM does not know this machine.
    pub fn new(options: Options, hot: u64) -> Result<Arc<Self>, Error> {
        let compiler = Arc::new(Calc::new()?);
        let for_engine = compiler.clone();
        let runtime = Runtime::builder().build()?;
        let world = Arc::new(World {
            engine: Engine::new(runtime, options, move || Ok(for_engine.clone())),
            compiler,
            names: RwLock::default(),
            by_id: RwLock::default(),
            changing: Mutex::default(),
            hot,
            stop: AtomicU8::new(0),
        });
        let set = |value| {
            // Relaxed: whoever has called us finds it, and others are as good as before us.
            move |version: &Version<Meta>| version.meta().valid.store(value, Ordering::Relaxed)
        };
        world.engine.on_invalidate(set(0));
        world.engine.on_revive(set(1));
        let weak = Arc::downgrade(&world);
        world.engine.on_refresh(move |version, _| {
            let world = weak.upgrade()?;
            let source = world.source(&version.meta().name)?;
            Some(Work::new(source).tier(version.tier()))
        });
        Ok(world)
    }

    /// Does what a line says.
    ///
    /// # Errors
    /// Where it cannot be read, or there is no memory.
    pub fn run(&self, line: &str) -> Result<Answer, Error> {
        match parse(line)? {
            Line::Define(definition) => self.define(definition).map(Answer::Defined),
            Line::Evaluate(definition) => Ok(Answer::Value(self.evaluate(&definition))),
        }
    }

    /// Calls with this value see the new definition when this returns. What contains the old one is made
    /// anew in the background.
    ///
    /// # Errors
    /// Where there is no memory.
    pub fn define(&self, definition: Definition) -> Result<Arc<str>, Error> {
        let _changing = self.lock();
        let name = definition.name.clone();
        // Whatever it calls has an identity from now on, so that machine code can name it.
        for callee in names_in(&definition.body) {
            self.named(&callee)?;
        }
        let named = self.named(&name)?;
        *named
            .definition
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(definition));
        self.engine.refresh(&named.function, "redefined");
        Ok(name)
    }

    /// Forgets a function. What names it is made anew when it is hot again.
    ///
    /// # Errors
    /// If there is none.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        let _changing = self.lock();
        let named = self.names_mut(|names| names.remove(name));
        let named = named.ok_or_else(|| Error::Unknown(name.to_owned()))?;
        self.engine.refresh(&named.function, "deleted");
        let key = AssumptionKey(named.function.id().0);
        self.engine.break_assumption(key, "a callee was deleted");
        drop(named);
        self.engine.collect(&|_| false);
        Ok(())
    }

    /// The value of an expression, on this thread.
    pub fn evaluate(&self, definition: &Definition) -> f64 {
        interpret::run(&Frame::new(self), definition, &[])
    }

    /// Has a function compiled at once, on this thread.
    ///
    /// # Errors
    /// If there is none, or the reason why it is not compiled.
    pub fn compile(&self, name: &str, tier: Tier) -> Result<Arc<Version<Meta>>, Error> {
        let _changing = self.lock();
        let function = self.function(name)?;
        let source = self.source(name);
        let source = source.ok_or_else(|| Error::Unknown(name.to_owned()))?;
        let valid = source.valid.clone();
        let work = Work::new(source).tier(tier);
        self.with_hooks(valid, |hooks| {
            self.engine.compile_now(&function, work, hooks)
        })
        .map_err(Error::Refused)
    }

    /// The engine's handle of a function.
    ///
    /// # Errors
    /// If nobody has defined or called it.
    pub fn function(&self, name: &str) -> Result<Function<Meta>, Error> {
        let named = self.find(name);
        let named = named.ok_or_else(|| Error::Unknown(name.to_owned()))?;
        Ok(named.function.clone())
    }

    /// Installs what was made in the background, and frees what nobody is inside of any more, unless
    /// somebody is at it.
    pub fn poll(&self) {
        let Ok(_changing) = self.changing.try_lock() else {
            return;
        };
        while let Some(finished) = self.engine.take_finished() {
            // A refusal is counted, and stays with the function.
            let _ = self.install(finished);
        }
        self.engine.collect(&|_| false);
    }

    /// Has all loops end (or not, for new ones).
    pub fn stop(&self, stop: bool) {
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

    // ---- calls

    /// A call that no machine code was there for.
    pub(crate) fn interpret(&self, frame: &Frame<'_>, callee: &Callee, args: &[f64]) -> f64 {
        let Some(named) = self.find(&callee.name) else {
            return f64::NAN;
        };
        if !std::ptr::eq(&*named.callee, callee) {
            // The function that the caller knows is gone; another one has its name.
            return frame.call(&named.callee, args);
        }
        // Relaxed: an estimate.
        let n_calls = callee.n_calls.fetch_add(1, Ordering::Relaxed);
        if self.hot > 0 && n_calls % self.hot == self.hot - 1 {
            self.request(&named, Tier::Quick, n_calls);
        }
        if self.engine.has_finished() {
            self.poll();
        }
        let definition = named
            .definition
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        definition.map_or(f64::NAN, |it| interpret::run(frame, &it, args))
    }

    /// Machine code calls a function.
    pub(crate) fn warm(&self, callee: &Callee) {
        let n_calls = callee.n_calls.fetch_add(1, Ordering::Relaxed);
        if self.hot > 0 && n_calls % CALLS_FOR_BEST == CALLS_FOR_BEST - 1 {
            let named = self.find(&callee.name);
            if let Some(named) = named.filter(|it| {
                it.function
                    .current()
                    .is_some_and(|it| it.tier() < Tier::Best)
            }) {
                self.request(&named, Tier::Best, n_calls);
            }
        }
        if self.engine.has_finished() {
            self.poll();
        }
    }

    pub(crate) fn call_by_name(&self, frame: &Frame<'_>, name: &str, args: &[f64]) -> f64 {
        self.find(name)
            .map_or(f64::NAN, |it| frame.call(&it.callee, args))
    }

    // ---- compiling

    /// Asks for machine code, unless somebody is changing something. The lock is what makes sure that the
    /// source is not older than the engine takes it to be.
    fn request(&self, named: &Named, tier: Tier, n_calls: u64) {
        let Ok(_changing) = self.changing.try_lock() else {
            return;
        };
        let Some(source) = self.source(&named.callee.name) else {
            return;
        };
        let priority = u32::try_from(n_calls).unwrap_or(u32::MAX);
        let work = Work::new(source).tier(tier).priority(priority);
        let _ = self.engine.request(&named.function, work);
    }

    /// What the compiler is to know of a function as it is now.
    fn source(&self, name: &str) -> Option<Source> {
        let named = self.find(name)?;
        let definition = named
            .definition
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        let mut callees = Callees::new();
        for name in names_in(&definition.body) {
            let callee = self.find(&name)?;
            let is_small = |it: &Arc<Definition>| n_parts(&it.body) <= INLINED_PARTS;
            let body = callee
                .definition
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let may_inline = body.as_ref().is_some_and(is_small) && !Arc::ptr_eq(&callee, &named);
            let version = callee.function.current_at(EntryPoint::GENERIC);
            let version = version.filter(|_| may_inline).map(|it| it.id());
            callees.insert(name, (callee.function.id(), version));
        }
        Some(Source {
            definition,
            callees,
            valid: Arc::new(AtomicU64::new(1)),
        })
    }

    fn install(&self, finished: Finished<Meta>) -> Result<Arc<Version<Meta>>, Refusal> {
        let valid = finished.compiled().map(|it| it.meta.valid.clone());
        self.with_hooks(valid.unwrap_or_default(), |hooks| {
            self.engine.install(finished, hooks)
        })
    }

    /// Machine code names callees and its own `valid` by address: they are held until it is gone.
    fn with_hooks<R>(
        &self,
        valid: Arc<AtomicU64>,
        work: impl FnOnce(&mut InstallHooks<'_, Meta>) -> R,
    ) -> R {
        let callees = RefCell::new(Vec::new());
        let resolve = |symbol: &str| {
            if symbol == VALID {
                return Some(Arc::as_ptr(&valid) as usize);
            }
            let Some(id) = symbol.strip_prefix("callee.") else {
                return address_of(symbol, &self.stop);
            };
            let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
            let callee = by_id.get(&FunctionId(id.parse().ok()?))?.upgrade()?;
            let address = Arc::as_ptr(&callee) as usize;
            callees.borrow_mut().push(callee);
            Some(address)
        };
        let mut fill = |version: &Arc<Version<Meta>>, _: &machine_code::Code| {
            version.hold(callees.take());
            version.hold(valid.clone());
            Ok(())
        };
        work(&mut InstallHooks {
            resolve: &resolve,
            fill: &mut fill,
        })
    }

    // ---- names

    fn find(&self, name: &str) -> Option<Arc<Named>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(name).cloned()
    }

    fn names_mut<R>(&self, work: impl FnOnce(&mut HashMap<Arc<str>, Arc<Named>>) -> R) -> R {
        work(&mut self.names.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The function of this name, made if there is none. Under the lock.
    fn named(&self, name: &Arc<str>) -> Result<Arc<Named>, Error> {
        if let Some(named) = self.find(name) {
            return Ok(named);
        }
        let function = self.engine.function(name.clone(), default_target())?;
        let callee = Arc::new(Callee {
            name: name.clone(),
            entry: function.entry().clone(),
            n_calls: AtomicU64::new(0),
        });
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.retain(|_, it| it.strong_count() > 0);
        by_id.insert(function.id(), Arc::downgrade(&callee));
        let named = Arc::new(Named {
            callee,
            function,
            definition: RwLock::default(),
        });
        self.names_mut(|names| names.insert(name.clone(), named.clone()));
        Ok(named)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frame<'_> {
    /// Calls whoever has this name now.
    pub(crate) fn call_by_name(&self, name: &str, args: &[f64]) -> f64 {
        self.world.call_by_name(self, name, args)
    }
}

/// Whom a tree calls, each once.
fn names_in(body: &Expr) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    visit(body, &mut |expr| {
        if let Expr::Call(name, _) = expr
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    });
    names
}

fn n_parts(body: &Expr) -> usize {
    let mut n = 0;
    visit(body, &mut |_| n += 1);
    n
}

fn visit(expr: &Expr, f: &mut impl FnMut(&Expr)) {
    f(expr);
    match expr {
        Expr::Number(_) | Expr::Local(_) => (),
        Expr::Set(_, value) => visit(value, f),
        Expr::Binary(_, left, right) => [left, right].into_iter().for_each(|it| visit(it, f)),
        Expr::If(parts) => parts.iter().for_each(|it| visit(it, f)),
        Expr::While(parts) => parts.iter().for_each(|it| visit(it, f)),
        Expr::Call(_, parts) | Expr::Block(parts) => parts.iter().for_each(|it| visit(it, f)),
    }
}
