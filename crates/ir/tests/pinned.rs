//! Pinned functions: definitions that wait outside, as bitcode, while declarations stay.

mod common;

use common::{definitions, machine, module};
use martlet_ir::kind::Function;
use martlet_ir::{Asserting, Bring, Context, Error, Fate, Module, OwnedFunction, Unit, Weak};

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

const NAMES: &str = "
    define i64 @g(i64 %n) { %r = add i64 %n, 1 ret i64 %r }
    define i64 @f(i64 %n) { %r = call i64 @g(i64 %n) ret i64 %r }
    define i64 @other(i64 %n) { %r = add i64 %n, 2 ret i64 %r }";

#[test]
fn names_that_change_while_a_function_is_pinned_change_nothing() {
    let mut module = module(NAMES);
    let [f, g, other] = ["f", "g", "other"].map(|name| module.own(name).unwrap());
    module.pin(&f).unwrap();
    module.edit(|e| {
        let name = |function: &OwnedFunction, name: &str| {
            function.get_in(e).unwrap().as_global_value().set_name(name);
        };
        name(&g, "h");
        name(&f, "g");
        name(&other, "f");
    });
    // `g`, which was `f`, calls `h`, which was `g`.
    let body = "define i64 @g(i64 %n) {\n  %r = call i64 @h(i64 %n)\n  ret i64 %r\n}\n";
    let alone = module.extract(&f, &[]).unwrap().module.to_string();
    assert!(
        alone.contains(body) && alone.contains("declare i64 @h(i64)"),
        "{alone}"
    );
    let bring = [Bring {
        function: &g,
        tag: 1,
    }];
    let together = module.extract(&f, &bring).unwrap().module.to_string();
    assert!(
        together.contains(body) && together.contains("define available_externally i64 @h(i64 %n)"),
        "{together}"
    );
    let bring = [Bring {
        function: &f,
        tag: 1,
    }];
    let brought = module.extract(&g, &bring).unwrap().module.to_string();
    assert!(
        brought.contains("define available_externally i64 @g(i64 %n)")
            && brought.contains("call i64 @h(i64 %n)"),
        "{brought}"
    );
    module.unpin(&f).unwrap();
    assert!(module.to_string().contains(body), "{module}");
    module.verify().unwrap();
}

#[test]
fn what_a_pinned_body_names_may_become_one() {
    let mut module = module(
        "declare i64 @a(i64)
         declare i64 @b(i64)
         define i64 @f(i64 %n) { %r = call i64 @a(i64 %n) %s = call i64 @b(i64 %r) ret i64 %s }
         define internal i64 @c(i64 %n) { ret i64 %n }
         define i64 @g(i64 %n) { %r = call i64 @c(i64 %n) %s = call i64 @a(i64 %r) ret i64 %s }",
    );
    let [f, g] = ["f", "g"].map(|name| module.own(name).unwrap());
    module.pin(&f).unwrap();
    module.pin(&g).unwrap();
    module.edit(|e| {
        let function = |name: &str| e.module().get_function(name).unwrap();
        function("b").replace_all_uses_with(function("a"));
        // As a static is called that `g` took along.
        function("a").as_global_value().set_name("c");
    });
    let unit = module.extract(&f, &[]).unwrap().module.to_string();
    assert_eq!(unit.matches("call i64 @c(").count(), 2, "{unit}");
    let unit = module.extract(&g, &[]).unwrap().module.to_string();
    assert!(
        unit.contains("%r = call i64 @c.local(") && unit.contains("%s = call i64 @c("),
        "{unit}"
    );
    module.unpin(&f).unwrap();
    module.unpin(&g).unwrap();
    module.verify().unwrap();
    assert_eq!(module.to_string().matches("call i64 @c(").count(), 3);
}

#[test]
fn a_constant_that_a_pinned_body_names_stays() {
    let mut module = module(
        "@shared = linkonce_odr constant i64 5
         define i64 @f() { %r = load i64, ptr @shared ret i64 %r }",
    );
    let f = module.own("f").unwrap();
    module.pin(&f).unwrap();
    module.run_passes("globaldce", &machine()).unwrap();
    module.edit(|e| e.module().get_global("shared").unwrap().set_name("renamed"));
    module.unpin(&f).unwrap();
    let text = module.to_string();
    assert!(
        text.contains("@renamed = linkonce_odr constant i64 5"),
        "{text}"
    );
    assert!(text.contains("load i64, ptr @renamed"), "{text}");
}

#[test]
fn what_has_no_name_cannot_be_named_from_outside() {
    let mut module = module(
        "define i64 @0(i64 %n) { ret i64 %n }
         define i64 @calls(i64 %n) { %r = call i64 @0(i64 %n) ret i64 %r }
         define i64 @calls_not(i64 %n) { ret i64 %n }
         @1 = external global i64
         define i64 @loads() { %r = load i64, ptr @1 ret i64 %r }
         define internal i64 @2(i64 %n) { ret i64 %n }
         define i64 @static(i64 %n) { %r = call i64 @2(i64 %n) ret i64 %r }",
    );
    let unnamed = module.edit(|e| e.own(e.module().get_first_function().unwrap()));
    let named = ["calls", "loads"].map(|name| module.own(name).unwrap());
    let before = module.to_string();
    for refused in named.iter().chain([&unnamed]) {
        let wrong = [
            module.pin(refused).err(),
            module.extract(refused, &[]).err(),
            module.extract_bitcode(refused, &[]).err(),
        ];
        for wrong in wrong {
            assert!(matches!(&wrong, Some(Error::Extract { .. })), "{wrong:?}");
        }
    }
    assert_eq!(module.to_string(), before);
    let [calls_not, with_static] = ["calls_not", "static"].map(|name| module.own(name).unwrap());
    let bring = [Bring {
        function: &unnamed,
        tag: 1,
    }];
    let wrong = module.extract(&calls_not, &bring).unwrap_err();
    assert!(matches!(wrong, Error::Extract { .. }), "{wrong}");
    // What nobody outside names needs no name.
    module.pin(&with_static).unwrap();
    module.extract(&with_static, &[]).unwrap();
    // One that loses its name while it waits gets its body back all the same.
    module.edit(|e| {
        with_static
            .get_in(e)
            .unwrap()
            .as_global_value()
            .set_name("")
    });
    let wrong = module.extract(&with_static, &[]).unwrap_err();
    assert!(matches!(wrong, Error::Extract { .. }), "{wrong}");
    module.unpin(&with_static).unwrap();
    assert_eq!(with_static.get(&module).unwrap().count_basic_blocks(), 1);
    module.verify().unwrap();
}
