//! What all parts of the lowering share: declarations, calls, guards, exits.

use super::exits::{self, SlotSource};
use super::homes::Homes;
use super::lines::{Marks, site_number};
use super::slots::Slots;
use super::{Lowered, Refusal};
use crate::hir::{Block, ExitSite, Func, Inst, Raised, StateId, Value};
use cranelift_entity::SecondaryMap;
use martlet_ir::inkwell::attributes::{Attribute, AttributeLoc};
use martlet_ir::inkwell::basic_block::BasicBlock;
use martlet_ir::inkwell::builder::Builder;
use martlet_ir::inkwell::context::ContextRef;
use martlet_ir::inkwell::module::Module;
use martlet_ir::inkwell::types::{BasicType, BasicTypeEnum, FloatType, IntType, PointerType};
use martlet_ir::inkwell::values::{
    BasicMetadataValueEnum, BasicValueEnum, CallSiteValue, FloatValue, FunctionValue,
    InstructionValue, IntValue, MetadataValue, PointerValue, StructValue,
};
use martlet_ir::inkwell::{AddressSpace, IntPredicate};
use martlet_snapshot::{ExitRecord, ObjId, Object, Request, SlotValue};
use std::collections::HashMap;

/// What `martlet_poll_frame` answers for going on in machine code (`MARTLET_GO_ON`).
const GO_ON: u64 = 2;
/// The parameter of exit routines that is the array of homes.
const HOME_PARAM: u32 = 4;
/// How often a rare side of a branch is taken: once in about two thousand times.
const USUAL_WEIGHT: u64 = 2000;

/// How the last instruction shows that it raised.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure<'ctx> {
    /// By NULL.
    Null(PointerValue<'ctx>),
    /// By a negative status.
    Negative(IntValue<'ctx>),
    /// It always does.
    Always,
}

/// The lowering of one function while it goes on.
pub(super) struct Emitter<'a, 'ctx> {
    pub(super) func: &'a Func,
    pub(super) request: &'a Request,
    pub(super) module: &'a Module<'ctx>,
    pub(super) context: ContextRef<'ctx>,
    pub(super) builder: Builder<'ctx>,
    pub(super) body: FunctionValue<'ctx>,
    pub(super) slots: Slots<'ctx>,
    /// The first block of each HIR block.
    pub(super) starts: SecondaryMap<Block, Option<BasicBlock<'ctx>>>,
    /// Where each HIR block's terminator stands: what phis of its successors come from.
    pub(super) ends: SecondaryMap<Block, Option<BasicBlock<'ctx>>>,
    /// Of blocks whose two edges lead to one block: where the second comes from.
    pub(super) second_edges: Vec<(Block, BasicBlock<'ctx>)>,
    /// Set by an instruction that may raise, used by the terminator behind it.
    pub(super) failed: Option<Failure<'ctx>>,
    /// Room for arguments and results of helpers that take arrays.
    pub(super) scratch: Option<PointerValue<'ctx>>,
    pub(super) outputs: Option<PointerValue<'ctx>>,
    /// Which raw values exits find in memory, and that memory.
    pub(super) homes: Homes,
    home: Option<PointerValue<'ctx>>,
    values: SecondaryMap<Value, Option<BasicValueEnum<'ctx>>>,
    records: Vec<ExitRecord>,
    exit_blocks: HashMap<String, BasicBlock<'ctx>>,
    /// Exit blocks are filled after everything else, so that they stand last.
    pending_exits: Vec<(BasicBlock<'ctx>, ExitSite, u32, Vec<Value>)>,
    weights: [MetadataValue<'ctx>; 2],
    /// What says which instruction machine code belongs to, if that was asked for.
    marks: Option<Marks<'ctx>>,
}

impl<'a, 'ctx> Emitter<'a, 'ctx> {
    pub(super) fn new(
        func: &'a Func,
        request: &'a Request,
        module: &'a Module<'ctx>,
        symbol: &str,
    ) -> Self {
        let context = module.get_context();
        let ptr = context.ptr_type(AddressSpace::default());
        let body = module.add_function(symbol, ptr.fn_type(&[ptr.into(), ptr.into()], false), None);
        let attribute =
            |name| context.create_enum_attribute(Attribute::get_named_enum_kind_id(name), 0);
        body.add_attribute(AttributeLoc::Function, attribute("nounwind"));
        // Threads are walked by frame pointer to learn who is inside.
        let frame_pointer = context.create_string_attribute("frame-pointer", "all");
        body.add_attribute(AttributeLoc::Function, frame_pointer);
        let weights = [(USUAL_WEIGHT, 1), (1, USUAL_WEIGHT)].map(|(first, second)| {
            let word = context.i32_type();
            context.metadata_node(&[
                context.metadata_string("branch_weights").into(),
                word.const_int(first, false).into(),
                word.const_int(second, false).into(),
            ])
        });
        Self {
            func,
            request,
            module,
            context,
            builder: context.create_builder(),
            body,
            slots: Slots::new(module),
            starts: SecondaryMap::new(),
            ends: SecondaryMap::new(),
            second_edges: Vec::new(),
            failed: None,
            scratch: None,
            outputs: None,
            homes: Homes::default(),
            home: None,
            values: SecondaryMap::new(),
            records: Vec::new(),
            exit_blocks: HashMap::new(),
            pending_exits: Vec::new(),
            weights,
            marks: None,
        }
    }

    /// Everything is emitted: what the caller gets.
    pub(super) fn finish(self) -> Lowered<FunctionValue<'ctx>> {
        let count = |block: BasicBlock<'ctx>| block.get_instructions().count() as u32;
        Lowered {
            function: self.body,
            symbol: self.body.get_name().to_string_lossy().into_owned(),
            slots: self.slots.into_values(),
            exits: self.records,
            ir_instructions: self.body.get_basic_block_iter().map(count).sum(),
        }
    }

    pub(super) fn bit(&self) -> IntType<'ctx> {
        self.context.bool_type()
    }

    pub(super) fn int(&self) -> IntType<'ctx> {
        self.context.i64_type()
    }

    pub(super) fn status(&self) -> IntType<'ctx> {
        self.context.i32_type()
    }

    pub(super) fn double(&self) -> FloatType<'ctx> {
        self.context.f64_type()
    }

    pub(super) fn ptr(&self) -> PointerType<'ctx> {
        self.context.ptr_type(AddressSpace::default())
    }

    /// The thread state.
    pub(super) fn ts(&self) -> PointerValue<'ctx> {
        self.parameter(0)
    }

    /// The frame.
    pub(super) fn frame(&self) -> PointerValue<'ctx> {
        self.parameter(1)
    }

    fn parameter(&self, index: u32) -> PointerValue<'ctx> {
        let parameter = self.body.get_nth_param(index);
        parameter
            .expect("a body has two parameters")
            .into_pointer_value()
    }

    /// Says that this version runs in the frame now.
    pub(super) fn enter(&mut self) -> Result<(), Refusal> {
        let unit = self.load_slot(SlotValue::Unit)?;
        self.call("martlet_enter", None, &[self.frame().into(), unit.into()])?;
        Ok(())
    }

    /// A slot's content.
    pub(super) fn load_slot(&mut self, value: SlotValue) -> Result<PointerValue<'ctx>, Refusal> {
        self.slots.load(&self.builder, value)
    }

    /// The LLVM value of a HIR value.
    pub(super) fn get(&self, value: Value) -> Result<BasicValueEnum<'ctx>, Refusal> {
        self.values[value].ok_or(Refusal::Internal("a value is used before its definition"))
    }

    pub(super) fn object(&self, value: Value) -> Result<PointerValue<'ctx>, Refusal> {
        match self.get(value)? {
            BasicValueEnum::PointerValue(pointer) => Ok(pointer),
            _ => Err(Refusal::Internal("an operand is not an object")),
        }
    }

    pub(super) fn integer(&self, value: Value) -> Result<IntValue<'ctx>, Refusal> {
        match self.get(value)? {
            BasicValueEnum::IntValue(integer) => Ok(integer),
            _ => Err(Refusal::Internal("an operand is not an integer")),
        }
    }

    pub(super) fn float(&self, value: Value) -> Result<FloatValue<'ctx>, Refusal> {
        match self.get(value)? {
            BasicValueEnum::FloatValue(float) => Ok(float),
            _ => Err(Refusal::Internal("an operand is not a double")),
        }
    }

    pub(super) fn multi(&self, value: Value) -> Result<StructValue<'ctx>, Refusal> {
        match self.get(value)? {
            BasicValueEnum::StructValue(multi) => Ok(multi),
            _ => Err(Refusal::Internal("an operand has no parts")),
        }
    }

    pub(super) fn set(&mut self, value: Value, to: BasicValueEnum<'ctx>) {
        self.values[value] = Some(to);
    }

    /// Everything is marked from here on.
    pub(super) fn use_marks(&mut self) {
        self.marks = Some(Marks::new(self.module, self.body));
    }

    /// What is built from here on belongs to this instruction.
    pub(super) fn mark(&self, site: ExitSite) {
        if let Some(marks) = &self.marks {
            marks.set(&self.builder, self.context, site_number(self.func, site));
        }
    }

    /// Calls a C function, declaring it by its result and what is passed. C's `bool` is a zero-extended bit.
    pub(super) fn call(
        &self,
        name: &str,
        result: Option<BasicTypeEnum<'ctx>>,
        args: &[BasicValueEnum<'ctx>],
    ) -> Result<CallSiteValue<'ctx>, Refusal> {
        let callee = self.declare(name, result, args)?;
        let args: Vec<BasicMetadataValueEnum> = args.iter().map(|arg| (*arg).into()).collect();
        Ok(self.builder.build_call(callee, &args, "")?)
    }

    /// As [`Self::call`], for a function with a result.
    pub(super) fn call_value(
        &self,
        name: &str,
        result: impl BasicType<'ctx>,
        args: &[BasicValueEnum<'ctx>],
    ) -> Result<BasicValueEnum<'ctx>, Refusal> {
        let result = Some(result.as_basic_type_enum());
        let value = self.call(name, result, args)?.try_as_basic_value().basic();
        value.ok_or(Refusal::Internal("a helper has no result"))
    }

    /// As [`Self::call_value`], for a question.
    pub(super) fn ask(
        &self,
        name: &str,
        args: &[BasicValueEnum<'ctx>],
    ) -> Result<IntValue<'ctx>, Refusal> {
        Ok(self.call_value(name, self.bit(), args)?.into_int_value())
    }

    fn declare(
        &self,
        name: &str,
        result: Option<BasicTypeEnum<'ctx>>,
        args: &[BasicValueEnum<'ctx>],
    ) -> Result<FunctionValue<'ctx>, Refusal> {
        let params: Vec<_> = args.iter().map(|arg| arg.get_type().into()).collect();
        let ty = match result {
            Some(result) => result.fn_type(&params, false),
            None => self.context.void_type().fn_type(&params, false),
        };
        if let Some(function) = self.module.get_function(name) {
            let same = function.get_type() == ty;
            return same
                .then_some(function)
                .ok_or_else(|| Refusal::Signature(name.to_owned()));
        }
        let function = self.module.add_function(name, ty, None);
        let attribute = |name| {
            self.context
                .create_enum_attribute(Attribute::get_named_enum_kind_id(name), 0)
        };
        function.add_attribute(AttributeLoc::Function, attribute("nounwind"));
        let bit = BasicTypeEnum::from(self.bit());
        if result == Some(bit) {
            function.add_attribute(AttributeLoc::Return, attribute("zeroext"));
        }
        for (index, arg) in args.iter().enumerate() {
            if arg.get_type() == bit {
                function.add_attribute(AttributeLoc::Param(index as u32), attribute("zeroext"));
            }
        }
        Ok(function)
    }

    pub(super) fn new_block(&self, name: &str) -> BasicBlock<'ctx> {
        self.context.append_basic_block(self.body, name)
    }

    /// Says which side of a branch is usual.
    pub(super) fn weigh(
        &self,
        branch: InstructionValue<'ctx>,
        likely: Option<bool>,
    ) -> Result<(), Refusal> {
        let Some(likely) = likely else { return Ok(()) };
        let kind = self.context.get_kind_id("prof");
        branch
            .set_metadata(self.weights[usize::from(!likely)], kind)
            .map_err(|_| Refusal::Internal("metadata on a branch"))
    }

    /// Goes on in a new block if the bit is set, else leaves in the instruction's state.
    pub(super) fn guard(&mut self, inst: Inst, holds: IntValue<'ctx>) -> Result<(), Refusal> {
        let func = self.func;
        let data = &func.insts[inst];
        let state = data.state.ok_or(Refusal::NoState(inst.to_string()))?;
        let reason = exits::reason(func, &data.op, data.args.first().copied());
        let exit = self.exit_block(state, ExitSite::Inst(inst), reason, None)?;
        let holds = self.force_exits(holds)?;
        let next = self.new_block("");
        let branch = self.builder.build_conditional_branch(holds, next, exit)?;
        self.weigh(branch, Some(true))?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// In the test mode that forces exits, a guard also needs that none is due.
    fn force_exits(&self, holds: IntValue<'ctx>) -> Result<IntValue<'ctx>, Refusal> {
        let every = self.request.mode.exit_every;
        if every == 0 {
            return Ok(holds);
        }
        let every = self.status().const_int(u64::from(every), false);
        let due = self.ask("martlet_exit_due", &[every.into()])?;
        let not_due = self.builder.build_not(due, "")?;
        Ok(self.builder.build_and(holds, not_due, "")?)
    }

    /// The block that leaves in this state. Equal exits share one.
    pub(super) fn exit_block(
        &mut self,
        state: StateId,
        site: ExitSite,
        reason: &str,
        raised: Option<Raised>,
    ) -> Result<BasicBlock<'ctx>, Refusal> {
        let (record, values) = self.describe(site, state, reason, raised)?;
        // Two exits with one record may pass different values; with the same values they are the same exit.
        let key = format!("{record:?}{values:?}");
        if let Some(block) = self.exit_blocks.get(&key) {
            return Ok(*block);
        }
        let index = self.records.len() as u32;
        self.records.push(record);
        let block = self.new_block("exit");
        self.exit_blocks.insert(key, block);
        self.pending_exits.push((block, site, index, values));
        Ok(block)
    }

    fn describe(
        &mut self,
        site: ExitSite,
        state: StateId,
        reason: &str,
        raised: Option<Raised>,
    ) -> Result<(ExitRecord, Vec<Value>), Refusal> {
        let homes = std::mem::take(&mut self.homes);
        let described = exits::describe(self.func, self, &homes, (site, state), reason, raised);
        self.homes = homes;
        described
    }

    /// Makes room for homes. At the start of the entry block only.
    pub(super) fn reserve_homes(&mut self) -> Result<(), Refusal> {
        if self.homes.words > 0 {
            let room = self.words(self.homes.words);
            self.home = Some(self.builder.build_alloca(room, "home")?);
        }
        Ok(())
    }

    /// Stores what exits will look for, in front of an instruction or at the end of a block.
    pub(super) fn store_homes(&mut self, site: ExitSite) -> Result<(), Refusal> {
        for &(value, word) in self.homes.stores(site) {
            let place = self.word_at(self.home, word)?;
            self.builder.build_store(place, self.get(value)?)?;
        }
        Ok(())
    }

    /// Asks the eval breaker; on a cold path lets the interpreter handle what is pending, and leaves if it must.
    pub(super) fn poll(&mut self, inst: Inst) -> Result<(), Refusal> {
        let func = self.func;
        let state = func.insts[inst]
            .state
            .ok_or(Refusal::NoState(inst.to_string()))?;
        let (record, values) = self.describe(ExitSite::Inst(inst), state, "poll", None)?;
        let index = self.status().const_int(self.records.len() as u64, false);
        self.records.push(record);
        let [pending, leave, next] = ["poll", "leave", ""].map(|name| self.new_block(name));
        let due = self.ask("martlet_poll_due", &[self.ts().into()])?;
        let branch = self.builder.build_conditional_branch(due, pending, next)?;
        self.weigh(branch, Some(false))?;
        self.builder.position_at_end(pending);
        let result = self.call_exit_routine("martlet_poll_frame", index, &values)?;
        let word = self.builder.build_ptr_to_int(result, self.int(), "")?;
        let go_on = self.int().const_int(GO_ON, false);
        let goes_on = self
            .builder
            .build_int_compare(IntPredicate::EQ, word, go_on, "")?;
        self.builder
            .build_conditional_branch(goes_on, next, leave)?;
        self.builder.position_at_end(leave);
        self.builder.build_return(Some(&result))?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Boxes raw locals into the frame's memory, out of line.
    pub(super) fn sync_frame(&mut self, inst: Inst) -> Result<(), Refusal> {
        let func = self.func;
        let state = func.insts[inst]
            .state
            .ok_or(Refusal::NoState(inst.to_string()))?;
        let (record, values) = self.describe(ExitSite::Inst(inst), state, "sync", None)?;
        let index = self.status().const_int(self.records.len() as u64, false);
        self.records.push(record);
        let result = self.call_exit_routine("martlet_sync_frame", index, &values)?;
        self.failed = Some(Failure::Null(result));
        Ok(())
    }

    /// Calls a routine that takes an exit's index and values.
    fn call_exit_routine(
        &mut self,
        name: &str,
        index: IntValue<'ctx>,
        values: &[Value],
    ) -> Result<PointerValue<'ctx>, Refusal> {
        let ptr = self.ptr();
        let word = self.status().into();
        let params = [ptr.into(), ptr.into(), ptr.into(), word, ptr.into()];
        let cold = Attribute::get_named_enum_kind_id("cold");
        let cold = self.context.create_enum_attribute(cold, 0);
        let routine = self.module.get_function(name).unwrap_or_else(|| {
            let routine = self
                .module
                .add_function(name, ptr.fn_type(&params, true), None);
            routine.add_attribute(AttributeLoc::Function, cold);
            // It reads the homes during the call: they are nobody else's memory. `captures(none)` is 0.
            for name in ["captures", "readonly"] {
                let kind = Attribute::get_named_enum_kind_id(name);
                let attribute = self.context.create_enum_attribute(kind, 0);
                routine.add_attribute(AttributeLoc::Param(HOME_PARAM), attribute);
            }
            routine
        });
        let unit = self.load_slot(SlotValue::Unit)?;
        let mut args: Vec<BasicMetadataValueEnum> = vec![
            self.ts().into(),
            self.frame().into(),
            unit.into(),
            index.into(),
            self.home.unwrap_or(ptr.const_null()).into(),
        ];
        for value in values {
            args.push(self.passed(*value)?.into());
        }
        let call = self.builder.build_call(routine, &args, "")?;
        call.add_attribute(AttributeLoc::Function, cold);
        let result = call.try_as_basic_value().basic();
        Ok(result
            .ok_or(Refusal::Internal("the exit routine has no result"))?
            .into_pointer_value())
    }

    /// Fills the exit blocks.
    pub(super) fn emit_exits(&mut self) -> Result<(), Refusal> {
        for (block, site, index, values) in std::mem::take(&mut self.pending_exits) {
            self.mark(site);
            // Appended when they were first needed; moved to the end, out of the way of what is hot.
            let last = self
                .body
                .get_last_basic_block()
                .filter(|last| *last != block);
            if let Some(last) = last {
                let moved = block.move_after(last);
                moved.map_err(|()| Refusal::Internal("an exit block cannot be moved"))?;
            }
            self.builder.position_at_end(block);
            let index = self.status().const_int(u64::from(index), false);
            let result = self.call_exit_routine("martlet_exit", index, &values)?;
            self.builder.build_return(Some(&result))?;
        }
        Ok(())
    }

    /// A value as it is passed to the exit routine: a word or a double.
    fn passed(&self, value: Value) -> Result<BasicValueEnum<'ctx>, Refusal> {
        let value = self.get(value)?;
        Ok(match value {
            BasicValueEnum::IntValue(bit) if bit.get_type() == self.bit() => {
                self.builder.build_int_z_extend(bit, self.int(), "")?.into()
            }
            _ => value,
        })
    }

    pub(super) fn is_null(&self, pointer: PointerValue<'ctx>) -> Result<IntValue<'ctx>, Refusal> {
        Ok(self.builder.build_is_null(pointer, "")?)
    }

    pub(super) fn is_negative(&self, status: IntValue<'ctx>) -> Result<IntValue<'ctx>, Refusal> {
        let zero = status.get_type().const_zero();
        let less = IntPredicate::SLT;
        Ok(self.builder.build_int_compare(less, status, zero, "")?)
    }
}

impl SlotSource for Emitter<'_, '_> {
    fn slot(&mut self, value: SlotValue) -> Result<u32, Refusal> {
        self.slots.index(value)
    }

    fn code_object(&self, index: u32) -> Result<ObjId, Refusal> {
        let is_code =
            |object: &Object| matches!(object, Object::Code(Some(code)) if *code == index);
        let place = self.request.objects.iter().position(is_code);
        place
            .map(|place| ObjId(place as u32))
            .ok_or(Refusal::Internal("an inlined code is no object"))
    }
}
