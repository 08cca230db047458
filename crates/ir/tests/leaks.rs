//! Nothing is left over. One test, because the counters and the heap are the process's.

mod common;

use common::{bitcode, machine, module};
use martlet_ir::inkwell::targets::TargetMachine;
use martlet_ir::kind::Function;
use martlet_ir::{Context, Module, Weak, live};

#[test]
fn counters_return_to_start() {
    let start = live();
    let mut library = module("define i64 @base(i64 %n) { ret i64 %n }");
    let machine = machine();
    let counts = |module: &Module| {
        let report = module.memory_report();
        (
            report.definitions,
            report.declarations,
            report.instructions,
            report.nodes,
        )
    };
    let before = counts(&library);
    let mut context = Context::new();
    for round in 0..200 {
        let (function, handle): (_, Weak<Function>) = library.edit(|e| {
            let i64_type = e.context().i64_type();
            let name = format!("f{round}");
            let f = e
                .module()
                .add_function(&name, i64_type.fn_type(&[], false), None);
            let builder = e.context().create_builder();
            builder.position_at_end(e.context().append_basic_block(f, "entry"));
            let result = builder.build_call(f, &[], "").unwrap();
            builder
                .build_return(Some(&result.try_as_basic_value().unwrap_basic()))
                .unwrap();
            (e.own(f), e.weak(f))
        });
        let mut unit = library.extract_into(&function, &[], context).unwrap();
        unit.module.run_passes("default<O1>", &machine).unwrap();
        assert!(unit.function.get(&unit.module).is_ok());
        context = unit.module.into_context();
        assert!(unit.function.get(&library).is_err());
        drop(function);
        assert_eq!(library.collect().erased.len(), 1);
        assert!(handle.get(&library).is_err());
    }
    assert_eq!(context.modules_served(), 200);
    library.collect();
    assert_eq!(counts(&library), before);
    drop((library, context));
    assert_eq!(live(), start);

    // To the byte: what a whole life takes from the heap comes back.
    let texts = [
        "@table = private constant [2 x i64] [i64 10, i64 20]
         define i64 @f(i64 %n) { %r = call i64 @g(i64 %n) ret i64 %r }
         define i64 @g(i64 %n) { %p = getelementptr i64, ptr @table, i64 %n %r = load i64, ptr %p ret i64 %r }
         define i64 @h(i64 %n) { %r = call i64 @h(i64 %n) ret i64 %r }",
        "define i64 @linked() { ret i64 1 }",
        "define i64 @f(i64 %n) { ret i64 1 }",
    ];
    let bitcodes = texts.map(bitcode);
    // The allocator's own caches fill in the first ones.
    for _ in 0..256 {
        life(&bitcodes, &machine);
    }
    let before = heap();
    for _ in 0..512 {
        life(&bitcodes, &machine);
    }
    let growth = heap() - before;
    // Less than the smallest object of any kind for each.
    assert!(growth < 32 * 512, "{growth} bytes are left of 512 lives");
    assert_eq!(live(), start);

    // What is read is a measure of what a context holds.
    let kept = kept_by_a_context();
    assert!(
        (0.1..10.0).contains(&kept),
        "{kept} bytes of each byte read"
    );
    println!("a context keeps {kept} bytes of each byte read");
}

/// What a context keeps of the units it has served, as a share of what they were read from.
fn kept_by_a_context() -> f64 {
    let mut library = module("");
    let functions: Vec<_> = (0..300u64)
        .map(|i| {
            library.edit(|e| {
                let i64_type = e.context().i64_type();
                let fn_type = i64_type.fn_type(&[i64_type.into()], false);
                let f = e.module().add_function(&format!("f{i}"), fn_type, None);
                let builder = e.context().create_builder();
                builder.position_at_end(e.context().append_basic_block(f, "entry"));
                let mut value = f.get_nth_param(0).unwrap().into_int_value();
                for j in 0..50 {
                    // Constants of its own, which a context keeps.
                    let constant = i64_type.const_int(i * 1000 + j, false);
                    value = builder.build_xor(value, constant, "").unwrap();
                }
                builder.build_return(Some(&value)).unwrap();
                e.own(f)
            })
        })
        .collect();
    let mut context = Context::new();
    let before = heap();
    for function in &functions {
        let unit = library.extract_into(function, &[], context).unwrap();
        drop(unit.function);
        context = unit.module.into_context();
    }
    let read = context.bytes_read();
    (heap() - before) as f64 / read as f64
}

/// Bytes in use, all arenas together.
fn heap() -> i64 {
    // SAFETY: it only counts.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as i64
}

/// A module with all that one can do with it, from beginning to end.
fn life(bitcodes: &[Vec<u8>; 3], machine: &TargetMachine) {
    let [mut module, linked, conflict] = bitcodes
        .each_ref()
        .map(|bitcode| Module::from_bitcode("life", bitcode, Context::new()).unwrap());
    let [f, g, h] = ["f", "g", "h"].map(|name| module.own(name).unwrap());
    let handles = module.edit(|e| {
        let f = e.module().get_function("f").unwrap();
        let block = f.get_first_basic_block().unwrap();
        (
            e.weak::<Function>(f),
            e.tracking::<Function>(f),
            e.asserting::<martlet_ir::kind::Block>(block),
            e.callback::<Function>(f),
        )
    });
    module.pin(&g).unwrap();
    let bring = [martlet_ir::Bring {
        function: &g,
        tag: 1,
    }];
    let mut unit = module.extract(&f, &bring).unwrap();
    unit.module.run_passes("default<O2>", machine).unwrap();
    module.link(&linked).unwrap();
    let error = module.link(&conflict);
    assert!(error.is_err());
    module.unpin(&g).unwrap();
    module.run_passes("default<O2>", machine).ok();
    drop((f, h));
    module.collect();
    drop(module);
    drop((handles, g, unit));
}
