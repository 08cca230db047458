//! Which roots must be owned: those that are new references, and those that are lent but outlive what lends them.
//!
//! Releases are events like any other: they may run code if the type is not quiet. Each promotion makes a release, so
//! this goes on until nothing changes. Liveness does not depend on it.

use super::live::Live;
use super::roots::{Bits, Roots, Uses, lets_operands_go, local_replaced};
use crate::hir::{Block, Cfg, Def, Func, Inst, Keeper, Kind, Memory, Op, Term};
use cranelift_entity::SecondaryMap;

/// Which roots are owned.
pub(crate) struct Owned {
    set: Bits,
    /// For lent roots that are owned: the instruction behind which they are (their definition, or a guard of it).
    from: SecondaryMap<Inst, Option<usize>>,
    start: Vec<Option<(Block, u32)>>,
}

/// Something that may take a lent object away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Event {
    /// Python code may run.
    run: bool,
    /// The memory of this local is replaced.
    local: Option<u32>,
    /// An item of some list is replaced.
    list_store: bool,
    /// An attribute of some object is replaced.
    attribute_store: bool,
    /// A global is replaced.
    global_store: bool,
}

impl Owned {
    /// Whether a root's reference is held while the instruction at this place is executed.
    pub(crate) fn held_at(&self, root: usize, block: Block, place: usize) -> bool {
        self.set.has(root)
            && match self.start[root] {
                Some((home, start)) if home == block => place > start as usize,
                _ => true,
            }
    }

    /// The root that becomes owned behind this instruction, though its definition lends it.
    pub(crate) fn starts_behind(&self, inst: Inst) -> Option<usize> {
        self.from[inst]
    }

    /// Finds all owned roots.
    pub(crate) fn find(func: &Func, cfg: &Cfg, roots: &Roots, live: &Live) -> Self {
        let mut set = Bits::new(roots.list.len());
        for (index, root) in roots.list.iter().enumerate() {
            if root.keeper.is_none() {
                set.add(index);
            }
        }
        let mut search = Search {
            func,
            cfg,
            roots,
            live,
            set,
        };
        while search.round() {}
        let mut owned = Self {
            from: SecondaryMap::new(),
            start: vec![None; roots.list.len()],
            set: search.set.clone(),
        };
        for index in search
            .set
            .iter()
            .filter(|index| roots.list[*index].keeper.is_some())
        {
            let Some(inst) = search.start(index) else {
                continue;
            };
            owned.from[inst] = Some(index);
            owned.start[index] = roots.places[inst];
        }
        owned
    }
}

struct Search<'a> {
    func: &'a Func,
    cfg: &'a Cfg,
    roots: &'a Roots,
    live: &'a Live,
    set: Bits,
}

impl Search<'_> {
    /// Promotes what does not survive; whether anything changed.
    fn round(&mut self) -> bool {
        let mut changed = false;
        for &block in &self.cfg.order {
            changed |= self.edges(block);
            let behind = self.live.behind_each(self.func, self.roots, block);
            for (place, &inst) in self.func.blocks[block].insts.iter().enumerate() {
                changed |= self.instruction(block, place, inst, &behind[place]);
            }
        }
        changed
    }

    /// What dies on the way into a block, or at its start.
    fn edges(&mut self, block: Block) -> bool {
        let start = self.live.at_start(block).clone();
        let mut dying = Vec::new();
        for &pred in self.cfg.preds(block) {
            let end = self.live.at_end(self.func, self.roots, pred);
            let passed: Vec<usize> = passed(self.func, self.roots, pred, block);
            dying.extend(
                end.iter().filter(|root| {
                    self.set.has(*root) && !start.has(*root) && !passed.contains(root)
                }),
            );
            if let Some(last) = checked_inst(self.func, pred) {
                let uses = self.roots.uses(self.func, last);
                let ends = |root: &usize| self.set.has(*root) && !end.has(*root);
                dying.extend(uses.lent.iter().copied().chain(uses.result).filter(ends));
            }
        }
        for param in &self.func.blocks[block].params {
            dying.extend(self.roots.of(*param).filter(|root| !start.has(*root)));
        }
        let run = dying.iter().any(|root| !self.is_quiet(*root, block, 0));
        let mut changed = self.kill(
            Event {
                run,
                ..Event::default()
            },
            &start,
            None,
        );
        changed |= self.lenders(&start);
        changed
    }

    fn instruction(&mut self, block: Block, place: usize, inst: Inst, behind: &Bits) -> bool {
        let uses = self.roots.uses(self.func, inst);
        let event = self.event(inst);
        let mut changed = false;
        // What the operation itself does happens before its result exists.
        changed |= self.kill(event, behind, uses.result);
        let op = &self.func.insts[inst].op;
        if !lets_operands_go(op) {
            // Operands must survive the operation, and what it names when it exits after it ran code.
            let effects = op.effects();
            let crossing = match effects.may_run && effects.may_exit {
                true => &uses.all,
                false => &uses.lent,
            };
            for &root in crossing {
                changed |= self.kill_one(event, root);
            }
        }
        for &(_, stolen) in &uses.stolen {
            let Some(stolen) = stolen.filter(|stolen| !behind.has(*stolen)) else {
                continue;
            };
            for &root in &uses.lent {
                if self.owned_lender(root) == Some(stolen) {
                    changed |= self.promote(root);
                }
            }
        }
        if checked_inst(self.func, block) != Some(inst) {
            let run = self
                .releases(&uses, behind)
                .any(|root| !self.is_quiet(root, block, place + 1));
            changed |= self.kill(
                Event {
                    run,
                    ..Event::default()
                },
                behind,
                None,
            );
        }
        changed |= self.lenders(behind);
        changed
    }

    /// Roots that are released behind an instruction.
    fn releases<'u>(
        &'u self,
        uses: &'u Uses,
        behind: &'u Bits,
    ) -> impl Iterator<Item = usize> + 'u {
        // What is lent to the operation as well is released behind it.
        let consumed = |root: &usize| {
            !uses.lent.contains(root)
                && uses.stolen.iter().any(|(_, stolen)| *stolen == Some(*root))
        };
        uses.all
            .iter()
            .copied()
            .chain(uses.result)
            .filter(move |root| self.set.has(*root) && !behind.has(*root) && !consumed(root))
    }

    fn event(&self, inst: Inst) -> Event {
        let op = &self.func.insts[inst].op;
        let effects = op.effects();
        Event {
            run: effects.may_run && *op != Op::Drop,
            local: local_replaced(self.func, inst),
            list_store: effects.writes.contains(Memory::LIST_ITEMS),
            attribute_store: effects.writes.contains(Memory::ATTRIBUTES),
            global_store: effects.writes.contains(Memory::GLOBALS),
        }
    }

    fn kill(&mut self, event: Event, alive: &Bits, except: Option<usize>) -> bool {
        if event == Event::default() {
            return false;
        }
        let mut changed = false;
        for root in alive.iter().filter(|root| Some(*root) != except) {
            changed |= self.kill_one(event, root);
        }
        changed
    }

    fn kill_one(&mut self, event: Event, root: usize) -> bool {
        !self.set.has(root) && self.is_killed(event, root) && self.promote(root)
    }

    fn is_killed(&self, event: Event, index: usize) -> bool {
        let root = &self.roots.list[index];
        let with_lender = || {
            root.lender
                .is_some_and(|lender| !self.set.has(lender) && self.is_killed(event, lender))
        };
        match root.keeper {
            Some(Keeper::Local(local)) => event.run || event.local == Some(local),
            Some(Keeper::Globals) => event.run || event.global_store,
            // What a store releases may have had the attribute.
            Some(Keeper::Attributes) => event.run || event.attribute_store || with_lender(),
            Some(Keeper::ListItems) => event.run || event.list_store || with_lender(),
            Some(Keeper::Operand) => (event.run && root.lent_by_iterator) || with_lender(),
            Some(Keeper::Forever | Keeper::Alias) | None => false,
        }
    }

    /// What an owned object lends lives only as long as that object.
    fn lenders(&mut self, alive: &Bits) -> bool {
        let orphans: Vec<usize> = alive
            .iter()
            .filter(|root| !self.set.has(*root))
            .filter(|root| {
                let lender = self.owned_lender(*root);
                lender.is_some_and(|lender| !alive.has(lender))
            })
            .collect();
        let mut changed = false;
        for root in orphans {
            changed |= self.promote(root);
        }
        changed
    }

    /// The owned object at the end of the chain of objects that lend each other, if one is.
    fn owned_lender(&self, root: usize) -> Option<usize> {
        let mut lender = self.roots.list[root].lender?;
        while !self.set.has(lender) {
            lender = self.roots.list[lender].lender?;
        }
        Some(lender)
    }

    fn promote(&mut self, root: usize) -> bool {
        self.set.add(root)
    }

    fn is_quiet(&self, root: usize, block: Block, at: usize) -> bool {
        let name = self.roots.best_name(self.func, self.cfg, root, block, at);
        self.func.ty(name).is_quiet()
    }

    /// Where a promoted root's reference is taken: behind its definition, or behind the guard that follows it and says
    /// that it is not NULL, if nothing can happen in between.
    fn start(&self, index: usize) -> Option<Inst> {
        let root = &self.roots.list[index];
        let Def::Inst(definition) = self.func.values[root.value].def else {
            return None;
        };
        if !root.nullable {
            return Some(definition);
        }
        let (block, place) = self.roots.places[definition]?;
        let behind = self.live.behind_each(self.func, self.roots, block);
        for (place, &inst) in self.func.blocks[block]
            .insts
            .iter()
            .enumerate()
            .skip(place as usize + 1)
        {
            let data = &self.func.insts[inst];
            let uses = self.roots.uses(self.func, inst);
            let steals = uses.stolen.iter().any(|(_, root)| *root == Some(index));
            let orphan = root.lender.is_some_and(|lender| !behind[place].has(lender));
            let releases = self.releases(&uses, &behind[place]).next().is_some();
            if self.event(inst) != Event::default() || steals || orphan || releases {
                break;
            }
            let result = data
                .result
                .filter(|result| self.func.root(*result) == root.value);
            if result.is_some_and(|result| !self.func.ty(result).kinds.contains(Kind::NULL)) {
                return Some(inst);
            }
        }
        Some(definition)
    }
}

/// The instruction whose exception the block's terminator tests.
pub(crate) fn checked_inst(func: &Func, block: Block) -> Option<Inst> {
    let data = &func.blocks[block];
    matches!(data.term, Term::Checked { .. })
        .then(|| data.insts.last().copied())
        .flatten()
}

/// Roots whose references are handed over from one block to another: each once, if it is not alive in there.
pub(crate) fn passed(func: &Func, roots: &Roots, from: Block, to: Block) -> Vec<usize> {
    let targets = func.blocks[from]
        .term
        .targets()
        .filter(|target| target.block == to);
    targets
        .flat_map(|target| target.args.iter().filter_map(|arg| roots.of(*arg)))
        .collect()
}
