//! A translation by source line: which bytecode, HIR and assembly belongs to which line, and what of it is slow.
//!
//! Made for reading alone, beside the code that runs: it is lowered once more, into a module of its own and with marks,
//! and thrown away. What was inlined belongs to the line of its outermost call.

use crate::refused::Refused;
use martlet_codegen::{Emitter, Tier};
use martlet_frontend::bytecode::Code;
use martlet_frontend::hir::{
    Block, Cfg, ExitSite, Func, HelperId, Inst, InstData, Op, Origin, Rep, Term, Value,
};
use martlet_frontend::lower::{lower_marked, site_number};
use martlet_ir::{BitcodeLibrary, Module};
use martlet_snapshot::{Effort, ObjId, Object, Request};
use serde::Serialize;
use std::collections::HashMap;

/// The kind of what a helper does in the general way.
const GENERIC: &str = "generic";
/// Said of what is generic because versions before it guessed wrong.
const AVOIDED: &str = ", for guesses failed here";

/// All there is to tell. Lines are those of the root code.
#[derive(Debug, Serialize)]
pub(crate) struct Lines {
    bytecode: Vec<Text>,
    hir: Vec<Text>,
    asm: Vec<Text>,
    notes: Vec<Note>,
}

/// A line of a listing.
#[derive(Debug, Serialize)]
struct Text {
    line: Option<u32>,
    text: String,
}

/// Something that costs time.
#[derive(Debug, Serialize)]
struct Note {
    kind: &'static str,
    line: Option<u32>,
    offset: u32,
    /// The inlined function that it is in, and the line there.
    within: Option<(String, Option<u32>)>,
    /// Whether it is on a path that is rarely taken.
    rare: bool,
    text: String,
    /// What is known of the operands of something generic.
    operands: String,
}

impl Lines {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| error.to_string())
    }
}

/// Tells of a translation.
pub(crate) fn explain(
    func: &Func,
    request: &Request,
    emitter: &mut Emitter,
    helpers: &BitcodeLibrary,
    (effort, tier): (Effort, Tier),
) -> Result<Lines, Refused> {
    let mut module = Module::new("lines");
    emitter.prepare(&mut module)?;
    let lowered = lower_marked(func, request, &mut module)?;
    if effort != Effort::None {
        helpers.import(&mut module)?;
    }
    emitter.optimise(&mut module, tier)?;
    let asm = emitter.assembly(&module, tier.level())?;
    drop(lowered);
    let reader = Reader::new(func, request);
    Ok(Lines {
        bytecode: reader.bytecode(),
        hir: reader.hir(),
        asm: reader.asm(&asm),
        notes: reader.notes(),
    })
}

struct Reader<'a> {
    func: &'a Func,
    request: &'a Request,
    /// The codes of the request; those that cannot be decoded are not inlined.
    codes: Vec<Option<Code>>,
    blocks: Vec<Block>,
}

impl<'a> Reader<'a> {
    fn new(func: &'a Func, request: &'a Request) -> Self {
        let codes = request.codes.iter().map(|code| Code::decode(code).ok());
        Self {
            func,
            request,
            codes: codes.collect(),
            blocks: Cfg::new(func).order,
        }
    }

    fn line(&self, code: u32, offset: u32) -> Option<u32> {
        let code = self.codes.get(code as usize)?.as_ref()?;
        code.at(offset)?.line
    }

    /// The line of the root code that something belongs to.
    fn line_of(&self, origin: Option<Origin>) -> Option<u32> {
        self.line(0, origin?.root)
    }

    /// The bytecode of an instruction or terminator. A terminator that goes on belongs to what stands before it.
    fn origin(&self, site: ExitSite) -> Option<Origin> {
        match site {
            ExitSite::Inst(inst) => Some(self.func.origin(inst)),
            ExitSite::Term(block) => match &self.func.blocks[block].term {
                Term::Exit { state, .. } | Term::Raise { state, .. } => {
                    Some(self.func.state_origin(*state))
                }
                _ => {
                    let last = self.func.blocks[block].insts.last();
                    last.map(|inst| self.func.origin(*inst))
                }
            },
        }
    }

    fn bytecode(&self) -> Vec<Text> {
        let mut all = Vec::new();
        for (index, (code, snapshot)) in self.codes.iter().zip(&self.request.codes).enumerate() {
            let used = index == 0 || self.is_inlined(index as u32);
            let Some(code) = code.as_ref().filter(|_| used) else {
                continue;
            };
            let dump = code.dump(snapshot);
            // A heading, a line an instruction, the exception table.
            let lines = code.insts.iter().map(|it| it.line.filter(|_| index == 0));
            let lines = std::iter::once(None).chain(lines);
            all.extend(texts(&dump, lines));
        }
        all
    }

    fn is_inlined(&self, code: u32) -> bool {
        let mut origins = self.func.inlined_from.values().flatten();
        origins.any(|it| it.code == code)
    }

    fn hir(&self) -> Vec<Text> {
        let mut lines = vec![None];
        for &block in &self.blocks {
            let insts = &self.func.blocks[block].insts;
            let sites = insts.iter().map(|inst| ExitSite::Inst(*inst));
            let sites = sites.chain([ExitSite::Term(block)]);
            let of: Vec<_> = sites.map(|site| self.line_of(self.origin(site))).collect();
            lines.push(of[0]);
            lines.extend(of);
        }
        texts(&self.func.to_string(), lines.into_iter())
    }

    /// Instructions and labels; directives say nothing here.
    fn asm(&self, asm: &str) -> Vec<Text> {
        let mut sites = HashMap::new();
        for &block in &self.blocks {
            for &inst in &self.func.blocks[block].insts {
                let site = ExitSite::Inst(inst);
                sites.insert(site_number(self.func, site), site);
            }
            let site = ExitSite::Term(block);
            sites.insert(site_number(self.func, site), site);
        }
        let (mut in_code, mut line) = (true, None);
        let mut all = Vec::new();
        for text in asm.lines() {
            let word = text.split_whitespace().next().unwrap_or_default();
            if [".text", ".section", ".data"].contains(&word) {
                in_code = word == ".text";
            }
            if word == ".loc" {
                let number = text
                    .split_whitespace()
                    .nth(2)
                    .and_then(|it| it.parse().ok());
                let site = number.and_then(|it: u32| sites.get(&it));
                line = site.and_then(|site| self.line_of(self.origin(*site)));
            }
            let is_label =
                word.ends_with(':') && (word.starts_with(".LBB") || !word.starts_with('.'));
            if in_code
                && !word.is_empty()
                && !word.starts_with('#')
                && (is_label || !word.starts_with('.'))
            {
                let line = line.filter(|_| !is_label);
                let text = text.split(" # ").next().unwrap_or(text);
                let text = text.trim_end().replace('\t', "  ");
                all.push(Text { line, text });
            }
        }
        all
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        for &block in &self.blocks {
            let data = &self.func.blocks[block];
            for &inst in &data.insts {
                if let Some((kind, text)) = self.judge(inst) {
                    let note = self.note(kind, text, ExitSite::Inst(inst), data.cold);
                    let operands = self.operands(kind, &self.func.insts[inst]);
                    notes.extend(note.map(|note| Note { operands, ..note }));
                }
            }
            if let Term::Exit { reason, .. } = data.term {
                let text = reason.to_owned();
                notes.extend(self.note("leaves", text, ExitSite::Term(block), data.cold));
            }
        }
        notes
    }

    fn note(&self, kind: &'static str, text: String, site: ExitSite, rare: bool) -> Option<Note> {
        let Origin { code, offset, root } = self.origin(site)?;
        let within = (code != 0).then(|| {
            let name = self.request.codes.get(code as usize);
            let name = name.map_or_else(String::new, |it| it.qualname.clone());
            (name, self.line(code, offset))
        });
        Some(Note {
            kind,
            line: self.line(0, root),
            offset: root,
            within,
            rare,
            text,
            operands: String::new(),
        })
    }

    /// What an instruction costs, if it is worth telling.
    fn judge(&self, inst: Inst) -> Option<(&'static str, String)> {
        let data = &self.func.insts[inst];
        match &data.op {
            Op::BoxInt => Some(("boxing", "an int becomes an object".to_owned())),
            Op::BoxFloat => Some(("boxing", "a float becomes an object".to_owned())),
            Op::SyncLocal(local) => {
                let name = self.request.codes[0].local_names.get(*local as usize);
                let name = name.map_or("", String::as_str);
                Some((
                    "boxing",
                    format!("the number in `{name}` becomes an object"),
                ))
            }
            Op::SyncFrame => Some((
                "boxing",
                "the numbers in variables become objects".to_owned(),
            )),
            Op::ListStoreInt | Op::ListStoreFloat => {
                Some(("boxing", "a number becomes an object in a list".to_owned()))
            }
            Op::CallDirect { code, .. } => {
                let name = self.code_name(*code).unwrap_or("a function");
                Some(("call", format!("calls `{name}` through its entry")))
            }
            Op::Call { helper, .. } => self.judge_helper(*helper, inst),
            _ => None,
        }
    }

    fn judge_helper(&self, helper: HelperId, inst: Inst) -> Option<(&'static str, String)> {
        let data = &self.func.insts[inst];
        if matches!(helper, HelperId::Call | HelperId::CallKw | HelperId::CallEx) {
            let name = data.args.first().and_then(|it| self.object_name(*it));
            let name =
                name.map_or_else(|| "an unknown callable".to_owned(), |it| format!("`{it}`"));
            return Some(("call", format!("calls {name} as the interpreter does")));
        }
        let what = generic(helper)?;
        let origin = self.func.origin(inst);
        let start = self.start(origin);
        let avoided = self.request.avoid.contains(&(origin.code, start));
        let why = if avoided { AVOIDED } else { "" };
        let text = format!("{what} in the general way{why}");
        Some((GENERIC, text))
    }

    /// Where the bytecode of an origin starts, prefixes included.
    fn start(&self, origin: Origin) -> u32 {
        let code = self
            .codes
            .get(origin.code as usize)
            .and_then(Option::as_ref);
        let instr = code.and_then(|code| code.at(origin.offset));
        instr.map_or(origin.offset, |instr| instr.start)
    }

    fn operands(&self, kind: &str, data: &InstData) -> String {
        if kind != GENERIC {
            return String::new();
        }
        let objects = data
            .args
            .iter()
            .filter(|arg| self.func.rep(**arg) == Rep::Obj);
        let kinds: Vec<String> = objects
            .map(|arg| self.func.ty(*arg).kinds.to_string())
            .collect();
        kinds.join(", ")
    }

    fn code_name(&self, code: ObjId) -> Option<&str> {
        let Some(Object::Code(Some(index))) = self.request.objects.get(code.0 as usize) else {
            return None;
        };
        let code = self.request.codes.get(*index as usize)?;
        Some(&code.qualname)
    }

    /// What a value is called, if it is one known object.
    fn object_name(&self, value: Value) -> Option<String> {
        let id = self.func.ty(value).object?;
        Some(match self.request.objects.get(id.0 as usize)? {
            Object::Function(info) => info.qualname.clone(),
            Object::Type { name, .. } => name.clone(),
            Object::Builtin { module, name } if module == "builtins" => name.clone(),
            Object::Builtin { module, name } => format!("{module}.{name}"),
            Object::MethodDescriptor { class, name } => format!("{class}.{name}"),
            _ => return None,
        })
    }
}

/// The lines of a text with what they belong to; those behind belong to nothing.
fn texts(text: &str, lines: impl Iterator<Item = Option<u32>>) -> Vec<Text> {
    let lines = lines.chain(std::iter::repeat(None));
    let texts = text.lines().zip(lines);
    texts
        .map(|(text, line)| Text {
            line,
            text: text.to_owned(),
        })
        .collect()
}

/// What a helper does in general of which fast paths exist for some types.
fn generic(helper: HelperId) -> Option<&'static str> {
    Some(match helper {
        HelperId::BinaryOp | HelperId::Negative | HelperId::Invert => "operator",
        HelperId::Compare | HelperId::CompareBool => "comparison",
        HelperId::IsTrueOwned => "truth test",
        HelperId::Contains => "test for membership",
        HelperId::GetIter | HelperId::IterNext => "iteration",
        HelperId::GetItem => "subscript",
        HelperId::SetItem => "assignment to an item",
        HelperId::GetAttr | HelperId::LoadMethod => "attribute",
        HelperId::SetAttr => "assignment to an attribute",
        HelperId::LoadGlobal | HelperId::LoadName => "look-up",
        HelperId::UnpackSequence => "unpacking",
        _ => return None,
    })
}
