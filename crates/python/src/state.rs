//! What the extension knows: one value, guarded by the GIL.
//!
//! Whoever is at it may call into the interpreter, and that may call back (a function dies, a class dies). Such news
//! waits in a queue, and is worked off before the GIL can pass on.

use std::cell::LazyCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError};

use martlet_engine::machine_code::Runtime;
use martlet_engine::{Door, Engine, EntryPoint, Function, FunctionId, Refusal};
use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::budget::Waiting;
use crate::compiler::{Meta, Remote};
use crate::hotness::Heat;
use crate::notes::Notes;
use crate::options::Options;
use crate::profile::Profile;
use crate::raw::guarded::Guarded;
use crate::raw::objects::of_sys;
use crate::raw::record::RawRecord;
use crate::raw::{Addr, Gil, code, frames, functions, launch, unit};
use crate::storms::{Classes, Memory, Storms};
use crate::tables::{Table, Tables};

/// One code object that was looked at closer.
pub(crate) struct CodeEntry {
    pub(crate) raw: RawRecord,
    /// Its identity, once it is to be compiled or called directly.
    pub(crate) function: Option<Function<Meta>>,
    /// Doors into loops, by header.
    pub(crate) doors: Vec<(u32, Door<Meta>)>,
    pub(crate) heat: Heat,
    /// Calls that were counted, where they alone make it hot.
    pub(crate) calls: u32,
    /// It was asked for as a function; it was compiled as one.
    pub(crate) tally: (bool, bool),
    pub(crate) qualname: Arc<str>,
    /// Why nothing will be compiled.
    pub(crate) refusal: Option<Refusal>,
    /// Where guards failed too often: code object and offset. The addresses are compared, never followed.
    pub(crate) avoid: Vec<(Addr, u32)>,
    pub(crate) storms: Storms,
    pub(crate) memory: Memory,
    /// Classes whose objects had an attribute read or written where machine code had not expected them.
    pub(crate) classes: Classes,
    /// What versions have noted of operands.
    pub(crate) notes: Notes,
}

/// Everything.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) engine: Arc<Engine<Remote>>,
    pub(crate) interpreter: frames::Interpreter,
    pub(crate) codes: HashMap<Addr, CodeEntry>,
    pub(crate) by_id: HashMap<FunctionId, Addr>,
    pub(crate) tables: Tables,
    /// `enable()` was called, and not `disable()` since.
    pub(crate) enabled: bool,
    /// Tools are at work: everything is interpreted.
    pub(crate) tools: bool,
    /// To be dropped where nobody is at the state: dropping may run Python code.
    pub(crate) graveyard: Vec<Table>,
    /// Code objects whose JUMP events are to be switched on or off.
    pub(crate) to_arm: Vec<(Addr, bool)>,
    /// What may be spent on compiling because of the time in machine code, in microseconds.
    pub(crate) gained: u64,
    /// What waits until it can be paid.
    pub(crate) waiting: Waiting,
    /// Samples that fell into machine code, and all.
    pub(crate) samples: (u64, u64),
    /// Why samples fell into the interpreter.
    pub(crate) outside: BTreeMap<String, u64>,
    /// Functions that were asked for, and those of them that were compiled at least once.
    pub(crate) tally: (u64, u64),
    /// Where time is spent, if a report is wanted.
    pub(crate) profile: Option<Profile>,
    /// Codes got entries that all functions of theirs, wherever they are, are to be given.
    pub(crate) entries_changed: bool,
    /// Refusals of our own, before the engine was asked.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// `sys.modules`, and the name in it that says that stacks may be switched under us.
    greenlet: (Py<PyAny>, Py<PyString>),
}

static STATE: Guarded<Option<State>> = Guarded::new(None);
static NEWS: Mutex<Vec<News>> = Mutex::new(Vec::new());
/// Functions of which a version fell, told by the engine.
static FALLEN: Mutex<Vec<FunctionId>> = Mutex::new(Vec::new());

/// What may happen while somebody is at the state.
pub(crate) enum News {
    /// An object that some table watches dies.
    Died(Addr),
    /// A code object with a record dies.
    CodeDied(Addr),
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why there is no state although it was asked for.
static UNAVAILABLE: Mutex<Option<String>> = Mutex::new(None);

/// Why nothing can be compiled in this process, if that is so.
pub(crate) fn unavailable() -> Option<String> {
    lock(&UNAVAILABLE).clone()
}

/// Makes the state, unless it is there. Where the system gives no executable memory there is none: everything is
/// interpreted, and [`unavailable`] says why. So it is in an interpreter whose structures are not those that the helpers
/// were built for; of that the user is warned, who can mend it.
///
/// # Errors
/// Where the interpreter has no room for our records, or warnings are errors.
pub(crate) fn initialise(gil: Gil<'_>) -> PyResult<()> {
    if STATE.try_with(gil, |it| it.is_some()) != Some(false) {
        return Ok(());
    }
    if let Err(unfit) = martlet_helpers::check_layout() {
        launch::hide_nothing(gil);
        let text = format!("{unfit}; nothing is compiled: build martlet for this interpreter");
        *lock(&UNAVAILABLE) = Some(text.clone());
        return warn(gil, &text);
    }
    let options = Options::from_env();
    let runtime = match Runtime::builder().perf_map(options.perf_map).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            *lock(&UNAVAILABLE) = Some(error.to_string());
            return Ok(());
        }
    };
    functions::initialise(gil)?;
    let mut engine_options = martlet_engine::Options::default();
    engine_options.fuel = options.fuel;
    engine_options.chaos = options.chaos.map(martlet_engine::Chaos::new);
    engine_options.code_limit = options.code_limit;
    if options.events.is_some() {
        engine_options.events = 100_000;
    }
    engine_options.on_thread_start = Some(Arc::new(crate::raw::dl::block_signals));
    // Made now, so that children share what may be beside this process; opened or started with the first compile.
    let remote = Remote::get(&options);
    let engine = Engine::new(runtime, engine_options, move || Ok(remote.clone()));
    let interpreter = frames::Interpreter::current(gil);
    engine.on_invalidate(|version| {
        version.meta().header.invalidate();
        lock(&FALLEN).push(version.id().function);
    });
    engine.on_evict(|version| lock(&FALLEN).push(version.id().function));
    crate::stats::write_events(&options, &engine);
    engine.on_finished(move || {
        crate::hotness::wake(interpreter);
    });
    let state = State {
        options,
        engine: Arc::new(engine),
        interpreter,
        codes: HashMap::new(),
        by_id: HashMap::new(),
        tables: Tables::default(),
        enabled: false,
        tools: false,
        graveyard: Vec::new(),
        to_arm: Vec::new(),
        gained: 0,
        waiting: Waiting::default(),
        samples: (0, 0),
        outside: BTreeMap::new(),
        tally: (0, 0),
        profile: None,
        entries_changed: false,
        refused: BTreeMap::new(),
        greenlet: (
            of_sys(gil, c"modules")?.unbind(),
            PyString::new(gil, "greenlet").unbind(),
        ),
    };
    STATE.try_with(gil, |it| *it = Some(state));
    Ok(())
}

fn warn(gil: Gil<'_>, text: &str) -> PyResult<()> {
    let text = CString::new(format!("martlet: {text}"))?;
    PyErr::warn(gil, &gil.get_type::<PyRuntimeWarning>(), &text, 2)
}

/// Runs `f` on the state, and then works off what happened meanwhile. `None` where there is no state yet, or somebody is
/// at it further up on this very stack.
pub(crate) fn with<R>(gil: Gil<'_>, f: impl FnOnce(&mut State) -> R) -> Option<R> {
    let (result, graveyard, to_arm) = STATE.try_with(gil, |it| {
        let state = it.as_mut()?;
        let result = f(state);
        state.work_off(gil);
        Some((
            result,
            std::mem::take(&mut state.graveyard),
            std::mem::take(&mut state.to_arm),
        ))
    })??;
    drop(graveyard);
    for (code, on) in to_arm {
        crate::monitoring::switch(gil, code, on);
    }
    Some(result)
}

/// Passes on what happened: at once, or when whoever is at the state is done.
pub(crate) fn tell(gil: Gil<'_>, news: News) {
    lock(&NEWS).push(news);
    with(gil, |_| ());
}

impl State {
    /// The entry of a live code object, made if there is none.
    pub(crate) fn entry(&mut self, gil: Gil<'_>, addr: Addr) -> PyResult<&mut CodeEntry> {
        match self.codes.entry(addr) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let code = code::Code::new(gil, addr);
                if let Some(profile) = &mut self.profile {
                    profile.keep(gil, addr);
                }
                Ok(place.insert(CodeEntry {
                    raw: RawRecord::attach(gil, &code)?,
                    function: None,
                    doors: Vec::new(),
                    heat: Heat::default(),
                    calls: 0,
                    tally: (false, false),
                    qualname: code.qualname(gil).into(),
                    refusal: None,
                    avoid: Vec::new(),
                    storms: Storms::default(),
                    memory: Memory::default(),
                    classes: Classes::default(),
                    notes: Notes::default(),
                }))
            }
        }
    }

    /// The identity of a live code object, made if there is none.
    pub(crate) fn function(&mut self, gil: Gil<'_>, addr: Addr) -> PyResult<Function<Meta>> {
        let engine = self.engine.clone();
        let entry = self.entry(gil, addr)?;
        if let Some(function) = &entry.function {
            return Ok(function.clone());
        }
        let target = match entry.raw.get().resumable {
            0 => crate::raw::dl::default_target(),
            _ => crate::raw::dl::default_resume_target(),
        };
        let function = engine
            .function(entry.qualname.clone(), target)
            .map_err(|it| pyo3::exceptions::PyMemoryError::new_err(it.to_string()))?;
        let cell = cell_of(function.entry());
        entry.raw.set(|it| it.cell = cell as *const _);
        entry.function = Some(function.clone());
        self.by_id.insert(function.id(), addr);
        Ok(function)
    }

    /// Whether a loop begins there that was not given up.
    pub(crate) fn may_enter(&mut self, gil: Gil<'_>, code: &code::Code, header: u32) -> bool {
        self.entry(gil, code.addr())
            .is_ok_and(|it| it.heat.may_enter(gil, code, header))
    }

    /// Tells the C side which entries lead to machine code.
    pub(crate) fn refresh(&mut self, gil: Gil<'_>, addr: Addr) {
        let Some(entry) = self.codes.get_mut(&addr) else {
            return;
        };
        let Some(function) = &entry.function else {
            return;
        };
        let live = function.current().is_some();
        let changed = u32::from(live) != entry.raw.get().live;
        if changed {
            entry.raw.set(|it| {
                it.live = u32::from(live);
                it.asked = u8::from(live);
            });
        }
        // Without a version the interpreter calls its functions as it calls others: each gets its own entry back when it
        // is called the next time. Where calls are counted they go by us.
        if !live
            && entry.raw.get().entered != 0
            && entry.raw.get().eager == 0
            && self.options.always == 0
        {
            entry.raw.set(|it| it.entered = 0);
            functions::restore_version(gil, addr, entry.raw.get().saved_version);
        }
        if live && entry.raw.get().resumable != 0 {
            functions::enter_generators(gil);
        } else if live && entry.raw.get().entered == 0 {
            entry.raw.set(|it| it.entered = 1);
            functions::forget_version(gil, addr);
            // Functions of this code that exist are given their entry when they are seen to run, or are called by machine
            // code: to look for all of them would be to go through the whole heap. With calls counted, all are at once.
            self.entries_changed |= self.options.always != 0;
        }
    }

    fn work_off(&mut self, gil: Gil<'_>) {
        loop {
            let news = std::mem::take(&mut *lock(&NEWS));
            let fallen = std::mem::take(&mut *lock(&FALLEN));
            if news.is_empty() && fallen.is_empty() {
                break;
            }
            for it in news {
                match it {
                    News::Died(addr) => self.died(addr, "object died"),
                    News::CodeDied(addr) => self.code_died(addr),
                }
            }
            for id in fallen {
                if let Some(addr) = self.by_id.get(&id).copied() {
                    self.refresh(gil, addr);
                }
            }
        }
        if std::mem::take(&mut self.entries_changed) && self.enabled && !self.tools {
            functions::enter_functions(gil);
        }
        let swept = self.tables.sweep();
        self.graveyard.extend(swept);
    }

    fn died(&mut self, addr: Addr, reason: &'static str) {
        for table in self.tables.died(addr) {
            self.engine
                .break_assumption(martlet_engine::AssumptionKey(table), reason);
        }
    }

    fn code_died(&mut self, addr: Addr) {
        self.died(addr, "code died");
        if let Some(entry) = self.codes.remove(&addr)
            && let Some(function) = entry.function
        {
            self.by_id.remove(&function.id());
            function.invalidate("function dropped");
        }
    }

    /// Frees what is retired and nobody is inside of.
    pub(crate) fn collect(&mut self, gil: Gil<'_>) -> usize {
        let (modules, greenlet) = &self.greenlet;
        // Found out when the first version is asked about: mostly none is retired.
        let inside = LazyCell::new(|| {
            let stacks_move = modules.bind(gil).contains(greenlet).unwrap_or(true);
            (!stacks_move).then(|| frames::inside(gil))
        });
        let by_id = &self.by_id;
        let collected = self.engine.collect(&|id| {
            let Some(inside) = &*inside else {
                return true;
            };
            by_id
                .get(&FunctionId(id.identity))
                .is_some_and(|code| inside.contains(&(*code, unit::mark_of(id.version))))
        });
        collected.freed.len()
    }
}

/// The address of an entry's cell.
pub(crate) fn cell_of(entry: &martlet_engine::machine_code::Entry) -> usize {
    entry
        .cell_address()
        .expect("entries of this extension are cells")
        .get()
}

/// The engine's number of a door: 0 is the function's start.
pub(crate) fn point_of(header: u32) -> EntryPoint {
    EntryPoint(header + 1)
}

/// The loop header that a door is for.
pub(crate) fn header_of(point: EntryPoint) -> Option<u32> {
    point.0.checked_sub(1)
}
