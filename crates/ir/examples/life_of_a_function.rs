//! The life of a function, from its making to its end: owned, compiled as a unit that borrows a
//! helper and inlines a neighbour, redefined, dropped and erased, two of them calling each other.
//!
//! `cargo run -p martlet-ir --example life_of_a_function`

use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::targets::{
    CodeModel, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple,
};
use martlet_ir::{BitcodeLibrary, Bring, Edit, Error, Module, OwnedFunction, Unit};

fn main() -> Result<(), Error> {
    let machine = machine();
    let helpers = BitcodeLibrary::open("helpers", helpers())?;
    let mut library = Module::new("library");

    // Two functions that call each other, and a helper that is only declared.
    let (even, odd) = library.edit(|e| (define(e, "even", "odd"), define(e, "odd", "even")));
    println!("made {} and {}", even.id(), odd.id());

    // A unit of one: its neighbour is brought along to be inlined, the helper is borrowed.
    let bring = [Bring {
        function: &odd,
        tag: 7,
    }];
    let Unit {
        module: mut unit,
        function,
    } = library.extract(&even, &bring)?;
    println!("borrowed {:?}", helpers.import(&mut unit)?.functions);
    let report = unit.run_passes("default<O2>", &machine)?;
    println!("{:?} in {:?}", report.fate(function.id()), report.elapsed);
    println!("inlined: tags {:?}", unit.provenance());
    println!("{unit}");

    // Dropped one by one: the first is still used by the second, then both go.
    drop(even);
    println!("{:?}", library.collect());
    drop(odd);
    println!("{:?}", library.collect());
    println!("left: {:?}", library.memory_report());
    Ok(())
}

/// `name(n)`: `n` decremented by a helper and given to `other`, or 1 at 0.
fn define(e: Edit<'_>, name: &str, other: &str) -> OwnedFunction {
    let (module, context) = (e.module(), e.context());
    let i64_type = context.i64_type();
    let fn_type = i64_type.fn_type(&[i64_type.into()], false);
    let get = |name| {
        module
            .get_function(name)
            .unwrap_or_else(|| module.add_function(name, fn_type, None))
    };
    let (function, other, helper) = (get(name), get(other), get("decrement"));
    let builder = context.create_builder();
    let block = |name| context.append_basic_block(function, name);
    let (entry, end, go) = (block("entry"), block("end"), block("go"));

    let built = (|| {
        builder.position_at_end(entry);
        let n = function.get_nth_param(0)?.into_int_value();
        let zero = i64_type.const_zero();
        let is_zero = builder
            .build_int_compare(martlet_ir::inkwell::IntPredicate::EQ, n, zero, "is_zero")
            .ok()?;
        builder.build_conditional_branch(is_zero, end, go).ok()?;
        builder.position_at_end(end);
        builder
            .build_return(Some(&i64_type.const_int(1, false)))
            .ok()?;
        builder.position_at_end(go);
        let less = builder.build_call(helper, &[n.into()], "less").ok()?;
        let less = less.try_as_basic_value().basic()?;
        let result = builder.build_call(other, &[less.into()], "result").ok()?;
        builder
            .build_return(Some(&result.try_as_basic_value().basic()?))
            .ok()
    })();
    assert!(
        built.is_some(),
        "the builder stands at a block, and all types are i64"
    );
    e.own(function)
}

/// The bitcode of a library, as clang would make it.
fn helpers() -> Vec<u8> {
    let mut module = Module::new("helpers");
    let held = module.edit(|e| {
        let i64_type = e.context().i64_type();
        let fn_type = i64_type.fn_type(&[i64_type.into()], false);
        let function = e.module().add_function("decrement", fn_type, None);
        let builder = e.context().create_builder();
        builder.position_at_end(e.context().append_basic_block(function, "entry"));
        let n = function.get_nth_param(0).map(|n| n.into_int_value());
        let one = i64_type.const_int(1, false);
        let less = n.and_then(|n| builder.build_int_sub(n, one, "less").ok());
        let built = less.and_then(|less| builder.build_return(Some(&less)).ok());
        assert!(
            built.is_some(),
            "the builder stands at a block, and all types are i64"
        );
        e.own(function)
    });
    let bitcode = module.to_bitcode();
    drop(held);
    bitcode
}

fn machine() -> TargetMachine {
    Target::initialize_x86(&InitializationConfig::default());
    let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    let machine = Target::from_triple(&triple).ok().and_then(|target| {
        let (level, reloc, model) = (OptimizationLevel::Default, RelocMode::PIC, CodeModel::Small);
        target.create_target_machine(&triple, "x86-64", "", level, reloc, model)
    });
    machine.expect("this LLVM was built with x86")
}
