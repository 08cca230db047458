//! Seeded schedules on one thread: with either strategy, the runtime does what a plain model says.
//!
//! The model knows numbers only: which version an entry leads to, which versions are owned, and which ones somebody is
//! inside of. Every step leaves a line, and the lines of the model and of both strategies must be the same.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use martlet_machine_code::{Activation, Code, CodeId, Entry, Runtime, Strategy, Thread};
use support::*;

const IDENTITIES: u64 = 3;
const STEPS: usize = 300;

#[derive(Debug, Clone, Copy)]
enum Step {
    Publish(u64),
    /// The owned version with this place among all that are owned becomes its entry's current one.
    Relink(usize),
    Reset(u64),
    Drop(usize),
    Enter(u64),
    /// The activation with this place among all that go on ends.
    Leave(usize),
    /// The embedder says that somebody is inside of this one.
    Collect(Option<CodeId>),
    Call(u64),
}

/// Xorshift (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn schedule(seed: u64) -> Vec<Step> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut versions = 0;
    let steps = (0..STEPS).map(|_| {
        let identity = random.below(IDENTITIES);
        let any = random.below(1 << 20) as usize;
        match random.below(12) {
            0 | 1 => {
                versions += 1;
                Step::Publish(identity)
            }
            2..=4 => Step::Relink(any),
            5 => Step::Reset(identity),
            6 => Step::Drop(any),
            7 => Step::Enter(identity),
            8 => Step::Leave(any),
            9 => Step::Collect(None),
            10 => Step::Collect(Some(id(identity, random.below(versions + 1) as u32))),
            _ => Step::Call(identity),
        }
    });
    steps.collect()
}

/// What all versions and the default answer when they are called.
fn answer(version: Option<CodeId>) -> u64 {
    version.map_or(0, |it| u64::from(it.version))
}

/// The model.
#[derive(Default)]
struct Model {
    owned: Vec<CodeId>,
    /// The versions that nobody owns any more and that are not freed.
    retired: Vec<CodeId>,
    current: BTreeMap<u64, CodeId>,
    was_linked: Vec<CodeId>,
    inside: Vec<Option<CodeId>>,
    freed: u64,
    versions: u32,
    relinks: u64,
}

impl Model {
    fn step(&mut self, step: Step, trace: &mut String) {
        match step {
            Step::Publish(identity) => {
                self.versions += 1;
                self.owned.push(id(identity, self.versions));
            }
            Step::Relink(any) if !self.owned.is_empty() => {
                let version = self.owned[any % self.owned.len()];
                self.current.insert(version.identity, version);
                self.was_linked.push(version);
                self.relinks += 1;
            }
            Step::Reset(identity) => {
                self.current.remove(&identity);
                self.relinks += 1;
            }
            Step::Drop(any) if !self.owned.is_empty() => {
                let version = self.owned.remove(any % self.owned.len());
                if self.current.get(&version.identity) == Some(&version) {
                    self.current.remove(&version.identity);
                    self.relinks += 1;
                }
                if self.was_linked.contains(&version) {
                    self.retired.push(version);
                } else {
                    self.freed += 1;
                }
            }
            Step::Enter(identity) => self.inside.push(self.current.get(&identity).copied()),
            Step::Leave(any) if !self.inside.is_empty() => {
                let version = self.inside.remove(any % self.inside.len());
                let _ = write!(trace, "{} ", answer(version));
            }
            Step::Collect(claimed) => {
                let is_inside =
                    |it: &CodeId| self.inside.contains(&Some(*it)) || claimed == Some(*it);
                let (stay, mut go): (Vec<_>, Vec<_>) =
                    self.retired.iter().partition(|it| is_inside(it));
                go.sort_unstable();
                self.freed += go.len() as u64;
                let _ = write!(trace, "{go:?} {} ", stay.len());
                self.retired = stay;
            }
            Step::Call(identity) => {
                let _ = write!(trace, "{} ", answer(self.current.get(&identity).copied()));
            }
            Step::Relink(_) | Step::Drop(_) | Step::Leave(_) => {}
        }
        let counts = (
            self.owned.len(),
            self.retired.len(),
            self.freed,
            self.relinks,
        );
        let _ = writeln!(trace, "{counts:?}");
    }
}

/// The runtime, asked for the same things.
struct Real<'t> {
    runtime: &'t Runtime,
    thread: &'t Thread,
    entries: Vec<Entry>,
    owned: Vec<Code>,
    inside: Vec<Activation<'t>>,
    versions: u32,
}

impl Real<'_> {
    fn step(&mut self, step: Step, trace: &mut String) {
        match step {
            Step::Publish(identity) => {
                self.versions += 1;
                let version = self.versions;
                self.owned.push(publish(
                    self.runtime,
                    id(identity, version),
                    &returns(version),
                ));
            }
            Step::Relink(any) if !self.owned.is_empty() => {
                let code = &self.owned[any % self.owned.len()];
                let entry = &self.entries[code.id().identity as usize];
                entry.relink(code).expect("the same identity");
            }
            Step::Reset(identity) => self.entries[identity as usize].reset(),
            Step::Drop(any) if !self.owned.is_empty() => {
                drop(self.owned.remove(any % self.owned.len()));
            }
            Step::Enter(identity) => {
                let activation = self.thread.enter(&self.entries[identity as usize]);
                self.inside.push(activation);
            }
            Step::Leave(any) if !self.inside.is_empty() => {
                let activation = self.inside.remove(any % self.inside.len());
                // SAFETY: all versions are functions without arguments.
                let function = unsafe { activation.as_fn::<Returns>() };
                let _ = write!(trace, "{} ", function());
            }
            Step::Collect(claimed) => {
                let collected = self.runtime.collect(&|it| claimed == Some(it));
                let mut freed = collected.freed;
                freed.sort_unstable();
                let _ = write!(trace, "{freed:?} {} ", collected.still_inside);
            }
            Step::Call(identity) => {
                let _ = write!(trace, "{} ", call(&self.entries[identity as usize]));
            }
            Step::Relink(_) | Step::Drop(_) | Step::Leave(_) => {}
        }
        let ledger = self.runtime.ledger();
        let counts = (
            ledger.live.units,
            ledger.retired.units,
            ledger.freed.units,
            ledger.relinks,
        );
        let _ = writeln!(trace, "{counts:?}");
    }
}

fn trace_of_model(steps: &[Step]) -> String {
    let (mut model, mut trace) = (Model::default(), String::new());
    for &step in steps {
        model.step(step, &mut trace);
    }
    trace
}

fn trace_of(steps: &[Step], strategy: Strategy) -> String {
    let runtime = runtime();
    let thread = runtime.attach();
    let mut real = Real {
        runtime: &runtime,
        thread: &thread,
        entries: (0..IDENTITIES)
            .map(|it| entry(&runtime, it, strategy))
            .collect(),
        owned: Vec::new(),
        inside: Vec::new(),
        versions: 0,
    };
    let mut trace = String::new();
    for &step in steps {
        real.step(step, &mut trace);
    }
    trace
}

#[test]
fn both_strategies_do_what_the_model_says() {
    let (mut frees, mut delays) = (0, 0);
    for seed in 0..100 {
        let steps = schedule(seed);
        let expected = trace_of_model(&steps);
        for strategy in STRATEGIES {
            let trace = trace_of(&steps, strategy);
            let differs = trace
                .lines()
                .zip(expected.lines())
                .position(|(one, other)| one != other);
            if let Some(at) = differs {
                let line = |text: &str| text.lines().nth(at).unwrap_or_default().to_owned();
                panic!(
                    "{strategy:?}, seed {seed}, step {at} ({:?}): {} instead of {}",
                    steps[at],
                    line(&trace),
                    line(&expected)
                );
            }
            assert_eq!(trace, expected);
        }
        frees += expected.matches("CodeId").count();
        delays += expected
            .lines()
            .filter(|it| it.starts_with("[] ") && !it.starts_with("[] 0 "))
            .count();
    }
    assert!(
        frees > 500 && delays > 100,
        "{frees} frees, {delays} delays"
    );
}
