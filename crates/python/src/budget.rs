//! What compiling may cost: a share of the processor time that the program itself has had. However short a program is,
//! and whatever becomes of what was compiled for it, compiling never makes it slower by more than that share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use martlet_snapshot::{Costs, Effort, NO_GAIN};

use crate::compiler::Remote;
use crate::raw::{Addr, dl};
use crate::state::State;

/// One part in so many of the program's time may go to compiling at first,
const FIRST_SHARE: u64 = 10;
/// which is so many microseconds more than the share of later times.
const ADVANCE: u64 = 100_000;
const SHARE: u64 = 96;
/// Of the time in machine code that does nothing in the general way, one part in so many more: it would have taken
/// longer in the interpreter. The more general calls, the less.
const SHARE_OF_GAIN: u64 = 3;

/// What waits is forgotten when it was not seen for so long: it runs no more.
const PATIENCE: Duration = Duration::from_millis(200);

/// What it costs to open the compiler, in microseconds.
const OPENING: u64 = 20_000;
/// What each compile costs, however small.
const EACH: u64 = 2_500;
/// What a code unit costs to compile quickly, with what it is translated to several times.
const QUICK_UNIT: u64 = 100;
/// What a translated bytecode costs to compile as well as can be, as long as nothing was measured: it differs by several
/// times between machines.
const BEST_BYTECODE: u64 = 400;
/// That counts as much as so many bytecodes that were measured.
const ASSUMED: u64 = 100;

/// Bytecodes that were compiled as well as can be, and the microseconds that this took but for what each compile costs.
static MEASURED: (AtomicU64, AtomicU64) = (AtomicU64::new(0), AtomicU64::new(0));

/// Processor time that compiling has taken for this process, in microseconds.
static SPENT: AtomicU64 = AtomicU64::new(0);
/// What of that this process itself has taken.
static HERE: AtomicU64 = AtomicU64::new(0);
/// Estimates of what is being compiled or waits for it.
static PENDING: AtomicU64 = AtomicU64::new(0);

/// What one compile will probably cost, until it has been done or dropped.
pub(crate) struct Charge(u64);

impl Charge {
    pub(crate) fn new(microseconds: u64) -> Self {
        // Relaxed, here and below: sums that nothing else hangs on.
        PENDING.fetch_add(microseconds, Ordering::Relaxed);
        Charge(microseconds)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let without = |it: u64| Some(it.saturating_sub(self.0));
        let _ = PENDING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, without);
    }
}

/// Compiles, and notes what it cost, on this thread and, as `work` tells, in another process; answers that, too, in
/// microseconds.
pub(crate) fn spend<R>(work: impl FnOnce() -> (R, Duration)) -> (R, u64) {
    let start = dl::thread_time();
    let (result, elsewhere) = work();
    let here = dl::thread_time().saturating_sub(start);
    HERE.fetch_add(here.as_micros() as u64, Ordering::Relaxed);
    let spent = (here + elsewhere).as_micros() as u64;
    SPENT.fetch_add(spent, Ordering::Relaxed);
    (result, spent)
}

/// So many bytecodes took so many microseconds to be compiled as well as can be.
pub(crate) fn learn(bytecodes: u32, microseconds: u64) {
    MEASURED.0.fetch_add(bytecodes.into(), Ordering::Relaxed);
    let without = microseconds.saturating_sub(EACH);
    MEASURED.1.fetch_add(without, Ordering::Relaxed);
}

/// What a translated bytecode costs to compile as well as can be.
fn best_bytecode() -> u64 {
    let (bytecodes, spent) = (&MEASURED.0, &MEASURED.1);
    let spent = ASSUMED * BEST_BYTECODE + spent.load(Ordering::Relaxed);
    spent / (ASSUMED + bytecodes.load(Ordering::Relaxed))
}

/// What compiling so many code units for the first time, or so many bytecodes as well as can be, will cost.
pub(crate) fn estimate(effort: Effort, size: u32) -> u64 {
    let each = match effort {
        Effort::Best => best_bytecode(),
        _ => QUICK_UNIT,
    };
    let opening = if Remote::is_there() { 0 } else { OPENING };
    opening + EACH + each * u64::from(size)
}

/// What so many microseconds in machine code allow to be spent on compiling.
pub(crate) fn gained(costs: &Costs, microseconds: u64) -> u64 {
    let none = u64::from(NO_GAIN);
    microseconds * (none - general_share(costs).min(none)) / none / SHARE_OF_GAIN
}

/// Whether the interpreter does as well what costs so: see `profit.rs` of the frontend, whose measure this is.
pub(crate) fn is_no_gain(costs: &Costs) -> bool {
    general_share(costs) >= u64::from(NO_GAIN)
}

/// How many bytecodes in a hundred are done in the general way, operators apart: where these are, the version that comes
/// with their notes does not do so.
fn general_share(costs: &Costs) -> u64 {
    let general = costs.general_calls.saturating_sub(costs.general_operators);
    u64::from(general) * 100 / u64::from(costs.bytecodes.max(1))
}

/// What a program may spend.
#[derive(Clone, Copy)]
pub(crate) struct Funds {
    gained: u64,
    unlimited: bool,
}

impl Funds {
    /// Where everything is to be compiled, nobody asks what it costs.
    pub(crate) fn of(state: &State) -> Self {
        Funds {
            gained: state.gained,
            unlimited: state.options.always != 0,
        }
    }

    /// Whether the program has run for long enough to pay so many microseconds.
    pub(crate) fn suffice(self, microseconds: u64) -> bool {
        if self.unlimited {
            return true;
        }
        let spent = SPENT.load(Ordering::Relaxed);
        let here = HERE.load(Ordering::Relaxed);
        let program = (dl::process_time().as_micros() as u64).saturating_sub(here);
        let share = (program / FIRST_SHARE).min(ADVANCE + program / SHARE);
        let allowed = share + self.gained;
        spent + PENDING.load(Ordering::Relaxed) + microseconds <= allowed
    }
}

/// What waits to be paid and is worth the most: cheaper code that is worth less does not take what is saved for it.
#[derive(Default)]
pub(crate) struct Waiting {
    best: Option<Wish>,
}

struct Wish {
    code: Addr,
    /// The time that code has taken in sixteenths of what compiling it costs.
    worth: u64,
    seen: Duration,
}

impl Waiting {
    /// Whether a code object on which so much time was spent, and that costs so much, may be compiled now, if `may` says
    /// that it can be paid. If not, it waits.
    pub(crate) fn may(&mut self, code: Addr, spent: u64, price: u64, may: bool) -> bool {
        let worth = spent * 16 / price.max(1);
        let now = dl::process_time();
        let is_over = |it: &mut Wish| it.code == code || now - it.seen > PATIENCE;
        let _ = self.best.take_if(is_over);
        let others = self.best.as_ref().map_or(0, |it| it.worth);
        let is_next = worth >= others;
        if is_next && !may {
            self.best = Some(Wish {
                code,
                worth,
                seen: now,
            });
        }
        is_next && may
    }
}

/// A child has its own processor time. What waits in the queue waits in the child, too.
pub(crate) fn begin_child() {
    SPENT.store(0, Ordering::Relaxed);
    HERE.store(0, Ordering::Relaxed);
}
