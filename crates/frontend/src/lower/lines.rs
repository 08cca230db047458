//! Marks in machine code: which HIR instruction it belongs to.
//!
//! The marks are line numbers of debug information, where a line is not one of the source but the number of an
//! instruction; passes and code generation keep them up. Code that runs has none.

use crate::hir::{ExitSite, Func};
use martlet_ir::inkwell::builder::Builder;
use martlet_ir::inkwell::context::ContextRef;
use martlet_ir::inkwell::debug_info::{
    AsDIScope, DIFlags, DIFlagsConstants, DISubprogram, DWARFEmissionKind, DWARFSourceLanguage,
    DebugInfoBuilder,
};
use martlet_ir::inkwell::module::{FlagBehavior, Module};
use martlet_ir::inkwell::values::FunctionValue;

/// What LLVM calls `DEBUG_METADATA_VERSION`.
const METADATA_VERSION: u64 = 3;

/// The number that machine code is marked with: instructions first, then terminators. No mark is 0.
pub fn site_number(func: &Func, site: ExitSite) -> u32 {
    match site {
        ExitSite::Inst(inst) => inst.as_u32() + 1,
        ExitSite::Term(block) => func.insts.len() as u32 + block.as_u32() + 1,
    }
}

/// Makes the marks of one function.
pub(super) struct Marks<'ctx> {
    builder: DebugInfoBuilder<'ctx>,
    subprogram: DISubprogram<'ctx>,
}

impl<'ctx> Marks<'ctx> {
    pub(super) fn new(module: &Module<'ctx>, body: FunctionValue<'ctx>) -> Self {
        let context = module.get_context();
        let version = context.i32_type().const_int(METADATA_VERSION, false);
        module.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, version);
        let (builder, unit) = module.create_debug_info_builder(
            false,
            DWARFSourceLanguage::C,
            "hir",
            "",
            "martlet",
            true,
            "",
            0,
            "",
            DWARFEmissionKind::LineTablesOnly,
            0,
            false,
            false,
            "",
            "",
        );
        let file = unit.get_file();
        let ty = builder.create_subroutine_type(file, None, &[], DIFlags::ZERO);
        let scope = unit.as_debug_info_scope();
        let flags = DIFlags::ZERO;
        let subprogram = builder.create_function(
            scope, "body", None, file, 0, ty, false, true, 0, flags, true,
        );
        body.set_subprogram(subprogram);
        Self {
            builder,
            subprogram,
        }
    }

    /// What `builder` makes from here on has this number.
    pub(super) fn set(&self, builder: &Builder<'ctx>, context: ContextRef<'ctx>, number: u32) {
        let scope = self.subprogram.as_debug_info_scope();
        let location = self
            .builder
            .create_debug_location(context, number, 0, scope, None);
        builder.set_current_debug_location(location);
    }
}
