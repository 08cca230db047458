//! Pinned functions: definitions that wait outside, as bitcode, while declarations stay.

mod common;

use common::{definitions, machine, module};
use martlet_ir::kind::Function;
use martlet_ir::{Asserting, Bring, Context, Error, Fate, Module, Unit, Weak};

const TEXT: &str = "
    @table = private constant [2 x i64] [i64 10, i64 20]
    @kept = private constant i64 5
    @hidden = internal global i64 0
    define i64 @f(i64 %n) {
      %p = getelementptr i64, ptr @table, i64 %n
      %a = load i64, ptr %p
      %b = call i64 @static(i64 %a)
      %c = load i64, ptr @kept
      %d = add i64 %b, %c
      ret i64 %d
    }
    define internal i64 @static(i64 %n) {
      %r = call i64 @deeper(i64 %n)
      ret i64 %r
    }
    define internal i64 @deeper(i64 %n) { %r = xor i64 %n, 5 ret i64 %r }
    define i64 @seven() noinline { ret i64 7 }
    define i64 @user() {
      %a = call i64 @seven()
      %b = load i64, ptr @kept
      %c = add i64 %a, %b
      ret i64 %c
    }
    define i64 @uses_hidden() { %r = load i64, ptr @hidden ret i64 %r }
    define i64 @loops(i64 %n) { %r = call i64 @loops(i64 %n) ret i64 %r }
    define i64 @jumped() { br label %there there: ret i64 1 }
    @place = global ptr blockaddress(@jumped, %there)
    declare i64 @declared()";

#[test]
fn a_pinned_function_leaves_a_declaration() {
    let mut module = module(TEXT);
    let f = module.own("f").unwrap();
    let weak: Weak<Function> = module.edit(|e| e.weak(e.module().get_function("f").unwrap()));
    let body = module.read(|e| e.module().get_function("f").unwrap().to_string());
    let before = module.memory_report();
    module.pin(&f).unwrap();
    module.pin(&f).unwrap();
    module.verify().unwrap();
    assert!(module.is_pinned(&f) && weak.get(&module) == f.get(&module));
    assert!(
        module.to_string().contains("declare i64 @f(i64"),
        "{module}"
    );
    // What only it used is gone with it; what others use is still there.
    let text = module.to_string();
    assert!(
        !text.contains("@static") && !text.contains("@deeper") && !text.contains("@table"),
        "{text}"
    );
    assert!(text.contains("@kept = private constant"), "{text}");
    let report = module.memory_report();
    assert_eq!((report.pinned, before.pinned), (1, 0));
    assert!(report.instructions < before.instructions && report.pinned_bytes > 0);

    for _ in 0..3 {
        module.unpin(&f).unwrap();
        module.verify().unwrap();
        let again = module.read(|e| e.module().get_function("f").unwrap().to_string());
        assert_eq!(again.replace("@kept.1", "@kept"), body);
        assert_eq!(module.memory_report().pinned, 0);
        assert_eq!(module.to_string().matches("define internal").count(), 2);
        module.pin(&f).unwrap();
    }
    drop(f);
    assert_eq!(module.collect().erased.len(), 1);
    assert_eq!(module.memory_report().pinned_bytes, 0);
}

#[test]
fn no_pass_looks_into_a_pinned_function() {
    let machine = machine();
    let result = |module: &Module| module.to_string().contains("call i64 @seven()");
    for is_pinned in [false, true] {
        let mut module = module(TEXT);
        let shares = ["seven", "user", "f"].map(|name| module.own(name).unwrap());
        if is_pinned {
            for share in &shares {
                module.pin(share).unwrap();
            }
            module.unpin(&shares[1]).unwrap();
        }
        let report = module
            .run_passes("default<O3>,strip-dead-prototypes,globaldce", &machine)
            .unwrap();
        module.verify().unwrap();
        // An optimiser that sees the body folds the call, noinline or not.
        assert_eq!(result(&module), is_pinned, "{module}");
        if is_pinned {
            // Nobody calls `f`, and yet its declaration is there.
            assert_eq!(report.fate(shares[2].id()), Some(&Fate::Kept));
            assert!(
                !module.to_string().contains("llvm.compiler.used"),
                "{module}"
            );
        }
        for share in &shares {
            assert!(share.get(&module).is_ok());
        }
        for share in &shares {
            module.unpin(share).unwrap();
        }
        module.verify().unwrap();
    }
}

#[test]
fn units_are_made_of_pinned_functions() {
    let mut module = module(TEXT);
    let [user, seven, f, loops] =
        ["user", "seven", "f", "loops"].map(|name| module.own(name).unwrap());
    let text = |module: &mut Module| {
        let bring = [
            Bring {
                function: &seven,
                tag: 7,
            },
            Bring {
                function: &f,
                tag: 8,
            },
        ];
        let Unit {
            module: unit,
            function,
        } = module.extract(&user, &bring).unwrap();
        unit.verify().unwrap();
        assert!(function.get(&unit).is_ok());
        unit.to_string()
    };
    let expected = text(&mut module);
    for share in [&user, &seven, &f, &loops] {
        module.pin(share).unwrap();
        assert_eq!(text(&mut module), expected);
    }
    // Under its present name.
    module.edit(|e| {
        e.module()
            .get_function("loops")
            .unwrap()
            .as_global_value()
            .set_name("renamed")
    });
    let unit = module
        .extract_into(&loops, &[], Context::new())
        .unwrap()
        .module;
    assert_eq!(definitions(&unit), ["renamed"]);
    assert!(unit.to_string().contains("call i64 @renamed"), "{unit}");
    module.unpin(&loops).unwrap();
    assert!(module.to_string().contains("call i64 @renamed"), "{module}");
    module.verify().unwrap();
}

#[test]
fn what_cannot_be_taken_out_stays() {
    let mut module = module(TEXT);
    let before = module.to_string();
    let functions = ["uses_hidden", "jumped"].map(|name| (name, module.own(name).unwrap()));
    for (name, function) in &functions {
        assert!(
            matches!(module.pin(function), Err(Error::Extract { .. })),
            "{name}"
        );
        assert!(!module.is_pinned(function));
        assert_eq!(module.to_string(), before);
    }
    let declared = module.own("declared").unwrap();
    assert_eq!(
        module.pin(&declared),
        Err(Error::NotDefined("declared".into()))
    );
}

#[test]
fn pinning_tells_those_who_assert_the_body() {
    let mut module = module(TEXT);
    let f = module.own("f").unwrap();
    let held: Asserting<martlet_ir::kind::Instruction> = module.edit(|e| {
        let f = e.module().get_function("f").unwrap();
        e.asserting(
            f.get_first_basic_block()
                .unwrap()
                .get_first_instruction()
                .unwrap(),
        )
    });
    let Err(Error::Asserted { falls, .. }) = module.pin(&f) else {
        panic!()
    };
    assert_eq!(falls[0].event.operation, "pin");
    assert!(!held.is_alive() && module.is_pinned(&f));
}

#[test]
fn a_definition_that_is_linked_in_takes_the_place_of_the_pinned_one() {
    let mut module = module(TEXT);
    let seven = module.own("seven").unwrap();
    module.pin(&seven).unwrap();
    module
        .link(&common::module("define i64 @seven() { ret i64 8 }"))
        .unwrap();
    assert!(!module.is_pinned(&seven));
    let unit = module.extract(&seven, &[]).unwrap();
    assert!(
        unit.module.to_string().contains("ret i64 8"),
        "{}",
        unit.module
    );
}

#[test]
fn a_pinned_definition_goes_with_the_function_it_was_of() {
    let mut module = module(TEXT);
    let f = module.own("loops").unwrap();
    module.pin(&f).unwrap();
    // Not what `read` is for, but nothing keeps it from happening.
    module.read(|e| {
        let function = |name| e.module().get_function(name).unwrap();
        function("loops").replace_all_uses_with(function("f"));
    });
    assert!(!module.is_pinned(&f));
    let unit = module.extract(&f, &[]).unwrap();
    assert_eq!(definitions(&unit.module), ["f", "static", "deeper"]);
}
