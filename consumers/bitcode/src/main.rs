//! Generates IR that calls three C functions, has two inlined and one called, and compares what comes out with the native
//! functions. A C variable that only native code writes keeps its meaning.

use inkwell::context::Context;
use inkwell::execution_engine::JitFunction;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::Module;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{CodeModel, InitializationConfig, RelocMode, Target, TargetMachine};
use inkwell::{AddressSpace, OptimizationLevel};

#[allow(dead_code, reason = "generated")]
mod shapes {
    include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
}
use shapes::c;

/// `(shape, n)`: the shape's area, scaled, or -1 if n is not small.
type Generated = unsafe extern "C" fn(*const c::shape, i8) -> f64;

fn main() {
    let context = Context::create();
    let module = generate(&context);
    assert!(module.to_string().contains("call double @area("));

    // The bitcode is that of this libLLVM, and becomes a part of the module.
    let buffer = MemoryBuffer::create_from_memory_range_copy(shapes::BITCODE, "shapes");
    let helpers =
        Module::parse_bitcode_from_buffer(&buffer, &context).expect("bitcode of the same LLVM");
    module.link_in_module(helpers).expect("the types agree");

    let machine = generic_machine();
    module
        .run_passes("default<O3>", &machine, PassBuilderOptions::create())
        .expect("a pipeline");
    let text = module
        .get_function("generated")
        .expect("it is ours")
        .to_string();
    for inlined in ["@area(", "@scaled("] {
        assert!(!text.contains(inlined), "{inlined} is not inlined:\n{text}");
    }
    assert!(
        text.contains("load double, ptr @scale"),
        "a C variable was taken for a constant:\n{text}"
    );
    assert!(text.contains("@is_small("), "inlined:\n{text}");

    let engine = module
        .create_jit_execution_engine(OptimizationLevel::Default)
        .expect("this machine");
    for (name, address) in shapes::native_symbols() {
        if let Some(variable) = module.get_global(name) {
            engine.add_global_mapping(&variable, *address);
        }
    }
    // SAFETY: `generate` gives the function this type.
    let generated: JitFunction<Generated> =
        unsafe { engine.get_function("generated") }.expect("it is there");
    let (area, is_small) = (shapes::area::native(), shapes::is_small::native());
    for (scale, kind, size) in [
        (1.0, c::kind_SQUARE, 1.5),
        (1.0, c::kind_CIRCLE, 2.0),
        (2.5, c::kind_CIRCLE, 2.0),
    ] {
        let shape = c::shape { kind, size };
        // SAFETY: no other thread reads the variable.
        unsafe { c::set_scale(scale) };
        for n in [i8::MIN, -9, 0, 9, 10, i8::MAX] {
            // SAFETY: the pointer is that of a shape.
            let (native, jitted) = unsafe {
                let native = if is_small(n) {
                    area(&shape) * scale
                } else {
                    -1.0
                };
                (native, generated.call(&shape, n))
            };
            assert_eq!(native, jitted, "kind {kind}, size {size}, n {n}");
            assert_eq!(is_small_here(n), native >= 0.0);
        }
    }
    for helper in shapes::HELPERS {
        println!("{}: {}", helper.signature, helper.doc);
    }
    println!("inlined, and the same as natively");
}

fn is_small_here(n: i8) -> bool {
    n > -10 && n < 10
}

fn generate(context: &Context) -> Module<'_> {
    let module = context.create_module("unit");
    let ptr = context.ptr_type(AddressSpace::default());
    let fn_type = context
        .f64_type()
        .fn_type(&[ptr.into(), context.i8_type().into()], false);
    let function = module.add_function("generated", fn_type, None);
    let [shape, n] = function.get_params()[..] else {
        panic!("two parameters")
    };
    let builder = context.create_builder();
    builder.position_at_end(context.append_basic_block(function, "entry"));
    let build = || {
        let small = shapes::is_small::build_call(&module, &builder, n.into_int_value())?;
        let area = shapes::area::build_call(&module, &builder, shape.into_pointer_value())?;
        let scaled = shapes::scaled::build_call(&module, &builder, area)?;
        let minus_one = context.f64_type().const_float(-1.0);
        let result = builder.build_select(small, scaled, minus_one.into(), "")?;
        builder.build_return(Some(&result))
    };
    build().expect("the builder stands at a block");
    module
}

/// A processor of which nothing is known: helpers inline there, too.
fn generic_machine() -> TargetMachine {
    Target::initialize_x86(&InitializationConfig::default());
    let triple = TargetMachine::get_default_triple();
    let target = Target::from_triple(&triple).expect("this LLVM has x86");
    let level = OptimizationLevel::Default;
    let machine = target.create_target_machine(
        &triple,
        "generic",
        "",
        level,
        RelocMode::PIC,
        CodeModel::Default,
    );
    machine.expect("a machine")
}
