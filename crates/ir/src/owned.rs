//! Owned functions: counted tickets that may be dropped anywhere.

use crate::counters::Counted;
use crate::edit::Edit;
use crate::handle;
use crate::mailbox::Mailbox;
use crate::module::Module;
use crate::raw::Mark;
use crate::stale::Stale;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use inkwell::values::FunctionValue;
use std::sync::Arc;

/// The identity of one owned function: unique in the process and never used again, whatever becomes
/// of its name and of LLVM's object.
///
/// ```
/// # use martlet_ir::{FunctionId, Module};
/// # let mut module = Module::new("example");
/// # let f = module.edit(|e| {
/// #     let fn_type = e.context().void_type().fn_type(&[], false);
/// #     e.own(e.module().add_function("f", fn_type, None))
/// # });
/// let id: FunctionId = f.id();
/// assert_eq!(id.to_string(), format!("f{}", id.as_u64()));
/// module.edit(|e| f.get_in(e).unwrap().as_global_value().set_name("renamed"));
/// assert_eq!(module.own("renamed").unwrap().id(), id);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FunctionId(u64);

impl FunctionId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only uniqueness counts.
        FunctionId(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number itself.
    ///
    /// ```
    /// # use martlet_ir::Module;
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// assert!(f.id().as_u64() > 0);
    /// assert_eq!(f.id().as_u64(), f.clone().id().as_u64());
    /// ```
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}", self.0)
    }
}

/// A share in a function (`llvm/IR/Function.h`) of a module. While anybody has one, the function's
/// linkage is external (`llvm/IR/GlobalValue.h`), so no pass deletes it or changes its signature.
///
/// It is a ticket: cloning and dropping touch no LLVM object and may happen on any thread. When the
/// last share is gone, the owner's next operation that takes `&mut Module`, or
/// [`Module::collect`], makes the function internal and erases it as soon as nothing outside its own
/// dying cycle uses it.
///
/// ```
/// # let mut module = martlet_ir::Module::new("example");
/// let share = module.edit(|e| {
///     let fn_type = e.context().void_type().fn_type(&[], false);
///     e.own(e.module().add_function("f", fn_type, None))
/// });
/// let other = share.clone();
/// std::thread::spawn(move || drop(other)).join().unwrap();
/// assert!(share.get(&module).is_ok());
/// let id = share.id();
/// drop(share);
/// assert_eq!(module.collect().erased, [id]);
/// ```
#[derive(Clone, Debug)]
pub struct OwnedFunction(Arc<Ticket>);

impl OwnedFunction {
    pub(crate) fn from_ticket(ticket: Arc<Ticket>) -> Self {
        OwnedFunction(ticket)
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.0.mark
    }

    /// Who this is.
    ///
    /// ```
    /// # use martlet_ir::Module;
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// assert_eq!(f.id(), f.clone().id());
    /// assert_eq!(f.id(), module.own("f").unwrap().id());
    /// ```
    pub fn id(&self) -> FunctionId {
        self.0.id
    }

    /// The function, lent for as long as the module is borrowed.
    ///
    /// ```
    /// # use martlet_ir::Module;
    /// # let mut module = Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// assert_eq!(f.get(&module).unwrap().get_name().to_str(), Ok("f"));
    /// assert!(f.get(&Module::new("other")).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Stale`] if it is gone in spite of its linkage (somebody erased it through inkwell), or if
    /// it is of another module.
    pub fn get<'m>(&self, module: &'m Module) -> Result<FunctionValue<'m>, Stale> {
        Ok(handle::value(&self.0.mark, module.raw())?.as_function())
    }

    /// The function, lent inside of a [`Module::edit`] or [`Module::read`], to work on.
    ///
    /// ```
    /// # let mut module = martlet_ir::Module::new("example");
    /// # let f = module.edit(|e| {
    /// #     let fn_type = e.context().void_type().fn_type(&[], false);
    /// #     e.own(e.module().add_function("f", fn_type, None))
    /// # });
    /// let g = module.edit(|e| {
    ///     let f = f.get_in(e)?;
    ///     let g = e.module().add_function("g", f.get_type(), None);
    ///     let builder = e.context().create_builder();
    ///     builder.position_at_end(e.context().append_basic_block(g, "entry"));
    ///     builder.build_call(f, &[], "").unwrap();
    ///     builder.build_return(None).unwrap();
    ///     Ok::<_, martlet_ir::Stale>(e.own(g))
    /// });
    /// assert_eq!(g.unwrap().get(&module).unwrap().count_basic_blocks(), 1);
    /// ```
    ///
    /// # Errors
    /// As [`OwnedFunction::get`].
    pub fn get_in<'ctx>(&self, edit: Edit<'ctx>) -> Result<FunctionValue<'ctx>, Stale> {
        Ok(handle::value(&self.0.mark, edit.raw())?.as_function())
    }
}

/// What all shares of a function have in common; its drop posts the id.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: FunctionId,
    mark: Arc<Mark>,
    mailbox: Arc<Mailbox>,
    _counted: Counted,
}

impl Ticket {
    pub(crate) fn new(
        id: FunctionId,
        mark: Arc<Mark>,
        mailbox: Arc<Mailbox>,
        counted: Counted,
    ) -> Self {
        Ticket {
            id,
            mark,
            mailbox,
            _counted: counted,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.mailbox.post_dropped(self.id);
    }
}
