//! A compiler for tests: its sources say what the code shall answer, and its objects are real ones.
//!
//! Every unit counts in word 3 of its table who comes in, waits until word 2 is not zero, and answers
//! word 1. So a test can keep threads inside, and sees that tables are filled before anybody comes.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use martlet_engine::machine_code::{Code, DefaultTarget, Runtime, Strategy};
use martlet_engine::*;
use object::write::{Object, Relocation, Symbol, SymbolSection};

pub const SLOTS: &str = "test.slots";
/// What callers get who are led to no version.
pub const UNCOMPILED: u64 = 0;
/// Long enough for a loaded machine; passing tests do not wait for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A function of the test language: it answers a number.
#[derive(Clone, Debug, Default)]
pub struct Source {
    pub answer: u64,
    pub assumptions: Vec<AssumptionKey>,
    pub inlined: Vec<(FunctionId, u32)>,
    pub gate: Option<Arc<Gate>>,
    pub how: How,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum How {
    #[default]
    Fine,
    /// Answers the version's own `valid` byte.
    Valid,
    Refuse,
    Panic,
    /// An object that the linker cannot take.
    Garbage,
    /// Takes until nobody wants it.
    Endless,
}

pub fn answer(answer: u64) -> Source {
    Source {
        answer,
        ..Source::default()
    }
}

impl Source {
    pub fn relying_on(mut self, key: u64) -> Self {
        self.assumptions.push(AssumptionKey(key));
        self
    }

    pub fn containing(mut self, version: VersionId) -> Self {
        self.inlined.push((version.function, version.number));
        self
    }

    pub fn behind(mut self, gate: &Arc<Gate>) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    pub fn how(mut self, how: How) -> Self {
        self.how = how;
        self
    }
}

/// Holds compile threads until it is opened, and counts those that came.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        let (_state, timeout) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |it| !it.1)
            .unwrap();
        assert!(!timeout.timed_out(), "nobody opened the gate");
    }

    /// Waits until so many compile threads stand before it at once.
    pub fn await_arrivals(&self, n: usize) {
        let state = self.state.lock().unwrap();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |it| it.0 < n)
            .unwrap();
        assert!(state.0 >= n, "only {} of {n} came", state.0);
    }

    pub fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

/// What the embedder keeps with a version: here, its `valid` byte.
#[derive(Debug)]
pub struct Meta {
    pub answer: u64,
    pub valid: AtomicBool,
}

/// Keeps a ticket for the "intermediate code" of every version until it is told to forget.
#[derive(Default)]
pub struct Fake {
    pub ir: Mutex<BTreeSet<VersionId>>,
    pub released_functions: Mutex<BTreeSet<FunctionId>>,
    pub order: Mutex<Vec<VersionId>>,
}

/// What the "intermediate code" of a version is said to take.
pub const IR_BYTES: u64 = 1_000;

impl Compiler for Fake {
    type Source = Source;
    type Meta = Meta;

    fn compile(&self, request: &Request<Source>) -> Result<Compiled<Meta>, Refusal> {
        let source = &request.source;
        self.order.lock().unwrap().push(request.version);
        assert!(self.ir.lock().unwrap().insert(request.version));
        if let Some(gate) = &source.gate {
            gate.pass();
        }
        let object = match source.how {
            How::Fine => unit(),
            How::Valid => valid_unit(),
            How::Garbage => b"not an object".to_vec(),
            How::Refuse => return Err(Refusal::new("too odd", request.name.to_string())),
            How::Endless => {
                await_true(|| !request.is_wanted());
                return Err(Refusal::new("gave up", ""));
            }
            How::Panic => panic!("the fake panics over {}", request.name),
        };
        Ok(Compiled {
            object,
            entry_symbol: "body".to_owned(),
            tables: vec![TableSpec {
                symbol: SLOTS.to_owned(),
                words: 4,
            }],
            assumptions: source.assumptions.clone(),
            inlined: source.inlined.clone(),
            meta: Meta {
                answer: source.answer,
                valid: AtomicBool::new(true),
            },
            timings: Timings {
                bytecodes: 1,
                ..Timings::default()
            },
        })
    }

    fn library_bytes(&self) -> u64 {
        self.ir.lock().unwrap().len() as u64 * IR_BYTES
    }

    fn release(&self, released: &[Released]) {
        for it in released {
            match it {
                Released::Version(id) => {
                    assert!(self.ir.lock().unwrap().remove(id), "{id} released twice");
                }
                Released::Function(id) => {
                    assert!(self.released_functions.lock().unwrap().insert(*id));
                }
                other => panic!("{other:?} is new"),
            }
        }
    }
}

/// `mov rax, [rip + martlet.valid@GOTPCREL]; movzx eax, byte [rax]; ret`
fn valid_unit() -> Vec<u8> {
    let code = [0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x0f, 0xb6, 0x00, 0xc3];
    let relocations = [(3, -4, object::elf::R_X86_64_GOTPCREL)];
    object_of(&code, VALID_SYMBOL, &relocations)
}

/// `lock inc qword [slots+24]; wait: cmp qword [slots+16], 0; je wait; mov rax, [slots+8]; ret`
fn unit() -> Vec<u8> {
    let code = [
        0xf0, 0x48, 0xff, 0x05, 0, 0, 0, 0, // lock inc qword ptr [rip + slots + 24]
        0x48, 0x83, 0x3d, 0, 0, 0, 0, 0, // cmp qword ptr [rip + slots + 16], 0
        0x74, 0xf6, // je back to the cmp
        0x48, 0x8b, 0x05, 0, 0, 0, 0,    // mov rax, qword ptr [rip + slots + 8]
        0xc3, // ret
    ];
    // The processor counts from the end of the instruction, the relocation from its field.
    let pc32 = object::elf::R_X86_64_PC32;
    let relocations = [(4, 24 - 4), (11, 16 - 5), (21, 8 - 4)].map(|(at, add)| (at, add, pc32));
    object_of(&code, SLOTS, &relocations)
}

/// An object with this code as `body`, and relocations against one symbol that it does not define.
fn object_of(
    code: &[u8],
    undefined: &str,
    relocations: &[(u64, i64, object::elf::RelocationType)],
) -> Vec<u8> {
    let mut object = Object::new(
        object::BinaryFormat::Elf,
        object::Architecture::X86_64,
        object::Endianness::Little,
    );
    let text = object.section_id(object::write::StandardSection::Text);
    object.append_section_data(text, code, 16);
    let symbol = |name: &str, kind, section| Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind,
        scope: object::SymbolScope::Dynamic,
        weak: false,
        section,
        flags: object::SymbolFlags::None,
    };
    object.add_symbol(symbol(
        "body",
        object::SymbolKind::Text,
        SymbolSection::Section(text),
    ));
    let symbol = object.add_symbol(symbol(
        undefined,
        object::SymbolKind::Data,
        SymbolSection::Undefined,
    ));
    for &(offset, addend, r_type) in relocations {
        let relocation = Relocation {
            offset,
            symbol,
            addend,
            flags: object::RelocationFlags::Elf { r_type },
        };
        object.add_relocation(text, relocation).unwrap();
    }
    object.write().unwrap()
}

pub fn fill(version: &Arc<Version<Meta>>, code: &Code) -> Result<(), Refusal> {
    let slots = code.table(SLOTS).expect("the unit has a table");
    slots[1].store(version.meta().answer, Ordering::Relaxed);
    slots[2].store(1, Ordering::Relaxed);
    Ok(())
}

/// Closes a unit behind whoever comes in; answers its table, which lives until the version is freed.
pub fn close(code: &Code) -> Table {
    let slots = code.table(SLOTS).expect("the unit has a table");
    slots[2].store(0, Ordering::Relaxed);
    Table(slots.as_ptr() as usize)
}

/// The table of a closed unit.
#[derive(Clone, Copy)]
pub struct Table(usize);

impl Table {
    fn word(self, idx: usize) -> &'static AtomicU64 {
        // SAFETY: a word of a table that lives until its version is freed; the tests that close
        // units free them last.
        unsafe { &*(self.0 as *const AtomicU64).add(idx) }
    }

    pub fn await_inside(self, n: u64) {
        await_true(|| self.word(3).load(Ordering::Relaxed) >= n);
    }

    pub fn open(self) {
        self.word(2).store(1, Ordering::Relaxed);
    }
}

pub type House = Engine<Fake>;
pub type Fun = Function<Meta>;

/// An engine with its compiler, of which there is only one, made before it is asked for.
pub fn house_with(change: impl FnOnce(&mut Options)) -> (House, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let compiler = fake.clone();
    let engine = engine_with(change, move || Ok(compiler.clone()));
    (engine, fake)
}

/// The strategies that this machine has: the patched stub needs a barrier of its kernel.
pub fn strategies() -> Vec<Strategy> {
    let works = |strategy: &Strategy| {
        let (engine, _) = house_with(|it| it.strategy = *strategy);
        engine.function("probe", default_target()).is_ok()
    };
    let both = [Strategy::IndirectCell, Strategy::PatchedStub];
    let found: Vec<_> = both.into_iter().filter(works).collect();
    assert!(found.contains(&Strategy::IndirectCell));
    found
}

thread_local! {
    static STRATEGY: std::cell::Cell<Strategy> = const { std::cell::Cell::new(Strategy::IndirectCell) };
}

/// Runs a test with engines of either strategy.
pub fn by_both(test: impl Fn()) {
    for strategy in strategies() {
        STRATEGY.set(strategy);
        test();
    }
    STRATEGY.set(Strategy::IndirectCell);
}

pub fn house() -> (House, Arc<Fake>) {
    house_with(|_| ())
}

pub fn engine_with(
    change: impl FnOnce(&mut Options),
    make: impl Fn() -> Result<Arc<Fake>, Refusal> + Send + Sync + 'static,
) -> House {
    let mut options = Options::default();
    options.max_threads = 2;
    options.strategy = STRATEGY.get();
    change(&mut options);
    let engine = Engine::new(runtime(), options, make);
    engine.on_invalidate(|version| version.meta().valid.store(false, Ordering::Relaxed));
    engine
}

pub fn runtime() -> Runtime {
    Runtime::builder().build().expect("executable memory")
}

extern "C" fn uncompiled() -> u64 {
    UNCOMPILED
}

pub fn default_target() -> DefaultTarget {
    // SAFETY: a function of this program, of the type that `call` calls.
    unsafe { DefaultTarget::new(uncompiled as *const ()) }
}

pub fn function(engine: &House, name: &str) -> Fun {
    engine.function(name, default_target()).unwrap()
}

/// Calls through an entry. The caller sees to it that `collect` hears of it.
pub fn call(entry: &machine_code::Entry) -> u64 {
    // SAFETY: every version and the default target answer a u64 and take nothing; the tests collect
    // only when nobody is inside, or say who is.
    let function = unsafe { entry.as_fn::<extern "C" fn() -> u64>() };
    function()
}

pub fn now(engine: &House, function: &Fun, source: Source) -> Result<Arc<Version<Meta>>, Refusal> {
    now_at(engine, function, Work::new(source))
}

pub fn now_at(
    engine: &House,
    function: &Fun,
    work: Work<Source>,
) -> Result<Arc<Version<Meta>>, Refusal> {
    engine.compile_now(
        function,
        work,
        &mut InstallHooks {
            resolve: &|_| None,
            fill: &mut fill,
        },
    )
}

pub fn install(engine: &House, finished: Finished<Meta>) -> Result<Arc<Version<Meta>>, Refusal> {
    engine.install(
        finished,
        &mut InstallHooks {
            resolve: &|_| None,
            fill: &mut fill,
        },
    )
}

/// Waits for the next finished unit, as an embedder that polls.
pub fn await_finished(engine: &House) -> Finished<Meta> {
    await_some(|| {
        engine
            .has_finished()
            .then(|| engine.take_finished())
            .flatten()
    })
}

pub fn await_some<T>(mut f: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(it) = f() {
            return it;
        }
        assert!(start.elapsed() < PATIENCE, "nothing came");
        std::thread::sleep(Duration::from_micros(200));
    }
}

pub fn await_true(mut f: impl FnMut() -> bool) {
    await_some(|| f().then_some(()));
}

pub fn nobody(_: machine_code::CodeId) -> bool {
    false
}

/// A seeded stream of numbers (splitmix64).
pub struct Random(pub AtomicU64);

impl Random {
    pub fn below(&self, n: u64) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}
