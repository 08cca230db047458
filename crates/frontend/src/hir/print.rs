//! HIR as text.
//!
//! ```text
//! func "f" start entry bb0 bytecodes 3 inlined o4
//! bb0 @0:
//!   v0: obj any|null = load_local(0)
//!   v1: obj int = guard_kind(int) v0 [fs0] @2
//!   v2: i64 int = unbox_int v1 [fs0]
//!   branch v3, bb1(v2), bb2 likely
//! bb1(v4: i64 int) @9 cold:
//!   raise fs1
//! states:
//!   fs0: code 0 at 1 locals [] stack [v1, raw v2, null, memory, x0]
//!   fs1: code 1 function v8 at 4 locals [v2] stack [] parent fs0 return 7
//! virtuals:
//!   x0: tuple [v1, v2]
//! ```
//! `@n` is the offset of the bytecode: of a block, and of an instruction where it differs from the one before. What the
//! refcount pass hands over at an exit stands behind the state: `[fs0 owned v1 drops v2, v3]`. Blocks come in reverse
//! postorder, and only what is reached from the entry is written.

use super::cfg::Cfg;
use super::func::{Block, ExitSite, Func, Inst, Raised, Slot, State, StateId, Target, Term, Value};
use super::text::{Immediate, print_op};
use martlet_snapshot::{EntryPoint, Returned};
use std::collections::BTreeSet;
use std::fmt::{self, Write};

impl fmt::Display for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer::new(self);
        printer.print()?;
        f.write_str(&printer.out)
    }
}

/// One instruction as text.
pub(super) fn inst_text(func: &Func, inst: Inst) -> String {
    let mut printer = Printer::new(func);
    printer.inst(inst).expect("a String takes everything");
    printer.out.trim_start().to_owned()
}

struct Printer<'a> {
    func: &'a Func,
    out: String,
    /// States and virtual objects that were named.
    states: BTreeSet<StateId>,
    virtuals: BTreeSet<u32>,
}

impl<'a> Printer<'a> {
    fn new(func: &'a Func) -> Self {
        Self {
            func,
            out: String::new(),
            states: BTreeSet::new(),
            virtuals: BTreeSet::new(),
        }
    }

    fn print(&mut self) -> fmt::Result {
        let func = self.func;
        write!(self.out, "func {:?} ", func.name)?;
        match func.entry_point {
            EntryPoint::Start => self.out.write_str("start")?,
            EntryPoint::Loop(offset) => write!(self.out, "loop {offset}")?,
            EntryPoint::Resume => self.out.write_str("resume")?,
        }
        write!(
            self.out,
            " entry {} bytecodes {}",
            func.entry, func.bytecodes
        )?;
        for (index, object) in func.inlined.iter().enumerate() {
            self.out
                .write_str(if index == 0 { " inlined " } else { ", " })?;
            object.print(&mut self.out)?;
        }
        self.out.push('\n');
        for block in Cfg::new(func).order {
            self.block(block)?;
        }
        self.tables()
    }

    fn block(&mut self, block: Block) -> fmt::Result {
        let data = &self.func.blocks[block];
        write!(self.out, "{block}")?;
        for (index, &param) in data.params.iter().enumerate() {
            self.out.write_str(if index == 0 { "(" } else { ", " })?;
            self.definition(param)?;
        }
        if !data.params.is_empty() {
            self.out.push(')');
        }
        let cold = if data.cold { " cold" } else { "" };
        writeln!(self.out, " @{}{cold}:", data.offset)?;
        let mut offset = data.offset;
        for &inst in &data.insts {
            self.inst(inst)?;
            let here = self.func.insts[inst].offset;
            if here != offset {
                write!(self.out, " @{here}")?;
                offset = here;
            }
            self.out.push('\n');
        }
        self.out.push_str("  ");
        self.term(block)?;
        self.out.push('\n');
        Ok(())
    }

    fn inst(&mut self, inst: Inst) -> fmt::Result {
        let data = &self.func.insts[inst];
        self.out.push_str("  ");
        if let Some(result) = data.result {
            self.definition(result)?;
            self.out.push_str(" = ");
        }
        print_op(&data.op, &mut self.out)?;
        if !data.args.is_empty() {
            self.out.push(' ');
            self.values(&data.args)?;
        }
        if let Some(state) = data.state {
            self.out.push_str(" [");
            self.exit(state, ExitSite::Inst(inst))?;
            self.out.push(']');
        }
        Ok(())
    }

    fn term(&mut self, block: Block) -> fmt::Result {
        match &self.func.blocks[block].term {
            Term::None => self.out.write_str("none"),
            Term::Jump(target) => {
                self.out.push_str("jump ");
                self.target(target)
            }
            Term::Branch {
                cond,
                then,
                other,
                likely,
            } => {
                write!(self.out, "branch {cond}, ")?;
                self.target(then)?;
                self.out.push_str(", ");
                self.target(other)?;
                self.out.write_str(match likely {
                    Some(true) => " likely",
                    Some(false) => " unlikely",
                    None => "",
                })
            }
            Term::Checked { ok, raised } => {
                self.out.push_str("checked ");
                self.target(ok)?;
                self.out.push_str(", ");
                self.target(raised)
            }
            Term::Return(value) => write!(self.out, "return {value}"),
            Term::Stay => self.out.write_str("stay"),
            Term::Exit { state, reason } => {
                write!(self.out, "exit {reason:?} ")?;
                self.exit(*state, ExitSite::Term(block))
            }
            Term::Raise { state, raised } => {
                self.out.push_str("raise ");
                if *raised != Raised::Here {
                    write!(self.out, "{:?} ", raised.reason())?;
                }
                self.exit(*state, ExitSite::Term(block))
            }
        }
    }

    fn target(&mut self, target: &Target) -> fmt::Result {
        write!(self.out, "{}", target.block)?;
        if !target.args.is_empty() {
            self.out.push('(');
            self.values(&target.args)?;
            self.out.push(')');
        }
        Ok(())
    }

    fn exit(&mut self, state: StateId, site: ExitSite) -> fmt::Result {
        self.states.insert(state);
        write!(self.out, "{state}")?;
        if let Some(handover) = self.func.handovers.get(&site) {
            for (word, values) in [(" owned ", &handover.owned), (" drops ", &handover.drops)] {
                if !values.is_empty() {
                    self.out.push_str(word);
                    self.values(values)?;
                }
            }
        }
        Ok(())
    }

    fn definition(&mut self, value: Value) -> fmt::Result {
        let data = &self.func.values[value];
        write!(self.out, "{value}: {} {}", data.rep, data.ty)
    }

    fn values(&mut self, values: &[Value]) -> fmt::Result {
        for (index, value) in values.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(self.out, "{separator}{value}")?;
        }
        Ok(())
    }

    /// States and virtual objects that were named, and those that these name in turn.
    fn tables(&mut self) -> fmt::Result {
        for state in self.states.clone() {
            let mut parent = self.func.states[state].parent;
            while let Some(id) = parent
                && self.states.insert(id)
            {
                parent = self.func.states[id].parent;
            }
        }
        if !self.states.is_empty() {
            self.out.push_str("states:\n");
        }
        for id in self.states.clone() {
            write!(self.out, "  {id}: ")?;
            self.state(&self.func.states[id])?;
        }
        let mut pending: Vec<u32> = self.virtuals.iter().copied().collect();
        while let Some(index) = pending.pop() {
            for item in items(self.func, index) {
                if let Slot::Virtual(inner) = *item
                    && self.virtuals.insert(inner)
                {
                    pending.push(inner);
                }
            }
        }
        if !self.virtuals.is_empty() {
            self.out.push_str("virtuals:\n");
        }
        for index in self.virtuals.clone() {
            let Some(object) = self.func.virtuals.get(index as usize) else {
                continue;
            };
            write!(self.out, "  x{index}: ")?;
            object.kind.print(&mut self.out)?;
            self.out.push(' ');
            self.slots(&object.items)?;
            self.out.push('\n');
        }
        Ok(())
    }

    fn state(&mut self, state: &State) -> fmt::Result {
        write!(self.out, "code {}", state.code)?;
        if let Some(function) = state.function {
            write!(self.out, " function {function}")?;
        }
        write!(self.out, " at {} locals ", state.offset)?;
        self.slots(&state.locals)?;
        self.out.push_str(" stack ");
        self.slots(&state.stack)?;
        if let Some(parent) = state.parent {
            write!(self.out, " parent {parent}")?;
        }
        if state.return_to != 0 {
            let word = match state.returned {
                Returned::Pushed => "return",
                Returned::Initialised => "init",
                Returned::Dropped => "drop",
                Returned::Operated => "operate",
            };
            write!(self.out, " {word} {}", state.return_to)?;
        }
        self.out.push('\n');
        Ok(())
    }

    fn slots(&mut self, slots: &[Slot]) -> fmt::Result {
        self.out.push('[');
        for (index, slot) in slots.iter().enumerate() {
            self.out.write_str(if index == 0 { "" } else { ", " })?;
            match slot {
                Slot::Memory => self.out.write_str("memory")?,
                Slot::Null => self.out.write_str("null")?,
                Slot::Value(value) => write!(self.out, "{value}")?,
                Slot::Raw(value) => write!(self.out, "raw {value}")?,
                Slot::Virtual(index) => {
                    self.virtuals.insert(*index);
                    write!(self.out, "x{index}")?;
                }
            }
        }
        self.out.push(']');
        Ok(())
    }
}

fn items(func: &Func, index: u32) -> &[Slot] {
    let object = func.virtuals.get(index as usize);
    object.map_or(&[], |object| &object.items)
}
