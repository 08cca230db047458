//! Calls: of helpers by their rows, and of compiled Python functions through their cells.

use super::Refusal;
use super::emit::{Emitter, Failure};
use crate::hir::{Arg, Func, HelperId, Inst, Op, Rep, Ret, Value};
use martlet_ir::inkwell::IntPredicate;
use martlet_ir::inkwell::types::{BasicTypeEnum, StructType};
use martlet_ir::inkwell::values::{BasicValueEnum, IntValue, PointerValue};
use martlet_snapshot::{Effort, SlotValue};

/// The largest arrays that helpers are given and write into, in words.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrays {
    args: u32,
    outputs: u32,
}

impl Arrays {
    /// What a function needs.
    pub(super) fn of(func: &Func, insts: impl Iterator<Item = Inst>) -> Self {
        let mut arrays = Self::default();
        for inst in insts {
            let data = &func.insts[inst];
            if let Op::Call { helper, outputs } = data.op {
                if takes_array(helper) {
                    let fixed = helper.row().args.len() - 1;
                    // One word stands before the array.
                    arrays.args = arrays.args.max((data.args.len() - fixed) as u32 + 1);
                }
                // It is told a place even for none.
                let least = u32::from(helper.row().ret == Ret::Array);
                arrays.outputs = arrays.outputs.max(outputs).max(least);
            }
            if data.op == Op::ReleaseQuiet && data.args.len() > 1 {
                arrays.args = arrays.args.max(data.args.len() as u32 + 1);
            }
        }
        arrays
    }
}

fn takes_array(helper: HelperId) -> bool {
    matches!(helper.row().args.last(), Some(Arg::ArraySteal))
}

impl<'ctx> Emitter<'_, 'ctx> {
    /// Makes room for arrays. At the start of the entry block only.
    pub(super) fn reserve(&mut self, arrays: Arrays) -> Result<(), Refusal> {
        if arrays.args > 0 {
            let room = self.words(arrays.args);
            self.scratch = Some(self.builder.build_alloca(room, "args")?);
        }
        if arrays.outputs > 0 {
            let room = self.words(arrays.outputs);
            self.outputs = Some(self.builder.build_alloca(room, "outputs")?);
        }
        Ok(())
    }

    pub(super) fn words(&self, n: u32) -> StructType<'ctx> {
        let words = vec![self.ptr().into(); n as usize];
        self.context.struct_type(&words, false)
    }

    pub(super) fn word_at(
        &self,
        base: Option<PointerValue<'ctx>>,
        index: u32,
    ) -> Result<PointerValue<'ctx>, Refusal> {
        let base = base.ok_or(Refusal::Internal("no room for an array"))?;
        let words = self.words(index + 1);
        Ok(self.builder.build_struct_gep(words, base, index, "")?)
    }

    /// Calls a helper and sets what its terminator tests.
    pub(super) fn helper_call(
        &mut self,
        inst: Inst,
        helper: HelperId,
    ) -> Result<Option<BasicValueEnum<'ctx>>, Refusal> {
        let row = helper.row();
        let args = self.helper_args(inst, helper)?;
        let result = self.c_result(row.ret);
        let call = self.call(row.name, result, &args)?;
        let Some(value) = call.try_as_basic_value().basic() else {
            if row.ret == Ret::Raises {
                self.failed = Some(Failure::Always);
            }
            return Ok(None);
        };
        let (failed, value) = match row.ret {
            Ret::New | Ret::NewOrNull => {
                (Some(Failure::Null(value.into_pointer_value())), Some(value))
            }
            Ret::Status => (Some(Failure::Negative(value.into_int_value())), None),
            // The results stand in memory: nothing uses this value.
            Ret::Array => (Some(Failure::Negative(value.into_int_value())), Some(value)),
            Ret::BoolOrError => {
                let status = value.into_int_value();
                let bit = self.is_nonzero(status)?;
                (Some(Failure::Negative(status)), Some(bit.into()))
            }
            Ret::Pair => {
                let first = self
                    .builder
                    .build_extract_value(value.into_struct_value(), 0, "")?;
                (Some(Failure::Null(first.into_pointer_value())), Some(value))
            }
            _ => (None, Some(value)),
        };
        self.failed = failed;
        Ok(value)
    }

    fn helper_args(
        &self,
        inst: Inst,
        helper: HelperId,
    ) -> Result<Vec<BasicValueEnum<'ctx>>, Refusal> {
        let data = &self.func.insts[inst];
        let row = helper.row();
        let mut args: Vec<BasicValueEnum> = Vec::new();
        if row.ts {
            args.push(self.ts().into());
        }
        if row.frame {
            args.push(self.frame().into());
        }
        for (index, arg) in row.args.iter().enumerate() {
            match arg {
                Arg::Obj | Arg::Steal | Arg::I64 | Arg::F64 => {
                    args.push(self.get(data.args[index])?)
                }
                Arg::Const32 => args.push(self.constant32(data.args[index])?),
                Arg::ArraySteal => {
                    let items = &data.args[index..];
                    args.push(self.array(items)?.into());
                    let n = match helper {
                        // Counts pairs.
                        HelperId::BuildMap => items.len() / 2,
                        _ => items.len(),
                    };
                    let n = self.int().const_int(n as u64, false);
                    args.push(n.into());
                }
            }
        }
        if row.ret == Ret::Array {
            args.push(self.word_at(self.outputs, 0)?.into());
        }
        Ok(args)
    }

    fn constant32(&self, value: Value) -> Result<BasicValueEnum<'ctx>, Refusal> {
        match self.func.def_op(value) {
            Some(Op::Int(constant)) => Ok(self.status().const_int(*constant as u64, false).into()),
            _ => Err(Refusal::Internal("a number of a helper is not constant")),
        }
    }

    /// Stores the arguments behind the scratch word.
    pub(super) fn array(&self, items: &[Value]) -> Result<PointerValue<'ctx>, Refusal> {
        for (index, item) in items.iter().enumerate() {
            let place = self.word_at(self.scratch, index as u32 + 1)?;
            self.builder.build_store(place, self.get(*item)?)?;
        }
        // Also of no items: helpers write to the word in front of what they are given.
        self.word_at(self.scratch, 1)
    }

    fn c_result(&self, ret: Ret) -> Option<BasicTypeEnum<'ctx>> {
        let (int, double, ptr) = (self.int(), self.double(), self.ptr());
        let pair = |first: BasicTypeEnum<'ctx>, second| {
            Some(self.context.struct_type(&[first, second], false).into())
        };
        match ret {
            Ret::New | Ret::Owned | Ret::NewOrNull | Ret::BorrowedOrNull | Ret::Immortal => {
                Some(ptr.into())
            }
            Ret::Status | Ret::BoolOrError | Ret::Array => Some(self.status().into()),
            Ret::Bool => Some(self.bit().into()),
            Ret::I64 => Some(int.into()),
            Ret::F64 => Some(double.into()),
            Ret::IntOk => pair(int.into(), int.into()),
            Ret::FloatOk => pair(double.into(), int.into()),
            Ret::Pair => pair(ptr.into(), ptr.into()),
            Ret::Void | Ret::Raises => None,
        }
    }

    /// One of several results.
    pub(super) fn part(&mut self, inst: Inst) -> Result<BasicValueEnum<'ctx>, Refusal> {
        let func = self.func;
        let data = &func.insts[inst];
        let multi = data.args[0];
        let index = match data.op {
            Op::Extract(index) => {
                let place = self.word_at(self.outputs, index)?;
                return Ok(self.builder.build_load(self.ptr(), place, "")?);
            }
            Op::First => 0,
            _ => 1,
        };
        let part = self
            .builder
            .build_extract_value(self.multi(multi)?, index, "")?;
        match data.result.map(|result| func.rep(result)) {
            Some(Rep::I1) => Ok(self.is_nonzero(part.into_int_value())?.into()),
            _ => Ok(part),
        }
    }

    pub(super) fn is_nonzero(&self, value: IntValue<'ctx>) -> Result<IntValue<'ctx>, Refusal> {
        let zero = value.get_type().const_zero();
        Ok(self
            .builder
            .build_int_compare(IntPredicate::NE, value, zero, "")?)
    }

    /// Equality of addresses.
    pub(super) fn pointers_equal(
        &self,
        a: PointerValue<'ctx>,
        b: PointerValue<'ctx>,
    ) -> Result<IntValue<'ctx>, Refusal> {
        Ok(self.builder.build_int_compare(IntPredicate::EQ, a, b, "")?)
    }

    /// Pushes a frame, fills in the arguments, runs what the callee's cell points at.
    pub(super) fn direct_call(&mut self, inst: Inst) -> Result<BasicValueEnum<'ctx>, Refusal> {
        let func = self.func;
        let data = &func.insts[inst];
        let Op::CallDirect {
            code,
            n_locals,
            frame_size,
        } = data.op
        else {
            return Err(Refusal::Internal("not a direct call"));
        };
        let (function, args) = data
            .args
            .split_first()
            .ok_or(Refusal::Internal("a call of nothing"))?;
        let number = |n: u32| BasicValueEnum::from(self.status().const_int(u64::from(n), false));
        let push = [
            self.ts().into(),
            self.get(*function)?,
            number(n_locals),
            number(frame_size),
        ];
        // What is compiled quickly is rather small than fast.
        let [push_frame, run_frame] = match self.request.mode.effort {
            Effort::Best => ["martlet_frame_push", "martlet_frame_run"],
            _ => [
                "martlet_frame_push_out_of_line",
                "martlet_frame_run_out_of_line",
            ],
        };
        let callee = self.call_value(push_frame, self.ptr(), &push)?;
        let [no_frame, run, done] = ["no_frame", "run", "called"].map(|name| self.new_block(name));
        let failed = self.is_null(callee.into_pointer_value())?;
        let branch = self
            .builder
            .build_conditional_branch(failed, no_frame, run)?;
        self.weigh(branch, Some(false))?;

        // Without a frame nobody takes the arguments.
        self.builder.position_at_end(no_frame);
        for arg in args {
            self.release(*arg)?;
        }
        self.builder.build_unconditional_branch(done)?;

        self.builder.position_at_end(run);
        for (index, arg) in args.iter().enumerate() {
            let index = self.status().const_int(index as u64, false);
            self.call(
                "martlet_frame_arg",
                None,
                &[callee, index.into(), self.get(*arg)?],
            )?;
        }
        let cell = self.load_slot(SlotValue::Cell(code))?;
        let run_args = [self.ts().into(), callee, cell.into()];
        let result = self.call_value(run_frame, self.ptr(), &run_args)?;
        self.builder.build_unconditional_branch(done)?;

        self.builder.position_at_end(done);
        let either = self.builder.build_phi(self.ptr(), "")?;
        either.add_incoming(&[(&self.ptr().const_null(), no_frame), (&result, run)]);
        let result = either.as_basic_value();
        self.failed = Some(Failure::Null(result.into_pointer_value()));
        Ok(result)
    }
}
