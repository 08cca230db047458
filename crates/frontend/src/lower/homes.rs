//! Homes: where raw values stand for exits, so that they need not be passed.
//!
//! An exit names every raw local and every raw field of a virtual object. Passed as arguments they are most of a large
//! function's machine code, and they keep registers busy that nobody else wants. So a place of the frame that many
//! exits name (local 3; field 1 of stack item 0) gets a word of an array on the C stack. The value is stored there when
//! it becomes the place's, which is mostly once, and exits say in their records from which words they read.
//!
//! ```text
//!   x = x + 1.0      the first exit behind it that names x as the new value: one store in front of it
//!   a[i] = x         this exit and those that follow pass nothing
//! ```
//! Two passes over blocks. The one that runs backwards finds what the next exits want at a place, so that a jump into a
//! loop stores what the loop wants before it is entered. The one that runs forwards finds what each place surely holds;
//! only that decides what an exit may read, so a store too few costs an argument and is no mistake. On cold paths, where
//! it would gain nothing, and in small loops, where it would cost time, nothing is stored.

use crate::hir::{Block, Cfg, ExitSite, Func, Inst, Op, Rep, Slot, StateId, Target, Term, Value};
use cranelift_entity::SecondaryMap;
use std::collections::{BTreeMap, HashMap};

/// A place has a home if exits name it so many times as often as it must be stored.
const USES_A_STORE: usize = 8;
/// And at least this often.
const LEAST_USES: usize = 16;
/// In loops of less weight nothing is stored for exits. An instruction weighs 1.
const LEAST_LOOP: u32 = 150;
/// What a call weighs that may run Python.
const CALL_WEIGHT: u32 = 30;

/// A place in the frames: depth, whether on the stack, which, and which raw value of it.
type Key = (usize, bool, usize, usize);
type Place = usize;
/// For each place the value that it holds, or that is wanted there.
type Held = Vec<Option<Value>>;
/// Told of a store in front of a site, or else of what is held when the site is reached.
type Each<'e> = dyn FnMut(ExitSite, &Held, Option<(Place, Value)>) + 'e;
/// Stores, each a value and the word that it goes to.
type Stores = Vec<(Value, u32)>;

/// Which values stand where. The default knows no home.
#[derive(Debug, Default)]
pub(super) struct Homes {
    /// Words of the array.
    pub(super) words: u32,
    stores: HashMap<ExitSite, Stores>,
    at: HashMap<ExitSite, Stores>,
}

impl Homes {
    /// Finds the homes of a function.
    pub(super) fn find(func: &Func, cfg: &Cfg) -> Self {
        let mut search = Search::new(func, cfg);
        search.want();
        search.hold();
        // What does not pay has no home; what is stored for the others stays the same.
        let pays = search.paying();
        search.restrict(&pays);
        search.homes
    }

    /// What is stored in front of an instruction or at the end of a block.
    pub(super) fn stores(&self, site: ExitSite) -> &[(Value, u32)] {
        self.stores.get(&site).map_or(&[], |stores| stores)
    }

    /// The word that holds a value when this exit is taken.
    pub(super) fn home(&self, site: ExitSite, value: Value) -> Option<u32> {
        let at = self.at.get(&site)?;
        let found = at.iter().find(|(known, _)| *known == value);
        found.map(|(_, word)| *word)
    }
}

struct Search<'a> {
    func: &'a Func,
    cfg: &'a Cfg,
    places: BTreeMap<Key, Place>,
    /// What each exit names, in the order of its record.
    named: HashMap<ExitSite, Vec<(Place, Value)>>,
    wanted: SecondaryMap<Block, Held>,
    /// Where nothing is stored.
    barred: SecondaryMap<Block, bool>,
    homes: Homes,
}

impl<'a> Search<'a> {
    fn new(func: &'a Func, cfg: &'a Cfg) -> Self {
        let mut search = Self {
            func,
            cfg,
            places: BTreeMap::new(),
            named: HashMap::new(),
            wanted: SecondaryMap::new(),
            barred: barred(func, cfg),
            homes: Homes::default(),
        };
        for &block in &cfg.order {
            for &inst in &func.blocks[block].insts {
                let data = &func.insts[inst];
                if let (true, Some(state)) = (may_leave(&data.op), data.state) {
                    search.name(ExitSite::Inst(inst), state);
                }
            }
            if let Term::Exit { state, .. } | Term::Raise { state, .. } = &func.blocks[block].term {
                search.name(ExitSite::Term(block), *state);
            }
        }
        search
    }

    fn name(&mut self, site: ExitSite, state: StateId) {
        let func = self.func;
        let mut chain = Vec::new();
        let mut next = Some(state);
        while let Some(id) = next {
            chain.push(&func.states[id]);
            next = func.states[id].parent;
        }
        let mut named = Vec::new();
        for (depth, state) in chain.into_iter().rev().enumerate() {
            for (on_stack, slots) in [(false, &state.locals), (true, &state.stack)] {
                for (index, slot) in slots.iter().enumerate() {
                    let mut raw = Vec::new();
                    raw_values(func, *slot, &mut raw);
                    for (field, value) in raw.into_iter().enumerate() {
                        let next = self.places.len();
                        let key = (depth, on_stack, index, field);
                        named.push((*self.places.entry(key).or_insert(next), value));
                    }
                }
            }
        }
        self.named.insert(site, named);
    }

    /// What an instruction wants to find: what its exit names, and the exit of the exception that it may raise.
    fn wants(&self, block: Block, inst: Inst) -> impl Iterator<Item = (Place, Value)> {
        let data = &self.func.blocks[block];
        let raised = match &data.term {
            Term::Checked { raised, .. } if data.insts.last() == Some(&inst) => {
                self.named.get(&ExitSite::Term(raised.block))
            }
            _ => None,
        };
        let own = self.named.get(&ExitSite::Inst(inst));
        let all = raised.into_iter().chain(own).flatten();
        let result = self.func.insts[inst].result;
        all.copied()
            .filter(move |(_, value)| Some(*value) != result)
    }

    /// Backwards: what the next exits want. A few rounds are enough for loops in loops; less is found without them.
    fn want(&mut self) {
        const ROUNDS: usize = 3;
        let n = self.places.len();
        for &block in &self.cfg.order {
            self.wanted[block] = vec![None; n];
        }
        for _ in 0..ROUNDS {
            for &block in self.cfg.order.iter().rev() {
                let mut wanted = vec![None; n];
                let mut targets: Vec<&Target> = self.func.blocks[block].term.targets().collect();
                // Where two successors differ, the usual one decides.
                targets.sort_by_key(|target| !self.func.blocks[target.block].cold);
                for target in targets {
                    for (place, value) in self.wanted_by(target) {
                        wanted[place] = Some(value);
                    }
                }
                for &inst in self.func.blocks[block].insts.iter().rev() {
                    forget(&mut wanted, self.func.insts[inst].result);
                    for (place, value) in self.wants(block, inst) {
                        wanted[place] = Some(value);
                    }
                }
                self.wanted[block] = wanted;
            }
        }
    }

    /// What is wanted behind a jump, in the words of the block that jumps.
    fn wanted_by(&self, target: &Target) -> Vec<(Place, Value)> {
        let params = &self.func.blocks[target.block].params;
        let wanted = self.wanted[target.block].iter().enumerate();
        wanted
            .filter_map(|(place, value)| {
                let value = (*value)?;
                let param = params.iter().position(|param| *param == value);
                Some((
                    place,
                    param.map_or(value, |k| self.func.root(target.args[k])),
                ))
            })
            .filter(|(_, value)| is_raw(self.func, *value))
            .collect()
    }

    /// Forwards: what is held, until nothing changes; then what that means for each exit.
    fn hold(&mut self) {
        let mut entered: SecondaryMap<Block, Option<Held>> = SecondaryMap::new();
        entered[self.func.entry] = Some(vec![None; self.places.len()]);
        let mut changed = true;
        while changed {
            changed = false;
            for &block in &self.cfg.order {
                let Some(mut held) = entered[block].clone() else {
                    continue;
                };
                self.pass(block, &mut held, &mut |_, _, _| {});
                for target in self.func.blocks[block].term.targets() {
                    let brought = self.brought(target, &held);
                    changed |= meet(&mut entered[target.block], brought);
                }
            }
        }
        let mut homes = Homes::default();
        for &block in &self.cfg.order {
            if let Some(mut held) = entered[block].take() {
                self.pass(block, &mut held, &mut |site, held, store| match store {
                    Some((place, value)) => {
                        let stores = homes.stores.entry(site).or_default();
                        stores.push((value, place as u32));
                    }
                    None => {
                        let named = self.named.get(&site).into_iter().flatten();
                        let at = named.filter(|(place, value)| held[*place] == Some(*value));
                        let at = at.map(|(place, value)| (*value, *place as u32));
                        homes.at.insert(site, at.collect());
                    }
                });
            }
        }
        self.homes = homes;
    }

    /// Follows a block. `each` is told of the stores in front of a site, and of what is held at it.
    fn pass(&self, block: Block, held: &mut Held, each: &mut Each<'_>) {
        let data = &self.func.blocks[block];
        let store = |held: &mut Held, site, place: Place, value, each: &mut Each<'_>| {
            if held[place] != Some(value) && !self.barred[block] {
                held[place] = Some(value);
                each(site, held, Some((place, value)));
            }
        };
        for &inst in &data.insts {
            let site = ExitSite::Inst(inst);
            for (place, value) in self.wants(block, inst) {
                store(held, site, place, value, each);
            }
            each(site, held, None);
            forget(held, self.func.insts[inst].result);
        }
        let site = ExitSite::Term(block);
        if let Term::Jump(target) = &data.term {
            for (place, value) in self.wanted_by(target) {
                store(held, site, place, value, each);
            }
        }
        each(site, held, None);
    }

    /// What is held behind a jump, in the words of the block that it goes to.
    fn brought(&self, target: &Target, held: &Held) -> Held {
        let params = &self.func.blocks[target.block].params;
        let wanted = &self.wanted[target.block];
        let same = |place: Place| {
            let value = held[place]?;
            let is_arg = |k: &usize| self.func.root(target.args[*k]) == value;
            let mut candidates = (0..params.len()).filter(is_arg).map(|k| params[k]);
            let first = candidates.clone().next();
            let best = candidates.find(|param| wanted[place] == Some(*param));
            // What is wanted by its old name is known by it, unless that name means something new from here on.
            let old = Some(value).filter(|value| !params.contains(value));
            match old.is_some() && wanted[place] == old {
                true => old,
                false => best.or(first).or(old),
            }
        };
        (0..held.len()).map(same).collect()
    }

    /// Which places are named often enough for what they are stored.
    fn paying(&self) -> Vec<bool> {
        let mut uses = vec![0; self.places.len()];
        let mut stored = vec![0; self.places.len()];
        for (_, word) in self.homes.at.values().flatten() {
            uses[*word as usize] += 1;
        }
        for (_, word) in self.homes.stores.values().flatten() {
            stored[*word as usize] += 1;
        }
        let pays =
            |(uses, stored): (usize, usize)| uses >= LEAST_USES && uses >= USES_A_STORE * stored;
        uses.into_iter().zip(stored).map(pays).collect()
    }

    /// Only these places keep a home; words are counted anew.
    fn restrict(&mut self, pays: &[bool]) {
        let mut words = vec![None; pays.len()];
        let mut n = 0;
        for (word, _) in words.iter_mut().zip(pays).filter(|(_, pays)| **pays) {
            *word = Some(n);
            n += 1;
        }
        let kept = |(value, word): (Value, u32)| words[word as usize].map(|word| (value, word));
        for stores in self
            .homes
            .stores
            .values_mut()
            .chain(self.homes.at.values_mut())
        {
            *stores = stores.drain(..).filter_map(kept).collect();
        }
        self.homes.words = n;
    }
}

/// Whether lowering the operation reads its state: a guard, or a call that brings the frame up to date.
fn may_leave(op: &Op) -> bool {
    op.effects().may_exit || matches!(op, Op::SyncFrame)
}

/// The blocks that are cold or whose innermost loop is small.
fn barred(func: &Func, cfg: &Cfg) -> SecondaryMap<Block, bool> {
    let mut innermost: SecondaryMap<Block, u32> = SecondaryMap::with_default(u32::MAX);
    for &header in &cfg.order {
        let mut body = vec![header];
        let ends = cfg.preds(header).iter().copied();
        let mut open: Vec<Block> = ends.filter(|end| cfg.dominates(header, *end)).collect();
        if open.is_empty() {
            continue;
        }
        while let Some(block) = open.pop() {
            if !body.contains(&block) {
                body.push(block);
                open.extend(cfg.preds(block));
            }
        }
        let all = body.iter().map(|block| weight(func, *block)).sum();
        for block in body {
            innermost[block] = innermost[block].min(all);
        }
    }
    let mut barred = SecondaryMap::new();
    for &block in &cfg.order {
        barred[block] = func.blocks[block].cold || innermost[block] < LEAST_LOOP;
    }
    barred
}

/// What a block costs when it runs, roughly.
fn weight(func: &Func, block: Block) -> u32 {
    let data = &func.blocks[block];
    let one = |inst: &Inst| {
        let op = &func.insts[*inst].op;
        let is_call = matches!(op, Op::Call { .. } | Op::CallDirect { .. });
        match is_call && op.effects().may_run {
            true => CALL_WEIGHT,
            false => 1,
        }
    };
    match data.cold {
        true => 0,
        false => data.insts.iter().map(one).sum(),
    }
}

/// A value that is defined again is another one.
fn forget(held: &mut Held, value: Option<Value>) {
    if value.is_some() {
        for place in held.iter_mut().filter(|place| **place == value) {
            *place = None;
        }
    }
}

/// Takes together what is held on all ways into a block. Whether that changed anything.
fn meet(known: &mut Option<Held>, brought: Held) -> bool {
    let Some(known) = known else {
        *known = Some(brought);
        return true;
    };
    let mut changed = false;
    for (place, brought) in known.iter_mut().zip(brought) {
        if *place != brought && place.is_some() {
            *place = None;
            changed = true;
        }
    }
    changed
}

/// The raw values that a slot names, those of virtual objects included, constants left out.
fn raw_values(func: &Func, slot: Slot, values: &mut Vec<Value>) {
    match slot {
        Slot::Memory | Slot::Null => {}
        Slot::Value(value) | Slot::Raw(value) => {
            let value = func.root(value);
            if is_raw(func, value) {
                values.push(value);
            }
        }
        Slot::Virtual(index) => {
            for item in &func.virtuals[index as usize].items {
                raw_values(func, *item, values);
            }
        }
    }
}

fn is_raw(func: &Func, value: Value) -> bool {
    matches!(func.rep(value), Rep::I64 | Rep::F64)
        && !matches!(func.def_op(value), Some(Op::Int(_) | Op::Float(_)))
}
