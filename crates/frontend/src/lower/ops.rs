//! Operations, one by one. Objects' insides are helpers' business; only arithmetic on raw values is spelt out here.

use super::Refusal;
use super::emit::{Emitter, Failure};
use crate::hir::{Cond, Field, FloatOp, Inst, IntOp, Kind, Op, Rep, Value};
use martlet_ir::inkwell::intrinsics::Intrinsic;
use martlet_ir::inkwell::values::{BasicValueEnum, IntValue};
use martlet_ir::inkwell::{FloatPredicate, IntPredicate};
use martlet_snapshot::SlotValue;

type Emitted<T = ()> = Result<T, Refusal>;

impl<'ctx> Emitter<'_, 'ctx> {
    /// Emits one instruction and sets its result.
    pub(super) fn instruction(&mut self, inst: Inst) -> Emitted {
        let func = self.func;
        let data = &func.insts[inst];
        let result = match data.op {
            Op::Int(_) | Op::Float(_) | Op::Bool(_) | Op::Const(_) | Op::Null => {
                Some(self.constant(&data.op)?)
            }
            Op::LoadLocal(_)
            | Op::StoreLocal { .. }
            | Op::SyncLocal(_)
            | Op::ClearLocal { .. }
            | Op::TakeStack(_)
            | Op::PutStack(_)
            | Op::SetIp(_)
            | Op::DropQuiet(_) => self.frame_access(inst)?,
            Op::BoxInt | Op::BoxFloat | Op::BoxBool => Some(self.boxed(inst)?),
            Op::UnboxInt | Op::UnboxFloat | Op::UnboxBool => Some(self.unboxed(inst)?),
            Op::IntToFloat
            | Op::BitToInt
            | Op::IntBin(_)
            | Op::IntNeg
            | Op::IntAddWrapping
            | Op::IntCmp(_) => Some(self.integer_operation(inst)?),
            Op::FloatBin(_) | Op::FloatNeg | Op::FloatCmp(_) => Some(self.float_operation(inst)?),
            Op::Not => Some(
                self.builder
                    .build_not(self.integer(data.args[0])?, "")?
                    .into(),
            ),
            Op::Same => Some(self.same(data.args[0], data.args[1])?.into()),
            Op::IsNull => Some(self.is_null(self.object(data.args[0])?)?.into()),
            Op::IsKind(kind) => Some(self.has_kind(data.args[0], kind)?.into()),
            Op::ReleaseQuiet => Some(self.releases_quietly(&data.args)?.into()),
            Op::Outlives => Some(self.question("martlet_outlives", &data.args)?.into()),
            Op::IsUnique => Some(self.question("martlet_is_unique", &data.args)?.into()),
            Op::ItemQuiet => Some(self.question("martlet_list_item_quiet", &data.args)?.into()),
            Op::GuardKind(_)
            | Op::GuardNotNull
            | Op::GuardSame(_)
            | Op::GuardCode(_)
            | Op::Guard(_)
            | Op::CheckValid
            | Op::CheckUnit => self.guard_operation(inst)?,
            Op::SyncFrame => {
                self.sync_frame(inst)?;
                None
            }
            Op::Poll => {
                self.poll(inst)?;
                None
            }
            Op::Load(field) => {
                let object = self.get(data.args[0])?;
                Some(self.call_value(field_reader(field), self.int(), &[object])?)
            }
            Op::ListItem => Some(self.pointer_of("martlet_list_item", &data.args)?),
            Op::TupleItem => Some(self.pointer_of("martlet_tuple_item", &data.args)?),
            Op::ListIterList => Some(self.pointer_of("martlet_list_iter_list", &data.args)?),
            Op::TupleIterTuple => Some(self.pointer_of("martlet_tuple_iter_tuple", &data.args)?),
            Op::ListStore | Op::ListStoreFloat | Op::ListStoreInt => {
                self.list_store(inst)?;
                None
            }
            Op::Call { helper, .. } => self.helper_call(inst, helper)?,
            Op::CallDirect { .. } => Some(self.direct_call(inst)?),
            Op::First | Op::Second | Op::Extract(_) => Some(self.part(inst)?),
            Op::Note(index) => {
                let unit = self.load_slot(SlotValue::Unit)?;
                let index = self.status().const_int(index.into(), false);
                let args = [unit.into(), index.into(), self.get(data.args[0])?];
                self.call("martlet_note", None, &args)?;
                None
            }
            // Only a mark: the refcount pass has put a release there if one is due.
            Op::Drop => None,
            Op::IncRef => {
                self.take_reference(data.args[0])?;
                None
            }
            Op::DecRef => {
                self.release(data.args[0])?;
                None
            }
        };
        match (data.result, result) {
            (Some(value), Some(result)) => self.set(value, result),
            (None, None) => {}
            _ => return Err(Refusal::Internal("an operation and its result disagree")),
        }
        Ok(())
    }

    fn constant(&mut self, op: &Op) -> Emitted<BasicValueEnum<'ctx>> {
        Ok(match *op {
            Op::Int(value) => self.int().const_int(value as u64, true).into(),
            Op::Float(bits) => self.double().const_float(f64::from_bits(bits)).into(),
            Op::Bool(bit) => self.bit().const_int(u64::from(bit), false).into(),
            Op::Const(object) => self.load_slot(SlotValue::Object(object))?.into(),
            _ => self.ptr().const_null().into(),
        })
    }

    fn frame_access(&mut self, inst: Inst) -> Emitted<Option<BasicValueEnum<'ctx>>> {
        let func = self.func;
        let data = &func.insts[inst];
        let frame = BasicValueEnum::from(self.frame());
        let number =
            |number: u32| BasicValueEnum::from(self.status().const_int(u64::from(number), false));
        Ok(match data.op {
            Op::LoadLocal(local) => {
                Some(self.call_value("martlet_local", self.ptr(), &[frame, number(local)])?)
            }
            Op::StoreLocal { local, old } => {
                let value = self.get(data.args[0])?;
                let name = if old.is_quiet() {
                    "martlet_local_store_quiet"
                } else {
                    "martlet_local_store"
                };
                self.call(name, None, &[frame, number(local), value])?;
                None
            }
            Op::SyncLocal(local) => {
                let value = self.get(data.args[0])?;
                let name = match func.rep(data.args[0]) {
                    Rep::I64 => "martlet_local_sync_int",
                    Rep::F64 if func.kept.get(local as usize) == Some(&true) => {
                        "martlet_local_keep_float"
                    }
                    Rep::F64 => "martlet_local_sync_float",
                    _ => "martlet_local_sync_bool",
                };
                let args = [self.ts().into(), frame, number(local), value];
                let status = self.call_value(name, self.status(), &args)?;
                self.failed = Some(Failure::Negative(status.into_int_value()));
                None
            }
            Op::ClearLocal { local, .. } => {
                self.call("martlet_local_clear", None, &[frame, number(local)])?;
                None
            }
            Op::TakeStack(item) => {
                Some(self.call_value("martlet_stack_take", self.ptr(), &[frame, number(item)])?)
            }
            Op::PutStack(item) => {
                let value = self.get(data.args[0])?;
                self.call("martlet_stack_put", None, &[frame, number(item), value])?;
                None
            }
            Op::DropQuiet(local) => Some(
                self.ask("martlet_local_quiet", &[frame, number(local)])?
                    .into(),
            ),
            Op::SetIp(offset) => {
                self.call("martlet_set_ip", None, &[frame, number(offset)])?;
                None
            }
            _ => return Err(Refusal::Internal("not an access to the frame")),
        })
    }

    fn boxed(&mut self, inst: Inst) -> Emitted<BasicValueEnum<'ctx>> {
        let data = &self.func.insts[inst];
        let value = self.get(data.args[0])?;
        let name = match data.op {
            Op::BoxInt => "martlet_int_box",
            Op::BoxFloat => "martlet_float_box",
            _ => return self.call_value("martlet_bool_box", self.ptr(), &[value]),
        };
        let object = self.call_value(name, self.ptr(), &[self.ts().into(), value])?;
        self.failed = Some(Failure::Null(object.into_pointer_value()));
        Ok(object)
    }

    fn unboxed(&mut self, inst: Inst) -> Emitted<BasicValueEnum<'ctx>> {
        let func = self.func;
        let data = &func.insts[inst];
        let object = self.get(data.args[0])?;
        Ok(match data.op {
            Op::UnboxFloat => self.call_value("martlet_float_value", self.double(), &[object])?,
            Op::UnboxBool => self.ask("martlet_bool_value", &[object])?.into(),
            _ => {
                let pair = [self.int().into(), self.int().into()];
                let pair = self.context.struct_type(&pair, false);
                let pair = self.call_value("martlet_int_unbox", pair, &[object])?;
                let pair = pair.into_struct_value();
                let ok = self
                    .builder
                    .build_extract_value(pair, 1, "")?
                    .into_int_value();
                let holds = self.is_nonzero(ok)?;
                self.guard(inst, holds)?;
                self.builder.build_extract_value(pair, 0, "")?
            }
        })
    }

    fn integer_operation(&mut self, inst: Inst) -> Emitted<BasicValueEnum<'ctx>> {
        let func = self.func;
        let data = &func.insts[inst];
        let a = self.integer(data.args[0])?;
        let b = || self.integer(data.args[1]);
        let builder = &self.builder;
        Ok(match data.op {
            Op::IntToFloat => builder
                .build_signed_int_to_float(a, self.double(), "")?
                .into(),
            Op::BitToInt => builder.build_int_z_extend(a, self.int(), "")?.into(),
            Op::IntAddWrapping => builder.build_int_add(a, b()?, "")?.into(),
            Op::IntCmp(cond) => builder
                .build_int_compare(int_predicate(cond), a, b()?, "")?
                .into(),
            Op::IntBin(IntOp::And) => builder.build_and(a, b()?, "")?.into(),
            Op::IntBin(IntOp::Or) => builder.build_or(a, b()?, "")?.into(),
            Op::IntBin(IntOp::Xor) => builder.build_xor(a, b()?, "")?.into(),
            Op::IntBin(IntOp::Add) => self.checked(inst, "llvm.sadd.with.overflow", a, b()?)?,
            Op::IntBin(IntOp::Sub) => self.checked(inst, "llvm.ssub.with.overflow", a, b()?)?,
            Op::IntBin(IntOp::Mul) => self.checked(inst, "llvm.smul.with.overflow", a, b()?)?,
            _ => {
                let zero = self.int().const_zero();
                self.checked(inst, "llvm.ssub.with.overflow", zero, a)?
            }
        })
    }

    /// Arithmetic that exits on overflow.
    fn checked(
        &mut self,
        inst: Inst,
        name: &str,
        a: IntValue<'ctx>,
        b: IntValue<'ctx>,
    ) -> Emitted<BasicValueEnum<'ctx>> {
        let intrinsic =
            Intrinsic::find(name).ok_or(Refusal::Internal("an intrinsic is missing"))?;
        let function = intrinsic
            .get_declaration(self.module, &[self.int().into()])
            .ok_or(Refusal::Internal("an intrinsic is missing"))?;
        let call = self
            .builder
            .build_call(function, &[a.into(), b.into()], "")?;
        let pair = call.try_as_basic_value().basic();
        let pair = pair.ok_or(Refusal::Internal("an intrinsic has no result"))?;
        let pair = pair.into_struct_value();
        let overflow = self
            .builder
            .build_extract_value(pair, 1, "")?
            .into_int_value();
        let holds = self.builder.build_not(overflow, "")?;
        self.guard(inst, holds)?;
        Ok(self.builder.build_extract_value(pair, 0, "")?)
    }

    fn float_operation(&mut self, inst: Inst) -> Emitted<BasicValueEnum<'ctx>> {
        let data = &self.func.insts[inst];
        let a = self.float(data.args[0])?;
        let b = || self.float(data.args[1]);
        let builder = &self.builder;
        Ok(match data.op {
            Op::FloatBin(FloatOp::Add) => builder.build_float_add(a, b()?, "")?.into(),
            Op::FloatBin(FloatOp::Sub) => builder.build_float_sub(a, b()?, "")?.into(),
            Op::FloatBin(FloatOp::Mul) => builder.build_float_mul(a, b()?, "")?.into(),
            Op::FloatBin(FloatOp::Div) => builder.build_float_div(a, b()?, "")?.into(),
            Op::FloatCmp(cond) => {
                let predicate = float_predicate(cond);
                builder.build_float_compare(predicate, a, b()?, "")?.into()
            }
            _ => builder.build_float_neg(a, "")?.into(),
        })
    }

    fn guard_operation(&mut self, inst: Inst) -> Emitted<Option<BasicValueEnum<'ctx>>> {
        let func = self.func;
        let data = &func.insts[inst];
        let holds = match data.op {
            Op::GuardKind(kind) => self.has_kind(data.args[0], kind)?,
            Op::GuardNotNull => {
                let object = self.object(data.args[0])?;
                self.builder.build_is_not_null(object, "")?
            }
            Op::GuardSame(object) => {
                let object = self.load_slot(SlotValue::Object(object))?;
                self.pointers_equal(self.object(data.args[0])?, object)?
            }
            Op::GuardCode(code) => {
                let code = self.load_slot(SlotValue::Object(code))?;
                let object = self.get(data.args[0])?;
                self.ask("martlet_function_has_code", &[object, code.into()])?
            }
            Op::Guard(true) => self.integer(data.args[0])?,
            Op::Guard(false) => self.builder.build_not(self.integer(data.args[0])?, "")?,
            Op::CheckUnit => {
                let unit = self.load_slot(SlotValue::Unit)?;
                self.ask("martlet_unit_valid", &[unit.into()])?
            }
            _ => {
                let unit = self.load_slot(SlotValue::Unit)?;
                self.ask("martlet_unit_ok", &[unit.into(), self.frame().into()])?
            }
        };
        self.guard(inst, holds)?;
        // The result, if there is one, is the operand itself.
        data.result.map(|_| self.get(data.args[0])).transpose()
    }

    fn list_store(&mut self, inst: Inst) -> Emitted {
        let data = &self.func.insts[inst];
        let mut args = self.all(&data.args)?;
        let name = match data.op {
            Op::ListStoreFloat => "martlet_list_store_float",
            Op::ListStoreInt => "martlet_list_store_int",
            _ => {
                self.call("martlet_list_store", None, &args)?;
                return Ok(());
            }
        };
        args.insert(0, self.ts().into());
        let status = self.call_value(name, self.status(), &args)?;
        self.failed = Some(Failure::Negative(status.into_int_value()));
        Ok(())
    }

    fn same(&self, a: Value, b: Value) -> Emitted<IntValue<'ctx>> {
        self.pointers_equal(self.object(a)?, self.object(b)?)
    }

    fn has_kind(&self, value: Value, kind: Kind) -> Emitted<IntValue<'ctx>> {
        if kind == Kind::NULL {
            return self.is_null(self.object(value)?);
        }
        let test = kind_test(kind).ok_or_else(|| Refusal::Kind(kind.to_string()))?;
        self.question(test, &[value])
    }

    fn question(&self, name: &str, args: &[Value]) -> Emitted<IntValue<'ctx>> {
        self.ask(name, &self.all(args)?)
    }

    fn releases_quietly(&self, values: &[Value]) -> Emitted<IntValue<'ctx>> {
        if values.len() == 1 {
            return self.question("martlet_release_quiet", values);
        }
        let n = self.int().const_int(values.len() as u64, false);
        self.ask(
            "martlet_release_all_quiet",
            &[self.array(values)?.into(), n.into()],
        )
    }

    fn pointer_of(&self, name: &str, args: &[Value]) -> Emitted<BasicValueEnum<'ctx>> {
        self.call_value(name, self.ptr(), &self.all(args)?)
    }

    pub(super) fn all(&self, args: &[Value]) -> Emitted<Vec<BasicValueEnum<'ctx>>> {
        args.iter().map(|arg| self.get(*arg)).collect()
    }

    fn take_reference(&mut self, value: Value) -> Emitted {
        let object = self.object(value)?;
        if !self.func.ty(value).kinds.contains(Kind::NULL) {
            self.call("martlet_incref", None, &[object.into()])?;
            return Ok(());
        }
        let [take, next] = ["incref", ""].map(|name| self.new_block(name));
        let is_null = self.is_null(object)?;
        self.builder.build_conditional_branch(is_null, next, take)?;
        self.builder.position_at_end(take);
        self.call("martlet_incref", None, &[object.into()])?;
        self.builder.build_unconditional_branch(next)?;
        self.builder.position_at_end(next);
        Ok(())
    }

    /// Releases a reference in the cheapest way that the type allows.
    pub(super) fn release(&self, value: Value) -> Emitted {
        let object = self.get(value)?;
        match self.func.ty(value).kinds {
            Kind::INT => self.call("martlet_decref_int", None, &[object])?,
            Kind::FLOAT => self.call("martlet_decref_float", None, &[self.ts().into(), object])?,
            // Calls, not inlined: they stand behind generic operations, and code that grows costs more than they do.
            kinds if kinds.contains(Kind::NULL) => {
                self.call("martlet_xrelease", None, &[object])?
            }
            _ => self.call("martlet_release", None, &[object])?,
        };
        Ok(())
    }
}

fn int_predicate(cond: Cond) -> IntPredicate {
    match cond {
        Cond::Lt => IntPredicate::SLT,
        Cond::Le => IntPredicate::SLE,
        Cond::Eq => IntPredicate::EQ,
        Cond::Ne => IntPredicate::NE,
        Cond::Gt => IntPredicate::SGT,
        Cond::Ge => IntPredicate::SGE,
    }
}

/// Python's comparison: false with a NaN, but for `!=`.
fn float_predicate(cond: Cond) -> FloatPredicate {
    match cond {
        Cond::Lt => FloatPredicate::OLT,
        Cond::Le => FloatPredicate::OLE,
        Cond::Eq => FloatPredicate::OEQ,
        Cond::Ne => FloatPredicate::UNE,
        Cond::Gt => FloatPredicate::OGT,
        Cond::Ge => FloatPredicate::OGE,
    }
}

fn field_reader(field: Field) -> &'static str {
    match field {
        Field::ListLen => "martlet_list_len",
        Field::TupleLen => "martlet_tuple_len",
        Field::RangeIterStart => "martlet_range_iter_start",
        Field::RangeIterStep => "martlet_range_iter_step",
        Field::RangeIterLen => "martlet_range_iter_len",
        Field::ListIterIndex => "martlet_list_iter_index",
        Field::TupleIterIndex => "martlet_tuple_iter_index",
    }
}

fn kind_test(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::NONE => "martlet_is_none",
        Kind::BOOL => "martlet_is_bool",
        Kind::INT => "martlet_is_int",
        Kind::FLOAT => "martlet_is_float",
        Kind::COMPLEX => "martlet_is_complex",
        Kind::STR => "martlet_is_str",
        Kind::BYTES => "martlet_is_bytes",
        Kind::LIST => "martlet_is_list",
        Kind::TUPLE => "martlet_is_tuple",
        Kind::DICT => "martlet_is_dict",
        Kind::SET => "martlet_is_set",
        Kind::SLICE => "martlet_is_slice",
        Kind::RANGE => "martlet_is_range",
        Kind::RANGE_ITER => "martlet_is_range_iter",
        Kind::LIST_ITER => "martlet_is_list_iter",
        Kind::TUPLE_ITER => "martlet_is_tuple_iter",
        Kind::ENUMERATE => "martlet_is_enumerate",
        Kind::FUNCTION => "martlet_is_function",
        Kind::TYPE => "martlet_is_type",
        Kind::MODULE => "martlet_is_module",
        Kind::CELL => "martlet_is_cell",
        Kind::FLOAT_ARRAY => "martlet_is_float_array",
        Kind::SINGLE_ARRAY => "martlet_is_single_array",
        Kind::LONG_ARRAY => "martlet_is_long_array",
        Kind::INT_ARRAY => "martlet_is_int_array",
        Kind::SHORT_ARRAY => "martlet_is_short_array",
        Kind::USHORT_ARRAY => "martlet_is_ushort_array",
        Kind::BYTE_ARRAY => "martlet_is_byte_array",
        Kind::UBYTE_ARRAY => "martlet_is_ubyte_array",
        Kind::BYTEARRAY => "martlet_is_bytearray",
        _ => return None,
    })
}
