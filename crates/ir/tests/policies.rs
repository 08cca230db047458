//! Two ways to keep functions that passes run over: all external for ever, and linkage that follows
//! references. And what becomes of machine code when the IR it was made of goes first.

mod common;

use common::machine;
use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::inkwell::module::Module as InkModule;
use martlet_ir::{Edit, MemoryReport, Module, OwnedFunction};

/// `name(n) = n < 2 ? n : name(n - 1) + name(n - 2)`, with a constant of its own.
fn fibonacci(e: Edit<'_>, name: &str) -> OwnedFunction {
    let i64_type = e.context().i64_type();
    let function = e
        .module()
        .add_function(name, i64_type.fn_type(&[i64_type.into()], false), None);
    let text = e.context().const_string(name.as_bytes(), true);
    let constant = e.module().add_global(text.get_type(), None, "name");
    constant.set_linkage(martlet_ir::inkwell::module::Linkage::Private);
    constant.set_constant(true);
    constant.set_initializer(&text);
    let builder = e.context().create_builder();
    let block = |name| e.context().append_basic_block(function, name);
    let (entry, small, large) = (block("entry"), block("small"), block("large"));
    builder.position_at_end(entry);
    let n = function.get_nth_param(0).unwrap().into_int_value();
    let number = |n| i64_type.const_int(n, false);
    let letter = builder
        .build_load(e.context().i8_type(), constant.as_pointer_value(), "")
        .unwrap()
        .into_int_value();
    let letter = builder.build_int_z_extend(letter, i64_type, "").unwrap();
    let is_small = builder
        .build_int_compare(martlet_ir::inkwell::IntPredicate::SLT, n, number(2), "")
        .unwrap();
    builder
        .build_conditional_branch(is_small, small, large)
        .unwrap();
    builder.position_at_end(small);
    let zero = builder.build_int_sub(letter, letter, "").unwrap();
    let result = builder.build_int_add(n, zero, "").unwrap();
    builder.build_return(Some(&result)).unwrap();
    builder.position_at_end(large);
    let call = |less| {
        let argument = builder.build_int_sub(n, number(less), "").unwrap();
        let call = builder
            .build_call(function, &[argument.into()], "")
            .unwrap();
        call.try_as_basic_value().unwrap_basic().into_int_value()
    };
    let sum = builder.build_int_add(call(1), call(2), "").unwrap();
    builder.build_return(Some(&sum)).unwrap();
    e.own(function)
}

#[test]
fn all_external_grows_and_references_stay_flat() {
    const COUNT: usize = 10_000;
    const MAINTENANCE: usize = 2_500;
    let machine = machine();
    let mut reports = Vec::<[MemoryReport; 2]>::new();
    let (mut external, mut referenced) = (Module::new("external"), Module::new("referenced"));
    // Whatever was ever defined stays external, because something might still refer to it.
    let mut kept = Vec::new();
    for i in 1..=COUNT {
        let name = format!("f{i}");
        kept.push(external.edit(|e| fibonacci(e, &name)));
        let function = referenced.edit(|e| fibonacci(e, &name));
        assert!(function.get(&referenced).is_ok());
        drop(function);
        if i % MAINTENANCE == 0 {
            for module in [&mut external, &mut referenced] {
                module.run_passes("globaldce", &machine).unwrap();
                module.collect();
                module.verify().unwrap();
            }
            reports.push([external.memory_report(), referenced.memory_report()]);
        }
    }
    for (i, [external, referenced]) in (1..).zip(&reports) {
        assert_eq!(external.definitions, i * MAINTENANCE);
        assert_eq!(external.variables, i * MAINTENANCE);
        assert_eq!(
            (
                referenced.definitions,
                referenced.variables,
                referenced.instructions
            ),
            (0, 0, 0)
        );
        assert_eq!(
            (referenced.nodes, referenced.erased),
            (0, (i * MAINTENANCE) as u64)
        );
    }
}

#[test]
fn machine_code_needs_no_ir() {
    let mut library = Module::new("library");
    let function = library.edit(|e| fibonacci(e, "fibonacci"));
    let unit = library.extract(&function, &[]).unwrap();
    let bitcode = unit.module.to_bitcode();
    let ink = InkContext::create();
    let engine = ink
        .create_module("empty")
        .create_jit_execution_engine(OptimizationLevel::None)
        .unwrap();
    let buffer = MemoryBuffer::create_from_memory_range_copy(&bitcode, "unit");
    let compiled = InkModule::parse_bitcode_from_buffer(&buffer, &ink).unwrap();
    engine.add_module(&compiled).unwrap();
    let address = engine.get_function_address("fibonacci").unwrap();
    // SAFETY: the engine keeps the code, which is of this type, as long as it lives.
    let machine_code: extern "C" fn(i64) -> i64 = unsafe { std::mem::transmute(address) };
    let before: Vec<i64> = (0..20).map(|n| machine_code(n)).collect();

    // All IR goes: of the engine, of the unit, and of the library.
    engine.remove_module(&compiled).unwrap();
    drop(compiled);
    drop(unit);
    drop(function);
    assert_eq!(library.collect().erased.len(), 1);
    drop(library);
    assert_eq!(before[19], 4181);
    assert_eq!((0..20).map(|n| machine_code(n)).collect::<Vec<_>>(), before);
}
