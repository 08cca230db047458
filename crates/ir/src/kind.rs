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
///
/// ```
/// use martlet_ir::kind::{Function, Kind};
/// use martlet_ir::{Edit, Weak};
///
/// /// Holds whatever it is given.
/// fn hold<'ctx, K: Kind>(e: Edit<'ctx>, values: &[K::Lent<'ctx>]) -> Vec<Weak<K>> {
///     values.iter().map(|value| e.weak(*value)).collect()
/// }
///
/// let mut module = martlet_ir::Module::new("example");
/// let held: Vec<Weak<Function>> = module.edit(|e| {
///     let fn_type = e.context().void_type().fn_type(&[], false);
///     hold::<Function>(e, &[e.module().add_function("f", fn_type, None)])
/// });
/// assert!(held[0].get(&module).is_ok());
/// ```
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
///
/// ```
/// # use martlet_ir::{Module, Tracking, kind::Function};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// let held: Tracking<Function> = module.edit(|e| e.tracking(f.get_in(e).unwrap()));
/// assert_eq!(held.get(&module).unwrap().count_params(), 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Function {}

/// A global variable (`llvm/IR/GlobalVariable.h`).
///
/// ```
/// # use martlet_ir::{Module, Tracking, kind::Global};
/// let mut module = Module::new("example");
/// let held: Tracking<Global> = module.edit(|e| {
///     e.tracking(e.module().add_global(e.context().i64_type(), None, "counter"))
/// });
/// assert!(held.get(&module).unwrap().get_initializer().is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Global {}

/// An instruction (`llvm/IR/Instruction.h`).
///
/// ```
/// # use martlet_ir::{Module, Tracking, kind::Instruction};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
/// #     let builder = e.context().create_builder();
/// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
/// #     builder.build_return(None).unwrap();
/// #     e.own(f)
/// # });
/// let held: Tracking<Instruction> = module.edit(|e| {
///     let entry = f.get_in(e).unwrap().get_first_basic_block().unwrap();
///     e.tracking(entry.get_terminator().unwrap())
/// });
/// assert!(held.get(&module).unwrap().is_terminator());
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Instruction {}

/// A basic block (`llvm/IR/BasicBlock.h`).
///
/// ```
/// # use martlet_ir::{Module, Tracking, kind::Block};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let f = e.module().add_function("f", e.context().void_type().fn_type(&[], false), None);
/// #     let builder = e.context().create_builder();
/// #     builder.position_at_end(e.context().append_basic_block(f, "entry"));
/// #     builder.build_return(None).unwrap();
/// #     e.own(f)
/// # });
/// let held: Tracking<Block> = module.edit(|e| {
///     e.tracking(f.get_in(e).unwrap().get_first_basic_block().unwrap())
/// });
/// assert_eq!(held.get(&module).unwrap().get_name().to_str(), Ok("entry"));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Block {}

/// A parameter of a function (`llvm/IR/Argument.h`).
///
/// ```
/// # use martlet_ir::{Module, Tracking, kind::Argument};
/// let mut module = Module::new("example");
/// let held: Tracking<Argument> = module.edit(|e| {
///     let i64_type = e.context().i64_type();
///     let fn_type = i64_type.fn_type(&[i64_type.into()], false);
///     e.tracking(e.module().add_function("f", fn_type, None).get_first_param().unwrap())
/// });
/// assert!(held.get(&module).unwrap().is_int_value());
/// ```
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
