//! HIR from the text that its printer writes; see `print` for its form.
//!
//! Numbers of values, blocks, states and virtual objects are kept, so that what is read prints as it was written. A `;`
//! starts a comment; empty lines do not matter.

use super::func::{
    Block, Def, ExitSite, Func, Handover, InstData, Raised, Slot, State, StateId, Target, Term,
    Value, ValueData,
};
use super::op::Virtual;
use super::text::{Cursor, Immediate, parse_op};
use super::types::{Kind, Rep, Type};
use cranelift_entity::EntityRef;
use martlet_snapshot::{EntryPoint, ObjId, Returned, VirtualKind};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// Text that is not HIR.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected} at {found:?}")]
pub struct ParseError {
    /// Line number, from 1.
    pub line: usize,
    /// What should stand there.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
}

impl FromStr for Func {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser::new();
        for (index, line) in text.lines().enumerate() {
            let mut cursor = Cursor {
                rest: without_comment(line),
            };
            let result = if cursor.is_done() {
                Ok(())
            } else {
                parser.line(&mut cursor).and_then(|()| end(&cursor))
            };
            result.map_err(|expected| ParseError {
                line: index + 1,
                expected,
                found: cursor.rest.trim().into(),
            })?;
        }
        parser.finish().map_err(|(expected, found)| ParseError {
            line: text.lines().count(),
            expected,
            found,
        })
    }
}

/// What was expected, where it is missing.
type Parsed<T> = Result<T, &'static str>;

#[derive(Clone, Copy, PartialEq)]
enum Section {
    Header,
    Blocks,
    States,
    Virtuals,
}

struct Parser {
    func: Func,
    section: Section,
    /// The block that is being read, and the offset of its last instruction.
    block: Option<(Block, u32)>,
    defined_values: BTreeSet<Value>,
    defined_blocks: BTreeSet<Block>,
    defined_states: BTreeSet<StateId>,
    defined_virtuals: BTreeSet<u32>,
}

impl Parser {
    fn new() -> Self {
        Self {
            func: Func::new("", EntryPoint::Start),
            section: Section::Header,
            block: None,
            defined_values: BTreeSet::new(),
            defined_blocks: BTreeSet::new(),
            defined_states: BTreeSet::new(),
            defined_virtuals: BTreeSet::new(),
        }
    }

    fn line(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let is_section = |word: &str| cursor.rest.trim() == word;
        if self.section == Section::Header {
            self.section = Section::Blocks;
            return self.header(cursor);
        }
        for (word, section) in [
            ("states:", Section::States),
            ("virtuals:", Section::Virtuals),
        ] {
            if is_section(word) {
                self.section = section;
                cursor.rest = "";
                return Ok(());
            }
        }
        match self.section {
            Section::States => self.state(cursor),
            Section::Virtuals => self.virtual_object(cursor),
            _ if cursor.rest.trim_start().starts_with("bb") => self.block_header(cursor),
            _ => self.inst_or_term(cursor),
        }
    }

    fn header(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        word(cursor, "func")?;
        self.func.name = quoted(cursor)?;
        if cursor.eat_word("loop") {
            self.func.entry_point = EntryPoint::Loop(number(cursor)?);
        } else if cursor.eat_word("resume") {
            self.func.entry_point = EntryPoint::Resume;
        } else {
            word(cursor, "start")?;
        }
        if cursor.eat_word("entry") {
            self.func.entry = self.block_id(cursor)?;
        }
        if cursor.eat_word("bytecodes") {
            self.func.bytecodes = number(cursor)?;
        }
        if cursor.eat_word("inlined") {
            self.func.inlined = list(cursor, |cursor| ObjId::parse(cursor).ok_or("an object id"))?;
        }
        Ok(())
    }

    fn block_header(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let block = self.block_id(cursor)?;
        if !self.defined_blocks.insert(block) {
            return Err("a block that was not yet defined");
        }
        if cursor.eat("(") {
            let mut params = 0;
            loop {
                let value = self.definition(cursor, Def::Param(block, params))?;
                self.func.blocks[block].params.push(value);
                params += 1;
                if !cursor.eat(",") {
                    break;
                }
            }
            token(cursor, ")")?;
        }
        if cursor.eat("@") {
            self.func.blocks[block].offset = number(cursor)?;
        }
        self.func.blocks[block].cold = cursor.eat_word("cold");
        self.block = Some((block, self.func.blocks[block].offset));
        token(cursor, ":")
    }

    fn inst_or_term(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let Some((block, offset)) = self.block else {
            return Err("a block");
        };
        if self.func.blocks[block].term != Term::None {
            return Err("nothing behind the end of a block");
        }
        let mut ahead = *cursor;
        match ahead.word() {
            Some("none") => {
                *cursor = ahead;
                Ok(())
            }
            Some("jump" | "branch" | "checked" | "return" | "stay" | "exit" | "raise") => {
                self.func.blocks[block].term = self.term(cursor, block)?;
                Ok(())
            }
            _ => self.inst(cursor, block, offset),
        }
    }

    fn inst(&mut self, cursor: &mut Cursor<'_>, block: Block, offset: u32) -> Parsed<()> {
        let inst = self.func.insts.next_key();
        let mut result = None;
        let mut ahead = *cursor;
        if ahead.id("v").is_some() {
            result = Some(self.definition(cursor, Def::Inst(inst))?);
            token(cursor, "=")?;
        }
        let op = parse_op(cursor).ok_or("an operation")?;
        let mut args = Vec::new();
        let mut ahead = *cursor;
        if ahead.id("v").is_some() {
            args = self.values(cursor)?;
        }
        let mut state = None;
        if cursor.eat("[") {
            state = Some(self.exit(cursor, ExitSite::Inst(inst))?);
            token(cursor, "]")?;
        }
        let offset = if cursor.eat("@") {
            number(cursor)?
        } else {
            offset
        };
        self.block = Some((block, offset));
        let pushed = self.func.insts.push(InstData {
            op,
            args,
            state,
            result,
            offset,
        });
        assert_eq!(pushed, inst, "nothing else makes instructions");
        self.func.blocks[block].insts.push(inst);
        Ok(())
    }

    fn term(&mut self, cursor: &mut Cursor<'_>, block: Block) -> Parsed<Term> {
        Ok(match cursor.word().unwrap_or_default() {
            "jump" => Term::Jump(self.target(cursor)?),
            "branch" => {
                let cond = self.value(cursor)?;
                token(cursor, ",")?;
                let then = self.target(cursor)?;
                token(cursor, ",")?;
                let other = self.target(cursor)?;
                let likely = if cursor.eat_word("likely") {
                    Some(true)
                } else {
                    cursor.eat_word("unlikely").then_some(false)
                };
                Term::Branch {
                    cond,
                    then,
                    other,
                    likely,
                }
            }
            "checked" => {
                let ok = self.target(cursor)?;
                token(cursor, ",")?;
                let raised = self.target(cursor)?;
                Term::Checked { ok, raised }
            }
            "return" => Term::Return(self.value(cursor)?),
            "stay" => Term::Stay,
            "exit" => {
                let reason = intern(quoted(cursor)?);
                let state = self.exit(cursor, ExitSite::Term(block))?;
                Term::Exit { state, reason }
            }
            "raise" => {
                let raised = match quoted(cursor) {
                    Ok(reason) => Raised::from_reason(&reason).ok_or("how it was raised")?,
                    Err(_) => Raised::Here,
                };
                let state = self.exit(cursor, ExitSite::Term(block))?;
                Term::Raise { state, raised }
            }
            _ => return Err("a terminator"),
        })
    }

    fn exit(&mut self, cursor: &mut Cursor<'_>, site: ExitSite) -> Parsed<StateId> {
        let state = self.state_id(cursor)?;
        let mut handover = Handover::default();
        if cursor.eat_word("owned") {
            handover.owned = self.values(cursor)?;
        }
        if cursor.eat_word("drops") {
            handover.drops = self.values(cursor)?;
        }
        if handover != Handover::default() {
            self.func.handovers.insert(site, handover);
        }
        Ok(state)
    }

    fn target(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Target> {
        let block = self.block_id(cursor)?;
        let mut args = Vec::new();
        if cursor.eat("(") {
            args = self.values(cursor)?;
            token(cursor, ")")?;
        }
        Ok(Target { block, args })
    }

    fn state(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let id = self.state_id(cursor)?;
        token(cursor, ":")?;
        word(cursor, "code")?;
        let mut state = State {
            code: number(cursor)?,
            ..no_state()
        };
        if cursor.eat_word("function") {
            state.function = Some(self.value(cursor)?);
        }
        word(cursor, "at")?;
        state.offset = number(cursor)?;
        word(cursor, "locals")?;
        state.locals = self.slots(cursor)?;
        word(cursor, "stack")?;
        state.stack = self.slots(cursor)?;
        if cursor.eat_word("parent") {
            state.parent = Some(self.state_id(cursor)?);
        }
        for (word, returned) in [
            ("return", Returned::Pushed),
            ("init", Returned::Initialised),
            ("drop", Returned::Dropped),
            ("operate", Returned::Operated),
        ] {
            if cursor.eat_word(word) {
                state.returned = returned;
                state.return_to = number(cursor)?;
            }
        }
        self.func.states[id] = state;
        self.defined_states.insert(id);
        Ok(())
    }

    fn virtual_object(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let index = self.virtual_id(cursor)?;
        token(cursor, ":")?;
        let kind = VirtualKind::parse(cursor).ok_or("a kind of virtual object")?;
        let items = self.slots(cursor)?;
        self.func.virtuals[index as usize] = Virtual { kind, items };
        self.defined_virtuals.insert(index);
        Ok(())
    }

    fn slots(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Vec<Slot>> {
        token(cursor, "[")?;
        if cursor.eat("]") {
            return Ok(Vec::new());
        }
        let slots = list(cursor, |cursor| self.slot(cursor))?;
        token(cursor, "]")?;
        Ok(slots)
    }

    fn slot(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Slot> {
        if cursor.eat_word("memory") {
            return Ok(Slot::Memory);
        }
        if cursor.eat_word("null") {
            return Ok(Slot::Null);
        }
        if cursor.eat_word("raw") {
            return Ok(Slot::Raw(self.value(cursor)?));
        }
        let mut ahead = *cursor;
        if ahead.id("x").is_some() {
            return Ok(Slot::Virtual(self.virtual_id(cursor)?));
        }
        Ok(Slot::Value(self.value(cursor)?))
    }

    /// `v1: rep type`.
    fn definition(&mut self, cursor: &mut Cursor<'_>, def: Def) -> Parsed<Value> {
        let value = self.value(cursor)?;
        token(cursor, ":")?;
        let rep = Rep::parse(cursor).ok_or("a representation")?;
        let ty = Type::parse(cursor).ok_or("a type")?;
        if !self.defined_values.insert(value) {
            return Err("a value that was not yet defined");
        }
        self.func.values[value] = ValueData { ty, rep, def };
        Ok(value)
    }

    fn values(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Vec<Value>> {
        list(cursor, |cursor| self.value(cursor))
    }

    fn value(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Value> {
        let index = id(cursor, "v", "a value")?;
        while self.func.values.len() <= index {
            self.func.values.push(ValueData {
                ty: Type::of(Kind::empty()),
                rep: Rep::Unit,
                def: Def::Param(self.func.entry, u32::MAX),
            });
        }
        Ok(Value::new(index))
    }

    fn block_id(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Block> {
        let index = id(cursor, "bb", "a block")?;
        while self.func.blocks.len() <= index {
            self.func.add_block(0);
        }
        Ok(Block::new(index))
    }

    fn state_id(&mut self, cursor: &mut Cursor<'_>) -> Parsed<StateId> {
        let index = id(cursor, "fs", "a frame state")?;
        while self.func.states.len() <= index {
            self.func.states.push(no_state());
        }
        Ok(StateId::new(index))
    }

    fn virtual_id(&mut self, cursor: &mut Cursor<'_>) -> Parsed<u32> {
        let index = id(cursor, "x", "a virtual object")?;
        while self.func.virtuals.len() <= index {
            self.func.virtuals.push(Virtual {
                kind: VirtualKind::Tuple,
                items: Vec::new(),
            });
        }
        Ok(index as u32)
    }

    /// Everything that is named must be there.
    fn finish(self) -> Result<Func, (&'static str, String)> {
        if self.section == Section::Header {
            return Err(("a function", String::new()));
        }
        let func = self.func;
        let missing = |what: &str| ("a definition of everything named", what.to_owned());
        if !self.defined_blocks.contains(&func.entry) {
            return Err(missing(&func.entry.to_string()));
        }
        let mut error = None;
        let mut value = |value: Value| {
            if !self.defined_values.contains(&value) {
                error.get_or_insert_with(|| missing(&value.to_string()));
            }
        };
        for block in func.blocks.values() {
            for target in block.term.targets() {
                target.args.iter().copied().for_each(&mut value);
            }
            if let Term::Branch { cond, .. } | Term::Return(cond) = block.term {
                value(cond);
            }
        }
        for inst in func.insts.values() {
            inst.args.iter().copied().for_each(&mut value);
        }
        for handover in func.handovers.values() {
            handover
                .owned
                .iter()
                .chain(&handover.drops)
                .copied()
                .for_each(&mut value);
        }
        let mut virtuals = BTreeSet::new();
        let mut slot = |slot: &Slot| match slot {
            Slot::Value(v) | Slot::Raw(v) => value(*v),
            Slot::Virtual(index) => {
                virtuals.insert(*index);
            }
            Slot::Memory | Slot::Null => {}
        };
        for state in func.states.values() {
            state.locals.iter().chain(&state.stack).for_each(&mut slot);
        }
        func.virtuals
            .iter()
            .flat_map(|object| &object.items)
            .for_each(&mut slot);
        func.states
            .values()
            .filter_map(|state| state.function)
            .for_each(&mut value);
        if let Some(error) = error {
            return Err(error);
        }
        if let Some(index) = virtuals.difference(&self.defined_virtuals).next() {
            return Err(missing(&format!("x{index}")));
        }
        for block in func.blocks.values() {
            for target in block.term.targets() {
                if !self.defined_blocks.contains(&target.block) {
                    return Err(missing(&target.block.to_string()));
                }
            }
        }
        let of_insts = func.insts.values().filter_map(|inst| inst.state);
        let of_states = func.states.values().filter_map(|state| state.parent);
        let of_terms = func.blocks.values().filter_map(|block| match block.term {
            Term::Exit { state, .. } | Term::Raise { state, .. } => Some(state),
            _ => None,
        });
        for state in of_insts.chain(of_states).chain(of_terms) {
            if !self.defined_states.contains(&state) {
                return Err(missing(&state.to_string()));
            }
        }
        Ok(func)
    }
}

fn no_state() -> State {
    State {
        code: 0,
        function: None,
        offset: 0,
        return_to: 0,
        returned: Returned::Pushed,
        locals: Vec::new(),
        stack: Vec::new(),
        parent: None,
    }
}

fn without_comment(line: &str) -> &str {
    let mut in_quotes = false;
    let start = line.find(|char| {
        in_quotes ^= char == '"';
        char == ';' && !in_quotes
    });
    line[..start.unwrap_or(line.len())].trim_end()
}

fn end(cursor: &Cursor<'_>) -> Parsed<()> {
    cursor.is_done().then_some(()).ok_or("the end of the line")
}

fn token(cursor: &mut Cursor<'_>, token: &'static str) -> Parsed<()> {
    cursor.eat(token).then_some(()).ok_or(token)
}

fn word(cursor: &mut Cursor<'_>, word: &'static str) -> Parsed<()> {
    cursor.eat_word(word).then_some(()).ok_or(word)
}

fn number(cursor: &mut Cursor<'_>) -> Parsed<u32> {
    u32::parse(cursor).ok_or("a number")
}

fn id(cursor: &mut Cursor<'_>, prefix: &str, expected: &'static str) -> Parsed<usize> {
    /// Far more than any function has; text must not make tables of gigabytes.
    const MAX_ID: u32 = 1 << 20;
    let id = cursor.id(prefix).filter(|id| *id < MAX_ID);
    Ok(id.ok_or(expected)? as usize)
}

fn list<T>(
    cursor: &mut Cursor<'_>,
    mut item: impl FnMut(&mut Cursor<'_>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let mut items = vec![item(cursor)?];
    while cursor.eat(",") {
        items.push(item(cursor)?);
    }
    Ok(items)
}

/// A string as `{:?}` writes it.
fn quoted(cursor: &mut Cursor<'_>) -> Parsed<String> {
    const EXPECTED: &str = "a string in quotes";
    token(cursor, "\"").map_err(|_| EXPECTED)?;
    let mut text = String::new();
    let mut chars = cursor.rest.char_indices();
    while let Some((index, char)) = chars.next() {
        match char {
            '"' => {
                cursor.rest = &cursor.rest[index + 1..];
                return Ok(text);
            }
            '\\' => text.push(match chars.next().ok_or(EXPECTED)?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    let digits: String = chars
                        .by_ref()
                        .map(|(_, char)| char)
                        .skip_while(|char| *char == '{')
                        .take_while(|char| *char != '}')
                        .collect();
                    let code = u32::from_str_radix(&digits, 16).map_err(|_| EXPECTED)?;
                    char::from_u32(code).ok_or(EXPECTED)?
                }
                char => char,
            }),
            char => text.push(char),
        }
    }
    Err(EXPECTED)
}

/// Makes a reason permanent. Each different one is kept once, for ever: text is read by tests and tools only.
fn intern(reason: String) -> &'static str {
    static REASONS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut reasons = REASONS.lock().unwrap_or_else(PoisonError::into_inner);
    match reasons.get(reason.as_str()) {
        Some(known) => known,
        None => {
            let kept: &'static str = Box::leak(reason.into_boxed_str());
            reasons.insert(kept);
            kept
        }
    }
}
