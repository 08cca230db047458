//! The kinds of values that handles are typed over.
//!
//! ```
//! use martlet_ir::kind::{Argument, Block, Function, Global, Instruction};
//! use martlet_ir::{Module, Weak};
//!
//! type All =
//!     (Weak<Function>, Weak<Argument>, Weak<Block>, Weak<Instruction>, Weak<Global>);
//! let mut module = Module::new("example");
//! let (function, argument, block, instruction, global): All = module.edit(|e| {
//!     let i64_type = e.context().i64_type();
//!     let fn_type = i64_type.fn_type(&[i64_type.into()], false);
//!     let function = e.module().add_function("f", fn_type, None);
//!     let entry = e.context().append_basic_block(function, "entry");
//!     let argument = function.get_nth_param(0).unwrap();
//!     let builder = e.context().create_builder();
//!     builder.position_at_end(entry);
//!     let end = builder.build_return(Some(&argument)).unwrap();
//!     let global = e.module().add_global(i64_type, None, "g");
//!     (e.weak(function), e.weak(argument), e.weak(entry), e.weak(end), e.weak(global))
//! });
//! assert_eq!(function.get(&module).unwrap().get_nth_param(0), argument.get(&module).ok());
//! assert_eq!(block.get(&module).unwrap().get_terminator(), instruction.get(&module).ok());
//! assert!(global.get(&module).unwrap().is_declaration());
//! ```

use crate::raw::Value;
use inkwell::basic_block::BasicBlock;
use inkwell::values::{BasicValueEnum, FunctionValue, GlobalValue, InstructionValue};

/// A kind of LLVM value that can be held: [`Function`], [`Global`], [`Instruction`], [`Block`] or
/// [`Argument`]. Sealed.
pub trait Kind: sealed::Sealed + 'static {
    /// What is lent: inkwell's value of this kind.
    type Lent<'m>: Copy;

    #[doc(hidden)]
    fn lend(value: Value<'_>) -> Self::Lent<'_>;
    #[doc(hidden)]
    fn value<'m>(lent: &Self::Lent<'m>) -> Value<'m>;
}

mod sealed {
    pub trait Sealed {}
}

/// A function, defined or declared (`llvm/IR/Function.h`).
#[derive(Clone, Copy, Debug)]
pub enum Function {}

/// A global variable (`llvm/IR/GlobalVariable.h`).
#[derive(Clone, Copy, Debug)]
pub enum Global {}

/// An instruction (`llvm/IR/Instruction.h`).
#[derive(Clone, Copy, Debug)]
pub enum Instruction {}

/// A basic block (`llvm/IR/BasicBlock.h`).
#[derive(Clone, Copy, Debug)]
pub enum Block {}

/// A parameter of a function (`llvm/IR/Argument.h`).
#[derive(Clone, Copy, Debug)]
pub enum Argument {}

macro_rules! kind {
    ($name:ident, $ink:ident, $lend:ident, $of:ident, $is:expr) => {
        impl sealed::Sealed for $name {}

        impl Kind for $name {
            type Lent<'m> = $ink<'m>;

            #[inline]
            fn lend(value: Value<'_>) -> $ink<'_> {
                value.$lend()
            }

            fn value<'m>(lent: &Self::Lent<'m>) -> Value<'m> {
                let value = Value::$of(lent);
                let is_of_kind: fn(Value<'_>) -> bool = $is;
                assert!(
                    is_of_kind(value),
                    concat!("`{}` is not of the kind `", stringify!($name), "`"),
                    value.name()
                );
                value
            }
        }
    };
}

// inkwell's types tell some kinds apart, and take others together.
kind!(Function, FunctionValue, as_function, of_ink, |_| true);
kind!(Global, GlobalValue, as_global, of_ink, |value| value
    .is_variable());
kind!(
    Instruction,
    InstructionValue,
    as_instruction,
    of_ink,
    |_| true
);
kind!(Block, BasicBlock, as_block, of_block, |_| true);
kind!(Argument, BasicValueEnum, as_argument, of_ink, |value| value
    .is_argument());
