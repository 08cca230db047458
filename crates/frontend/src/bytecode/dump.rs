//! Decoded bytecode as text, one instruction a line.

use super::{Code, Instr};
use martlet_snapshot::CodeSnapshot;
use std::fmt::Write;

impl Code {
    /// The code as text: `L` marks starts of basic blocks, `->` a jump's target, `!` an instruction that probably never
    /// ran, braces what it was specialised to.
    pub fn dump(&self, snapshot: &CodeSnapshot) -> String {
        let mut text = format!("code {}\n", snapshot.qualname);
        let leaders = self.leaders();
        let mut line = None;
        for inst in &self.insts {
            let mark = if leaders.binary_search(&inst.start).is_ok() {
                'L'
            } else {
                ' '
            };
            let number = match inst.line {
                Some(number) if inst.line != line => number.to_string(),
                _ => String::new(),
            };
            line = inst.line;
            let described = describe(inst, snapshot);
            writeln!(text, "{number:>5} {mark} {:>4} {described}", inst.start)
                .expect("a String takes everything");
        }
        for entry in &self.exceptions {
            writeln!(
                text,
                "  {}..{} -> {} depth {}{}",
                entry.start,
                entry.end,
                entry.target,
                entry.depth,
                if entry.lasti { " lasti" } else { "" }
            )
            .expect("a String takes everything");
        }
        text
    }
}

fn describe(inst: &Instr, snapshot: &CodeSnapshot) -> String {
    let mut text = inst.opcode.name().to_string();
    // The arguments of opcodes below HAVE_ARGUMENT mean nothing.
    if inst.opcode as u8 > 43 {
        write!(text, " {}", inst.arg).expect("a String takes everything");
    }
    if let Some(name) = name(inst, snapshot) {
        write!(text, " ({name})").expect("a String takes everything");
    }
    if let Some(target) = inst.jump_target() {
        write!(text, " -> {target}").expect("a String takes everything");
    }
    if inst.never_ran {
        text.push_str(" !");
    }
    if let Some(history) = inst.history {
        write!(text, " {{ history: {history:016b} }}").expect("a String takes everything");
    }
    if let Some(special) = inst.special {
        write!(text, " {{ {special} }}").expect("a String takes everything");
    }
    text
}

/// The variable, name or local that the argument means.
fn name(inst: &Instr, snapshot: &CodeSnapshot) -> Option<String> {
    use super::Opcode as O;
    let local = |index: u32| snapshot.local_names.get(index as usize).cloned();
    let name = |index: u32| {
        let (name, _) = snapshot.names.get(index as usize)?;
        Some(name.clone())
    };
    match inst.opcode {
        O::LoadFast
        | O::LoadFastCheck
        | O::LoadFastAndClear
        | O::StoreFast
        | O::DeleteFast
        | O::LoadDeref
        | O::StoreDeref
        | O::DeleteDeref
        | O::MakeCell
        | O::LoadFromDictOrDeref => local(inst.arg),
        O::LoadFastLoadFast | O::StoreFastLoadFast | O::StoreFastStoreFast => {
            let (first, second) = (local(inst.arg >> 4)?, local(inst.arg & 15)?);
            Some(format!("{first}, {second}"))
        }
        O::LoadGlobal | O::LoadAttr => name(inst.arg >> 1),
        O::LoadSuperAttr => name(inst.arg >> 2),
        O::StoreGlobal
        | O::DeleteGlobal
        | O::LoadName
        | O::StoreName
        | O::DeleteName
        | O::StoreAttr
        | O::DeleteAttr
        | O::ImportName
        | O::ImportFrom
        | O::LoadFromDictOrGlobals => name(inst.arg),
        _ => None,
    }
}
