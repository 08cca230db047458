//! The compiler as the engine sees it, wherever it is: [`inside`](crate::inside) of this process or
//! [`beside`](crate::beside) it. It is opened or started with the first compile, on a compile thread.
//!
//! What goes in is a snapshot, what comes out plain data; both are encoded.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use martlet_engine::{
    AssumptionKey, Compiled, Compiler, Refusal, Released, Request as EngineRequest, TableSpec,
    Timings, reasons,
};
use martlet_snapshot::{
    Costs, Dump, Effort, ExitRecord, Noted, ObjId, Reply, Request, Seen, SlotValue, decode, encode,
    encode_exits,
};

use crate::beside::Beside;
use crate::budget::{self, Charge};
use crate::dumps;
use crate::inside::Inside;
use crate::options::Options;
use crate::profile;
use crate::raw::Addr;
use crate::raw::dl::own_path;
use crate::raw::unit::Header;
use crate::replies::Place;
use crate::stats;
use crate::tables::Token;

/// The symbol of a unit's slot table.
pub(crate) const SLOTS: &str = "martlet.slots";

/// What the engine passes to a compile thread.
pub(crate) struct Source {
    /// What the compiler sees.
    pub(crate) request: Request,
    /// The table of the objects that the request names.
    pub(crate) token: Arc<Token>,
    /// Where its codes were copied from. These are compared, never followed.
    pub(crate) codes: Vec<Addr>,
    /// Where guards of earlier versions failed too often, as known when it was asked for.
    pub(crate) avoided: Vec<(Addr, u32)>,
    /// When it was asked for.
    pub(crate) asked_at: Instant,
    /// What making it will probably cost, as long as this lives.
    pub(crate) _charge: Charge,
    /// Machine code that was made elsewhere: tests of what lies behind the compiler bring their own.
    pub(crate) made: Mutex<Option<Made>>,
}

/// Machine code that no compiler made.
pub(crate) struct Made {
    pub(crate) object: Vec<u8>,
    pub(crate) symbol: String,
    pub(crate) slots: Vec<SlotValue>,
    pub(crate) exit_words: Vec<u32>,
    pub(crate) exit_reasons: Vec<String>,
}

/// What is kept beside a version.
pub(crate) struct Meta {
    /// The table of the objects that it may name.
    pub(crate) token: Arc<Token>,
    /// Its header, which machine code reads.
    pub(crate) header: Header,
    /// What its slots hold.
    pub(crate) slots: Vec<SlotValue>,
    /// Why each exit is taken.
    pub(crate) exit_reasons: Vec<String>,
    /// Where each exit leaves to: the code object (none: that of the version) and the offset in it.
    pub(crate) exit_sites: Vec<(Option<ObjId>, u32)>,
    /// The offset of each exit in the version's own code: that of the call, where it leaves to another.
    pub(crate) exit_roots: Vec<u32>,
    /// What its notes are about: code object, offset, operand.
    pub(crate) noted: Vec<(Addr, u32, u32)>,
    /// The number of its function.
    pub(crate) function: u64,
    /// What it cost.
    pub(crate) costs: Costs,
    /// What it was worth.
    pub(crate) effort: Effort,
    /// What was seen of locals and of the value stack where it is entered.
    pub(crate) seen: (Vec<Seen>, Vec<Seen>),
    /// Processor time that was seen to be spent in its machine code since it was last looked at, in microseconds.
    pub(crate) heat: AtomicU32,
    /// All such time, since it was made.
    pub(crate) machine_time: AtomicU32,
    /// Of each of its notes, whether it was made with what an earlier version had noted there.
    pub(crate) informed: Vec<bool>,
    /// A better one was asked for.
    pub(crate) promoted: AtomicBool,
    /// Another one was asked for because this one is left too often.
    pub(crate) succeeded: AtomicBool,
    /// The name of its function, for people.
    pub(crate) name: Arc<str>,
    /// The loop at whose header it is entered; none at the function's start.
    pub(crate) entered_at: Option<u32>,
    /// Where guards of earlier versions had failed too often when it was asked for.
    pub(crate) avoided: Vec<(Addr, u32)>,
    /// When it was asked for, with what was known then.
    pub(crate) asked_at: Instant,
    /// When it was made, and when the C side last told of each exit.
    pub(crate) made_at: Instant,
    pub(crate) reports: Mutex<HashMap<usize, Instant>>,
}

impl Drop for Meta {
    fn drop(&mut self) {
        stats::remember_exits(self);
    }
}

/// The one compiler of this process, once it is there.
static COMPILER: OnceLock<Arc<Remote>> = OnceLock::new();
/// A fork has left a compile to the parent: here its locks are held for ever.
static ABANDONED: AtomicBool = AtomicBool::new(false);
/// Compiles that only ask for a text use numbers from the upper end.
static NEXT_ASKER: AtomicU64 = AtomicU64::new(u64::MAX);

/// Where the compiler is. What goes in and comes out is encoded.
pub(crate) trait Seat: Send + Sync {
    /// The file that is opened or executed.
    fn path(&self) -> PathBuf;

    /// The reply to a request, and what it cost in processor time of another process. Wants a large stack.
    ///
    /// # Errors
    /// Why there is no reply.
    fn compile(&self, request: &[u8]) -> Result<(Vec<u8>, Duration), Refusal>;

    /// The intermediate code of these functions may go.
    fn release(&self, functions: &[u64]);

    /// Whether the next request need not open or start it.
    fn is_there(&self) -> bool;

    /// The process that it is, if it is one of its own and there.
    fn process(&self) -> Option<u32>;

    /// Functions of this process of which it holds intermediate code; 0 where it is not there.
    fn live_functions(&self) -> u64;

    /// Runs passes over all that it holds; answers what they did, in the order of [`MAINTAINED`]. Wants a large stack.
    ///
    /// # Errors
    /// Where it is not there, or a pass failed.
    fn maintain(&self) -> Result<[u64; 7], String>;
}

/// What [`Seat::maintain`] tells.
const MAINTAINED: [&str; 7] = [
    "erased",
    "replaced",
    "changed",
    "deleted",
    "held",
    "instructions_before",
    "instructions_after",
];

/// The compiler, wherever it is.
pub(crate) struct Remote {
    seat: Box<dyn Seat>,
    options: Options,
}

impl Remote {
    /// The compiler of this process. Where one beside the process is wanted and cannot be had, it is inside.
    pub(crate) fn get(options: &Options) -> Arc<Self> {
        let new = || {
            let path = |name| {
                let given = options.compiler.clone();
                given.unwrap_or_else(|| own_path().unwrap_or_default().with_file_name(name))
            };
            let possible = options.beside.then(martlet_sidecar::is_possible);
            if let Some(Err(error)) = &possible
                && options.log
            {
                eprintln!("martlet: the compiler is inside of this process: {error}");
            }
            let seat: Box<dyn Seat> = match possible {
                Some(Ok(())) => Box::new(Beside::new(path("martlet_compiler"), options.idle)),
                _ => Box::new(Inside::new(path("libmartlet_compiler.so"))),
            };
            Arc::new(Remote {
                seat,
                options: options.clone(),
            })
        };
        COMPILER.get_or_init(new).clone()
    }

    /// In the child of a fork that left a compile to the parent: the compiler is not touched any more.
    pub(crate) fn abandon() {
        // Relaxed: there is no other thread yet.
        ABANDONED.store(true, Ordering::Relaxed);
    }

    fn is_abandoned() -> bool {
        ABANDONED.load(Ordering::Relaxed)
    }

    fn seat() -> Option<&'static dyn Seat> {
        if Self::is_abandoned() {
            return None;
        }
        Some(&*COMPILER.get()?.seat)
    }

    /// Whether the next compile need not open or start it.
    pub(crate) fn is_there() -> bool {
        Self::seat().is_some_and(Seat::is_there)
    }

    /// The process that it is, if it is one of its own and there.
    pub(crate) fn process() -> Option<u32> {
        Self::seat()?.process()
    }

    /// Functions of which it holds intermediate code; 0 before the first compile.
    pub(crate) fn live_functions() -> u64 {
        Self::seat().map_or(0, Seat::live_functions)
    }

    /// Runs passes over all intermediate code; answers what they did, by name. Wants a large stack.
    ///
    /// # Errors
    /// Where there is no compiler yet, or a pass failed.
    pub(crate) fn maintain() -> Result<BTreeMap<&'static str, u64>, String> {
        let seat = Self::seat().ok_or("there is no compiler yet")?;
        Ok(MAINTAINED.into_iter().zip(seat.maintain()?).collect())
    }

    /// Asks for texts alone. Wants a large stack.
    ///
    /// # Errors
    /// [`reasons::NO_COMPILER`] with what the loader says; a reply that cannot be read; the compiler was left to a
    /// parent.
    pub(crate) fn dumps(options: &Options, mut request: Request) -> Result<Vec<Dump>, Refusal> {
        if Self::is_abandoned() {
            return Err(Refusal::new(reasons::FORKED_WHILE_COMPILING, ""));
        }
        let remote = Remote::get(options);
        // Relaxed: only uniqueness matters.
        request.function = NEXT_ASKER.fetch_sub(1, Ordering::Relaxed);
        let reply = remote.ask(&request);
        remote.seat.release(&[request.function]);
        Ok(reply?.0.dumps)
    }

    /// The reply to a request: a kept one, or the compiler's; and what it cost in processor time of another process.
    fn ask(&self, request: &Request) -> Result<(Reply, Duration), Refusal> {
        let Some(folder) = &self.options.cache else {
            return self.ask_compiler(request);
        };
        let place = Place::new(folder, &self.seat.path(), request);
        if let Some(reply) = place.find() {
            return Ok((reply, Duration::ZERO));
        }
        let (reply, elsewhere) = self.ask_compiler(request)?;
        place.keep(&reply);
        Ok((reply, elsewhere))
    }

    fn ask_compiler(&self, request: &Request) -> Result<(Reply, Duration), Refusal> {
        let (reply, elsewhere) = self.seat.compile(&encode(request))?;
        let reply = decode(&reply);
        let reply = reply.map_err(|it| Refusal::new("unreadable reply", it.to_string()));
        Ok((reply?, elsewhere))
    }
}

impl Compiler for Remote {
    type Source = Source;
    type Meta = Meta;

    fn compile(&self, request: &EngineRequest<Source>) -> Result<Compiled<Meta>, Refusal> {
        let source = &request.source;
        let made = source
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(made) = made {
            return Ok(made.compiled(request));
        }
        let was_there = self.seat.is_there();
        let (reply, spent) = budget::spend(|| match self.ask(&source.request) {
            Ok((reply, elsewhere)) => (Ok(reply), elsewhere),
            Err(refusal) => (Err(refusal), Duration::ZERO),
        });
        let reply = reply?;
        let label = request.version.to_string();
        for dump in &reply.dumps {
            dumps::write(&self.options, &request.name, &label, dump);
        }
        let unit = reply
            .outcome
            .map_err(|(reason, detail)| Refusal::new(reason, detail))?;
        profile::remember(&source.request);
        if was_there && source.request.mode.effort == Effort::Best {
            budget::learn(unit.costs.bytecodes, spent);
        }
        let header = Header::new(
            encode_exits(&unit.exits),
            unit.exits.len(),
            unit.notes.len(),
        );
        let informed = unit.notes.iter().map(|it| is_noted(&source.request, it));
        let noted = unit.notes.iter().map(|it| {
            let code = source.codes.get(it.code as usize).copied();
            (code.unwrap_or(Addr::NULL), it.offset, it.operand)
        });
        Ok(Compiled {
            entry_symbol: unit.symbol,
            tables: vec![TableSpec {
                symbol: SLOTS.to_owned(),
                words: unit.slots.len(),
            }],
            assumptions: vec![AssumptionKey(source.token.number())],
            inlined: Vec::new(),
            timings: Timings {
                bytecodes: unit.costs.bytecodes.into(),
                frontend_ns: unit.costs.frontend_ns,
                optimise_ns: unit.costs.optimise_ns,
                emit_ns: unit.costs.emit_ns,
                ..Timings::default()
            },
            meta: Meta {
                token: source.token.clone(),
                header,
                exit_sites: unit
                    .exits
                    .iter()
                    .map(|it| site_of(it, &unit.slots))
                    .collect(),
                slots: unit.slots,
                noted: noted.collect(),
                exit_roots: unit.exits.iter().map(root_of).collect(),
                function: source.request.function,
                exit_reasons: unit.exits.into_iter().map(|it| it.reason).collect(),
                costs: unit.costs,
                effort: source.request.mode.effort,
                seen: seen_of(&source.request),
                heat: AtomicU32::new(0),
                machine_time: AtomicU32::new(0),
                informed: informed.collect(),
                promoted: AtomicBool::new(false),
                succeeded: AtomicBool::new(false),
                name: request.name.clone(),
                entered_at: crate::state::header_of(request.point),
                avoided: source.avoided.clone(),
                asked_at: source.asked_at,
                made_at: Instant::now(),
                reports: Mutex::default(),
            },
            object: unit.object,
        })
    }

    fn release(&self, released: &[Released]) {
        let functions = released.iter().filter_map(|it| match it {
            Released::Function(id) => Some(id.0),
            _ => None,
        });
        let functions: Vec<u64> = functions.collect();
        if !functions.is_empty() {
            self.seat.release(&functions);
        }
    }
}

impl Made {
    fn compiled(self, request: &EngineRequest<Source>) -> Compiled<Meta> {
        let source = &request.source;
        let n_exits = self.exit_reasons.len();
        Compiled {
            object: self.object,
            entry_symbol: self.symbol,
            tables: vec![TableSpec {
                symbol: SLOTS.to_owned(),
                words: self.slots.len(),
            }],
            assumptions: vec![AssumptionKey(source.token.number())],
            inlined: Vec::new(),
            timings: Timings::default(),
            meta: Meta {
                token: source.token.clone(),
                header: Header::new(self.exit_words, n_exits, 0),
                noted: Vec::new(),
                slots: self.slots,
                exit_sites: vec![(None, 0); n_exits],
                exit_roots: vec![0; n_exits],
                function: source.request.function,
                exit_reasons: self.exit_reasons,
                costs: Costs::default(),
                effort: Effort::Best,
                seen: Default::default(),
                heat: AtomicU32::new(0),
                machine_time: AtomicU32::new(0),
                informed: Vec::new(),
                promoted: AtomicBool::new(false),
                succeeded: AtomicBool::new(false),
                name: request.name.clone(),
                entered_at: crate::state::header_of(request.point),
                avoided: source.avoided.clone(),
                asked_at: source.asked_at,
                made_at: Instant::now(),
                reports: Mutex::default(),
            },
        }
    }
}

/// Whether an operand was noted by an earlier version.
fn is_noted(request: &Request, operand: &Noted) -> bool {
    let code = request.codes.get(operand.code as usize);
    let noted = code.map_or(&[][..], |it| &it.noted);
    let at = noted.binary_search_by_key(&operand.offset, |it| it.0);
    let operands = at.map_or(&[][..], |at| &noted[at].1);
    operands
        .get(operand.operand as usize)
        .is_some_and(|it| *it != Seen::Nothing)
}

fn seen_of(request: &Request) -> (Vec<Seen>, Vec<Seen>) {
    let root = request.codes.first();
    root.map_or_else(Default::default, |it| {
        (it.seen_locals.clone(), it.seen_stack.clone())
    })
}

/// The innermost frame of an exit.
fn site_of(exit: &ExitRecord, slots: &[SlotValue]) -> (Option<ObjId>, u32) {
    let Some(innermost) = exit.frames.last() else {
        return (None, 0);
    };
    let code = match slots.get(innermost.code_slot as usize) {
        Some(SlotValue::Object(id)) if exit.frames.len() > 1 => Some(*id),
        _ => None,
    };
    (code, innermost.offset)
}

/// The outermost frame of an exit.
fn root_of(exit: &ExitRecord) -> u32 {
    exit.frames.first().map_or(0, |it| it.offset)
}
