//! A value that is alive as long as its module is borrowed.

use super::bindings::{
    MARTLET_IR_USER_ALIAS, MARTLET_IR_USER_BLOCK_ADDRESS, MARTLET_IR_USER_COMDAT,
    MARTLET_IR_USER_FUNCTION, MARTLET_IR_USER_USED_LIST, MARTLET_IR_USER_VARIABLE,
    martlet_ir_canonical_text, martlet_ir_is_dropped, martlet_ir_module_of, martlet_ir_set_held,
    martlet_ir_users,
};
use super::module::RawModule;
use super::node::Mark;
use super::text::{owned, take_message};
use core::ffi::c_void;
use core::marker::PhantomData;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{AsValueRef, BasicValueEnum, FunctionValue, GlobalValue, InstructionValue};
use llvm_sys::core::{
    LLVMGetIntrinsicID, LLVMGetLinkage, LLVMGetValueKind, LLVMGetValueName2, LLVMIsDeclaration,
    LLVMValueAsBasicBlock,
};
use llvm_sys::prelude::LLVMValueRef;
use llvm_sys::{LLVMLinkage, LLVMValueKind};

/// A live value, borrowed from its module.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Value<'m> {
    raw: LLVMValueRef,
    module: PhantomData<&'m RawModule>,
}

/// Who uses a function.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User<'m> {
    Function(Value<'m>),
    Variable(Value<'m>),
    UsedList,
    Alias(Value<'m>),
    BlockAddress,
    Comdat(Value<'m>),
    Other,
}

impl<'m> Value<'m> {
    /// What a mark points to, unless it is dead or its home is another module.
    #[inline]
    pub(crate) fn of_mark(mark: &Mark, module: &'m RawModule) -> Option<Self> {
        let raw = mark.value();
        (!raw.is_null() && mark.home() == module.id()).then_some(Value {
            raw,
            module: PhantomData,
        })
    }

    /// A value that inkwell lends.
    pub(crate) fn of_ink(value: &(impl AsValueRef + Copy + 'm)) -> Self {
        Value {
            raw: value.as_value_ref(),
            module: PhantomData,
        }
    }

    /// A block that inkwell lends.
    pub(crate) fn of_block(block: &BasicBlock<'m>) -> Self {
        // SAFETY: inkwell's blocks are alive while it lends them.
        let raw = unsafe { llvm_sys::core::LLVMBasicBlockAsValue(block.as_mut_ptr()) };
        Value {
            raw,
            module: PhantomData,
        }
    }

    /// # Safety
    /// The value is alive for `'m`.
    pub(super) unsafe fn assume_alive(raw: LLVMValueRef) -> Self {
        Value {
            raw,
            module: PhantomData,
        }
    }

    pub(super) fn as_ptr(self) -> LLVMValueRef {
        self.raw
    }

    /// Where it stands, as a hint for tables.
    pub(crate) fn address(self) -> usize {
        self.raw.addr()
    }

    pub(crate) fn is_in(self, module: &RawModule) -> bool {
        // SAFETY: the value is alive.
        unsafe { martlet_ir_module_of(self.raw) == module.as_ptr() }
    }

    pub(crate) fn name(self) -> String {
        let mut length = 0;
        // SAFETY: the value is alive; the name is copied at once.
        unsafe { owned(LLVMGetValueName2(self.raw, &mut length), length) }
    }

    pub(crate) fn is_declaration(self) -> bool {
        // SAFETY: only asked of global values, which are alive.
        unsafe { LLVMIsDeclaration(self.raw) != 0 }
    }

    /// A function of LLVM's own, which may only be called.
    pub(crate) fn is_intrinsic(self) -> bool {
        self.kind() == LLVMValueKind::LLVMFunctionValueKind
            // SAFETY: the value is alive, and a function.
            && unsafe { LLVMGetIntrinsicID(self.raw) != 0 }
    }

    /// Whether a pass may delete it once nothing in the module uses it.
    pub(crate) fn is_discardable(self) -> bool {
        // SAFETY: only asked of global values, which are alive.
        self.is_declaration()
            || unsafe { LLVMGetLinkage(self.raw) } != LLVMLinkage::LLVMExternalLinkage
    }

    /// Whether other modules cannot name it.
    pub(crate) fn is_local(self) -> bool {
        // SAFETY: only asked of global values, which are alive.
        let linkage = unsafe { LLVMGetLinkage(self.raw) };
        matches!(
            linkage,
            LLVMLinkage::LLVMInternalLinkage | LLVMLinkage::LLVMPrivateLinkage
        )
    }

    /// External while held, internal and marked when dropped. A declaration stays external.
    pub(crate) fn set_held(self, held: bool) {
        // SAFETY: only asked of functions, which are alive.
        unsafe { martlet_ir_set_held(self.raw, held.into()) };
    }

    /// Whether it was dropped, or a pass made it of one that was.
    pub(crate) fn is_dropped(self) -> bool {
        // SAFETY: only asked of functions, which are alive.
        unsafe { martlet_ir_is_dropped(self.raw) != 0 }
    }

    /// A function's text, independent of the module around it.
    pub(crate) fn canonical_text(self) -> String {
        // SAFETY: only asked of functions, which are alive; the message is ours.
        unsafe { take_message(martlet_ir_canonical_text(self.raw)) }.unwrap_or_default()
    }

    /// Who uses this function, once its dead constant users are gone.
    pub(crate) fn users(self) -> Vec<User<'m>> {
        let mut users = Vec::new();
        let data = (&raw mut users).cast::<c_void>();
        // SAFETY: only asked of functions, which are alive; `data` outlives the call.
        unsafe { martlet_ir_users(self.raw, Some(push_user), data) };
        users
    }

    fn kind(self) -> LLVMValueKind {
        // SAFETY: the value is alive.
        unsafe { LLVMGetValueKind(self.raw) }
    }

    /// Lends it as what it is. Handles see to that when they are made, and a value that replaces
    /// another for a handle that follows is of the same kind.
    #[inline]
    pub(crate) fn as_function(self) -> FunctionValue<'m> {
        // SAFETY: alive for 'm; inkwell checks that it is a function.
        unsafe { FunctionValue::new(self.raw) }.expect("live values are not null")
    }

    #[inline]
    pub(crate) fn as_global(self) -> GlobalValue<'m> {
        // SAFETY: alive for 'm, and a variable.
        unsafe { GlobalValue::new(self.raw) }
    }

    #[inline]
    pub(crate) fn as_instruction(self) -> InstructionValue<'m> {
        // SAFETY: alive for 'm; inkwell checks that it is an instruction.
        unsafe { InstructionValue::new(self.raw) }
    }

    #[inline]
    pub(crate) fn as_block(self) -> BasicBlock<'m> {
        // SAFETY: alive for 'm, and a block.
        unsafe { BasicBlock::new(LLVMValueAsBasicBlock(self.raw)) }
            .expect("live values are not null")
    }

    #[inline]
    pub(crate) fn as_argument(self) -> BasicValueEnum<'m> {
        // SAFETY: alive for 'm, and of a parameter's type.
        unsafe { BasicValueEnum::new(self.raw) }
    }

    pub(crate) fn is_variable(self) -> bool {
        self.kind() == LLVMValueKind::LLVMGlobalVariableValueKind
    }

    pub(crate) fn is_argument(self) -> bool {
        self.kind() == LLVMValueKind::LLVMArgumentValueKind
    }
}

unsafe extern "C" fn push_user(data: *mut c_void, kind: u32, user: LLVMValueRef) {
    // SAFETY: `Value::users` passes a vector that outlives the call.
    let users = unsafe { &mut *data.cast::<Vec<User<'_>>>() };
    // SAFETY: LLVM has just found it in the use list of a live function of the same module.
    let value = unsafe { Value::assume_alive(user) };
    users.push(match kind {
        MARTLET_IR_USER_FUNCTION => User::Function(value),
        MARTLET_IR_USER_VARIABLE => User::Variable(value),
        MARTLET_IR_USER_USED_LIST => User::UsedList,
        MARTLET_IR_USER_ALIAS => User::Alias(value),
        MARTLET_IR_USER_BLOCK_ADDRESS => User::BlockAddress,
        MARTLET_IR_USER_COMDAT => User::Comdat(value),
        _ => User::Other,
    });
}
