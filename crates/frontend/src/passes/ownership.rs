//! Checks what the refcount pass made: a walk that counts references, independent of how they were placed.
//!
//! On every path each reference is consumed exactly once; nothing is used after what lent it may have let go of it; an
//! exit hands over or drops exactly what is held there. The walk shares with the pass only what operations declare.

use super::refcount::{Bits, Roots, checked_inst, lets_operands_go, local_replaced};
use crate::hir::{Block, Cfg, ExitSite, Func, Inst, Keeper, Memory, Op, Rep, StateId, Term, Value};
use cranelift_entity::SecondaryMap;

/// A place where references are not counted right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Miscount {
    /// The block or instruction.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

/// Checks a function after the refcount pass.
///
/// # Errors
/// The first place where references are not counted right.
pub fn check(func: &Func) -> Result<(), Miscount> {
    let cfg = Cfg::new(func);
    let roots = Roots::new(func, &cfg);
    let n = roots.list.len();
    let mut walk = Walk {
        func,
        roots: &roots,
        counts: vec![0; n],
        gone: Bits::new(n),
    };
    let mut entries: SecondaryMap<Block, Option<(Vec<i32>, Bits)>> = SecondaryMap::new();
    entries[func.entry] = Some((walk.counts.clone(), walk.gone.clone()));
    let mut work = vec![func.entry];
    while let Some(block) = work.pop() {
        let Some((counts, gone)) = entries[block].clone() else {
            continue;
        };
        walk.counts = counts;
        walk.gone = gone;
        for (to, counts, gone) in walk.block(block)? {
            match &mut entries[to] {
                Some((known, known_gone)) => {
                    if *known != counts {
                        return Err(fail(to, "references differ with the way here".into()));
                    }
                    let before = known_gone.clone();
                    known_gone.add_all(&gone);
                    if *known_gone != before {
                        work.push(to);
                    }
                }
                entry => {
                    *entry = Some((counts, gone));
                    work.push(to);
                }
            }
        }
    }
    Ok(())
}

fn fail(place: impl ToString, problem: String) -> Miscount {
    let place = place.to_string();
    Miscount { place, problem }
}

type Edge = (Block, Vec<i32>, Bits);

struct Walk<'a> {
    func: &'a Func,
    roots: &'a Roots,
    /// References held, by root.
    counts: Vec<i32>,
    /// Lent roots whose lender may have let go of them.
    gone: Bits,
}

impl Walk<'_> {
    fn block(&mut self, block: Block) -> Result<Vec<Edge>, Miscount> {
        let func = self.func;
        let checked = checked_inst(func, block);
        for &inst in &func.blocks[block].insts {
            self.instruction(inst, checked == Some(inst))
                .map_err(|problem| fail(format!("{block} {inst}"), problem))?;
        }
        self.terminator(block, checked)
            .map_err(|problem| fail(block, problem))
    }

    fn instruction(&mut self, inst: Inst, checked: bool) -> Result<(), String> {
        let func = self.func;
        let data = &func.insts[inst];
        let op = data.op;
        match op {
            Op::Drop => return Err("a drop remains".into()),
            Op::IncRef => {
                self.use_value(data.args[0])?;
                return self.add(data.args[0], 1);
            }
            Op::DecRef => {
                self.add(data.args[0], -1)?;
                if !func.ty(data.args[0]).is_quiet() {
                    self.run();
                }
                return Ok(());
            }
            _ => {}
        }
        for &arg in &data.args {
            self.use_value(arg)?;
        }
        let effects = op.effects();
        if let (true, Some(state)) = (effects.may_exit, data.state) {
            self.exit(ExitSite::Inst(inst), state)?;
        }
        for (place, &arg) in data.args.iter().enumerate() {
            if op.steals(place) {
                self.add(arg, -1)?;
            }
        }
        if effects.may_run {
            self.run();
        }
        let local = local_replaced(func, inst);
        self.let_go(|keeper| match keeper {
            Keeper::Local(lender) => Some(lender) == local,
            Keeper::ListItems => effects.writes.contains(Memory::LIST_ITEMS),
            Keeper::Attributes => effects.writes.contains(Memory::ATTRIBUTES),
            Keeper::Globals => effects.writes.contains(Memory::GLOBALS),
            _ => false,
        });
        if !lets_operands_go(&op) {
            for (place, &arg) in data.args.iter().enumerate() {
                if !op.steals(place) {
                    self.use_value(arg)
                        .map_err(|_| format!("{arg} may not survive the operation"))?;
                }
            }
            if let (true, Some(state)) = (effects.may_run && effects.may_exit, data.state) {
                self.exit(ExitSite::Inst(inst), state)?;
            }
        }
        let result = data.result.filter(|result| func.root(*result) == *result);
        if let Some(root) = result.and_then(|result| self.roots.of(result)) {
            if self.counts[root] != 0 {
                return Err(format!(
                    "{} is defined anew and was not released",
                    self.roots.list[root].value
                ));
            }
            self.gone.remove(root);
            let is_new = self.roots.list[root].keeper.is_none();
            self.counts[root] = i32::from(is_new && !checked);
        }
        Ok(())
    }

    fn terminator(&mut self, block: Block, checked: Option<Inst>) -> Result<Vec<Edge>, String> {
        let func = self.func;
        let new = checked.and_then(|inst| func.insts[inst].result);
        let new = new.and_then(|result| self.roots.of(result));
        let mut edges = Vec::new();
        match &func.blocks[block].term {
            Term::None => return Err("the block does not end".into()),
            Term::Return(value) => {
                self.use_value(*value)?;
                self.add(*value, -1)?;
                self.holds_nothing()?;
            }
            Term::Stay => self.holds_nothing()?,
            Term::Exit { state, .. } | Term::Raise { state, .. } => {
                self.exit(ExitSite::Term(block), *state)?;
            }
            term => {
                for (index, target) in term.targets().enumerate() {
                    let saved = self.counts.clone();
                    if let Some(root) = new {
                        self.counts[root] += i32::from(index == 0);
                    }
                    for &arg in &target.args {
                        self.use_value(arg)?;
                        self.add(arg, -1)?;
                    }
                    for &param in &func.blocks[target.block].params {
                        if let Some(root) = self.roots.of(param) {
                            if self.counts[root] != 0 {
                                return Err(format!("{param} was not released"));
                            }
                            self.counts[root] = 1;
                            self.gone.remove(root);
                        }
                    }
                    let counts = std::mem::replace(&mut self.counts, saved);
                    edges.push((target.block, counts, self.gone.clone()));
                }
            }
        }
        Ok(edges)
    }

    fn exit(&self, site: ExitSite, state: StateId) -> Result<(), String> {
        let func = self.func;
        let mut unusable = None;
        func.state_values(state, &mut |value| {
            if self.use_value(value).is_err() {
                unusable = Some(value);
            }
        });
        if let Some(value) = unusable {
            return Err(format!("the exit names {value}, which is gone"));
        }
        let mut left = self.counts.clone();
        if let Some(handover) = func.handovers.get(&site) {
            for value in handover.owned.iter().chain(&handover.drops) {
                let root = self.roots.of(*value);
                let root =
                    root.ok_or_else(|| format!("{value} is handed over, and has no owner"))?;
                left[root] -= 1;
            }
        }
        match left.iter().position(|count| *count != 0) {
            Some(root) => Err(format!(
                "the exit is left with {} references of {}",
                left[root], self.roots.list[root].value
            )),
            None => Ok(()),
        }
    }

    fn holds_nothing(&self) -> Result<(), String> {
        match self.counts.iter().position(|count| *count != 0) {
            Some(root) => Err(format!("{} is not released", self.roots.list[root].value)),
            None => Ok(()),
        }
    }

    /// A value is used: it must still be there.
    fn use_value(&self, value: Value) -> Result<(), String> {
        match self.roots.of(value) {
            Some(root) if !self.is_there(root) => Err(format!("{value} is used, and may be gone")),
            _ => Ok(()),
        }
    }

    fn is_there(&self, root: usize) -> bool {
        let data = &self.roots.list[root];
        self.counts[root] > 0
            || (data.keeper.is_some()
                && !self.gone.has(root)
                && data.lender.is_none_or(|lender| self.is_there(lender)))
    }

    fn add(&mut self, value: Value, n: i32) -> Result<(), String> {
        if self.func.rep(value) != Rep::Obj {
            return Ok(());
        }
        let Some(root) = self.roots.of(value) else {
            return Ok(());
        };
        self.counts[root] += n;
        match self.counts[root] {
            0.. => Ok(()),
            _ => Err(format!("{value} is released, and not held")),
        }
    }

    /// Python code runs.
    fn run(&mut self) {
        self.let_go(|keeper| {
            matches!(
                keeper,
                Keeper::Local(_) | Keeper::Globals | Keeper::Attributes | Keeper::ListItems
            )
        });
        for (index, root) in self.roots.list.iter().enumerate() {
            if root.lent_by_iterator {
                self.gone.add(index);
            }
        }
    }

    fn let_go(&mut self, which: impl Fn(Keeper) -> bool) {
        for (index, root) in self.roots.list.iter().enumerate() {
            // What is defined later starts anew.
            if root.keeper.is_some_and(&which) {
                self.gone.add(index);
            }
        }
    }
}
