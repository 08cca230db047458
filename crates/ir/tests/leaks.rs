//! Nothing is left over. One test, because the counters are the process's.

mod common;

use common::{machine, module};
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
}
