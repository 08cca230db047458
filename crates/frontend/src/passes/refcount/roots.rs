//! Roots: the values that references belong to, and where they are used.

use crate::hir::{
    Arg, Block, Cfg, Def, ExitSite, Func, HelperId, Inst, Keeper, Op, Rep, StateId, Term, Value,
};
use cranelift_entity::SecondaryMap;

/// A set of roots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn new(n: usize) -> Self {
        Self(vec![0; n.div_ceil(64)])
    }

    pub(crate) fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] >> (bit % 64) & 1 != 0
    }

    /// Whether the bit was not there before.
    pub(crate) fn add(&mut self, bit: usize) -> bool {
        let before = self.has(bit);
        self.0[bit / 64] |= 1 << (bit % 64);
        !before
    }

    pub(crate) fn remove(&mut self, bit: usize) {
        self.0[bit / 64] &= !(1 << (bit % 64));
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word |= other;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, &word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 != 0)
                .map(move |bit| index * 64 + bit)
        })
    }
}

/// A value that references belong to.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// The value that is defined first; the others are guards' results.
    pub(crate) value: Value,
    /// Who lends it; `None`: it is a new reference.
    pub(crate) keeper: Option<Keeper>,
    /// The root that lends it, if an object does.
    pub(crate) lender: Option<usize>,
    /// Whether what lends it is an iterator, which lets go of its sequence when it is advanced.
    pub(crate) lent_by_iterator: bool,
    /// May be NULL although it is owned.
    pub(crate) nullable: bool,
    /// Itself and its aliases.
    pub(crate) names: Vec<Value>,
}

/// What an instruction does with roots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    /// Roots that must be alive: operands, and what the state of an exit names.
    pub(crate) all: Vec<usize>,
    /// Operands that the operation does not consume.
    pub(crate) lent: Vec<usize>,
    /// Operands that it consumes, by their place; `None` for constants.
    pub(crate) stolen: Vec<(usize, Option<usize>)>,
    /// The root that it defines.
    pub(crate) result: Option<usize>,
}

/// All roots of a function, and where things are.
pub(crate) struct Roots {
    pub(crate) list: Vec<Root>,
    index: SecondaryMap<Value, u32>,
    /// Block and place of each instruction.
    pub(crate) places: SecondaryMap<Inst, Option<(Block, u32)>>,
}

const NONE: u32 = u32::MAX;

impl Roots {
    pub(crate) fn new(func: &Func, cfg: &Cfg) -> Self {
        let mut roots = Self {
            list: Vec::new(),
            index: SecondaryMap::with_default(NONE),
            places: SecondaryMap::new(),
        };
        for &block in &cfg.order {
            for &param in &func.blocks[block].params {
                roots.define(func, param);
            }
            for (place, &inst) in func.blocks[block].insts.iter().enumerate() {
                roots.places[inst] = Some((block, place as u32));
                if let Some(result) = func.insts[inst].result {
                    roots.define(func, result);
                }
            }
        }
        roots
    }

    fn define(&mut self, func: &Func, value: Value) {
        if func.rep(value) != Rep::Obj {
            return;
        }
        let root = func.root(value);
        if root != value {
            // Definitions come before uses in reverse postorder, so the root is known.
            if let Some(index) = self.of(root) {
                self.index[value] = index as u32;
                self.list[index].names.push(value);
            }
            return;
        }
        let (keeper, lender, lent_by_iterator) = match func.values[value].def {
            Def::Param(..) => (None, None, false),
            Def::Inst(inst) => {
                let data = &func.insts[inst];
                let keeper = data.op.keeper();
                let by_object = matches!(
                    keeper,
                    Some(Keeper::Operand | Keeper::ListItems | Keeper::Attributes)
                );
                let lender = data.args.first().filter(|_| by_object);
                let lender = lender.and_then(|lender| self.of(func.root(*lender)));
                let iterator = matches!(data.op, Op::ListIterList | Op::TupleIterTuple);
                (keeper, lender, iterator)
            }
        };
        if keeper == Some(Keeper::Forever) {
            return;
        }
        self.index[value] = self.list.len() as u32;
        self.list.push(Root {
            value,
            keeper,
            lender,
            lent_by_iterator,
            nullable: func.may_be_null(value),
            names: vec![value],
        });
    }

    /// The root of a value, if references of it are counted at all.
    pub(crate) fn of(&self, value: Value) -> Option<usize> {
        let index = self.index[value];
        (index != NONE).then_some(index as usize)
    }

    /// What an instruction does with roots.
    pub(crate) fn uses(&self, func: &Func, inst: Inst) -> Uses {
        let data = &func.insts[inst];
        let mut uses = Uses::default();
        for (place, &arg) in data.args.iter().enumerate() {
            if func.rep(arg) != Rep::Obj {
                continue;
            }
            let root = self.of(arg);
            if data.op.steals(place) {
                uses.stolen.push((place, root));
            } else {
                uses.lent.extend(root);
            }
            uses.all.extend(root);
        }
        if let (true, Some(state)) = (data.op.effects().may_exit, data.state) {
            self.add_state(func, state, &mut uses.all);
        }
        // An alias defines nothing new.
        let result = data.result.filter(|result| func.root(*result) == *result);
        uses.result = result.and_then(|result| self.of(result));
        uses
    }

    /// Roots that a terminator needs, without the arguments of its targets.
    pub(crate) fn term_uses(&self, func: &Func, block: Block) -> Vec<usize> {
        let mut uses = Vec::new();
        match &func.blocks[block].term {
            Term::Return(value) => uses.extend(self.of(*value)),
            Term::Exit { state, .. } | Term::Raise { state, .. } => {
                self.add_state(func, *state, &mut uses)
            }
            _ => {}
        }
        uses
    }

    fn add_state(&self, func: &Func, state: StateId, uses: &mut Vec<usize>) {
        func.state_values(state, &mut |value| uses.extend(self.of(value)));
    }

    /// The name of a root that says most about it where place `at` of `block` is (names of later places excluded).
    pub(crate) fn best_name(
        &self,
        func: &Func,
        cfg: &Cfg,
        root: usize,
        block: Block,
        at: usize,
    ) -> Value {
        let root = &self.list[root];
        let mut best = root.value;
        for &name in &root.names[1..] {
            let Def::Inst(inst) = func.values[name].def else {
                continue;
            };
            let Some((home, place)) = self.places[inst] else {
                continue;
            };
            let before = if home == block {
                (place as usize) < at
            } else {
                cfg.dominates(home, block)
            };
            let better =
                func.ty(name).kinds.bits().count_ones() < func.ty(best).kinds.bits().count_ones();
            if before && better {
                best = name;
            }
        }
        best
    }
}

/// Where an exit's references are noted.
pub(crate) fn exit_of_block(func: &Func, block: Block) -> Option<ExitSite> {
    matches!(
        func.blocks[block].term,
        Term::Exit { .. } | Term::Raise { .. }
    )
    .then_some(ExitSite::Term(block))
}

/// Operations whose operands need not survive what they run: it runs at their very end, when an old content is
/// released, or they take references of their own first (a call's frame holds its function).
pub(crate) fn lets_operands_go(op: &Op) -> bool {
    matches!(
        op,
        Op::StoreLocal { .. }
            | Op::ClearLocal { .. }
            | Op::ListStore
            | Op::ListStoreFloat
            | Op::ListStoreInt
            | Op::CallDirect { .. }
            | Op::Drop
            | Op::Call {
                helper: HelperId::StoreDeref
                    | HelperId::PlaceStore
                    | HelperId::PlaceStoreFloat
                    | HelperId::PlaceStoreInt
                    | HelperId::EntryStore,
                ..
            }
    )
}

/// The local whose memory an operation may replace, if it replaces just one.
pub(crate) fn local_replaced(func: &Func, inst: Inst) -> Option<u32> {
    let data = &func.insts[inst];
    match data.op {
        Op::StoreLocal { local, .. } | Op::ClearLocal { local, .. } | Op::SyncLocal(local) => {
            Some(local)
        }
        // The number of the local is the first operand.
        Op::Call {
            helper: HelperId::StrAppendLocal,
            ..
        } => {
            debug_assert_eq!(
                HelperId::StrAppendLocal.row().args.first(),
                Some(&Arg::Const32)
            );
            match data.args.first().and_then(|arg| func.def_op(*arg)) {
                Some(Op::Int(local)) => u32::try_from(*local).ok(),
                _ => None,
            }
        }
        _ => None,
    }
}
