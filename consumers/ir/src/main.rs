//! Somebody else's program, with an inkwell of its own: three things that inkwell alone cannot do.

use inkwell::OptimizationLevel;
use inkwell::builder::BuilderError;
use inkwell::module::Linkage;
use inkwell::targets::{
    CodeModel, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple,
};
use inkwell::values::FunctionValue;
use martlet_ir::kind::Function;
use martlet_ir::{Edit, Module, Tracking, Weak};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let machine = machine()?;
    let mut module = Module::new("consumer");

    // A handle that is dead once a pass has deleted its function, and says which.
    let unused: Weak<Function> = module.edit(|e| {
        let unused = identity(e, "unused", Some(Linkage::Internal))?;
        Ok::<_, BuilderError>(e.weak(unused))
    })?;
    unused.get(&module)?;
    module.run_passes("globaldce", &machine)?;
    let stale = unused.get(&module).err().ok_or("globaldce deletes what nothing uses")?;
    println!("{stale}");
    assert!(stale.to_string().contains("GlobalDCEPass"));

    // A handle that follows its function when that is replaced everywhere.
    let (old, new) = module.edit(|e| {
        let (old, new) = (identity(e, "old", None)?, identity(e, "new", None)?);
        Ok::<(Tracking<Function>, Tracking<Function>), BuilderError>((e.tracking(old), e.tracking(new)))
    })?;
    module.edit(|e| {
        let function = |name| e.module().get_function(name);
        if let (Some(old), Some(new)) = (function("old"), function("new")) {
            old.replace_all_uses_with(new);
        }
    });
    assert_eq!(old.get(&module)?, new.get(&module)?);
    println!("followed to {:?}", old.get(&module)?.get_name());

    // A function that calls itself, erased when nobody holds it any more.
    let recursive = module.edit(|e| {
        let function = identity(e, "recursive", None)?;
        let builder = e.context().create_builder();
        let end = function.get_last_basic_block().and_then(|block| block.get_terminator());
        if let (Some(end), Some(n)) = (end, function.get_nth_param(0)) {
            builder.position_before(&end);
            builder.build_call(function, &[n.into()], "")?;
        }
        Ok::<_, BuilderError>(e.own(function))
    })?;
    let id = recursive.id();
    drop(recursive);
    let report = module.collect();
    println!("{report:?}");
    assert_eq!(report.erased, [id]);
    module.verify()?;
    Ok(())
}

/// `name(n) = n`.
fn identity<'ctx>(
    e: Edit<'ctx>,
    name: &str,
    linkage: Option<Linkage>,
) -> Result<FunctionValue<'ctx>, BuilderError> {
    let i64_type = e.context().i64_type();
    let fn_type = i64_type.fn_type(&[i64_type.into()], false);
    let function = e.module().add_function(name, fn_type, linkage);
    let builder = e.context().create_builder();
    builder.position_at_end(e.context().append_basic_block(function, "entry"));
    let n = function.get_nth_param(0);
    builder.build_return(n.as_ref().map(|n| n as &dyn inkwell::values::BasicValue<'_>))?;
    Ok(function)
}

fn machine() -> Result<TargetMachine, Box<dyn Error>> {
    Target::initialize_x86(&InitializationConfig::default());
    let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    let (level, reloc, model) = (OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small);
    let target = Target::from_triple(&triple).map_err(|error| error.to_string())?;
    let machine = target.create_target_machine(&triple, "x86-64", "", level, reloc, model);
    Ok(machine.ok_or("this LLVM has no x86-64")?)
}
