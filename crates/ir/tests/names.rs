//! Names never matter: passes and the linker give a function's name to another function, with and
//! without telling, and handles, owners and reports know which is which.

mod common;

use common::{definitions, machine, module};
use martlet_ir::kind::Function;
use martlet_ir::{Error, Fate, Module, OwnedFunction, Stale, Tracking, Weak, What};

fn handles(module: &mut Module, name: &str) -> (Weak<Function>, Tracking<Function>) {
    module.edit(|e| {
        let function = e.module().get_function(name).unwrap();
        (e.weak(function), e.tracking(function))
    })
}

fn has_function(module: &Module, name: &str) -> bool {
    module.read(|e| e.module().get_function(name).is_some())
}

/// Drops `f` while `user` calls it, runs a pass that rebuilds it under its own name, and lets the
/// user go.
fn rebuilt_without_telling(text: &str, pipeline: &str, pass: &str) {
    let mut module = module(text);
    let (f, user) = (module.own("f").unwrap(), module.own("user").unwrap());
    let (weak, tracking) = handles(&mut module, "f");
    let id = f.id();
    drop(f);
    assert_eq!(module.collect().refused.len(), 1);
    module.run_passes(pipeline, &machine()).unwrap();
    assert!(has_function(&module, "f"), "{module}");
    for stale in [weak.get(&module), tracking.get(&module)].map(Result::unwrap_err) {
        let Stale::Gone { event, .. } = stale else {
            panic!("{stale}")
        };
        assert_eq!(event.what, What::Deleted);
        assert_eq!(event.pass.as_deref(), Some(pass));
    }
    let report = module.collect();
    assert_eq!((report.vanished, report.refused), (vec![id], vec![]));
    assert!(has_function(&module, "f"), "`user` calls it");
    drop(user);
    // What the pass made of `f` goes with its user, though nobody ever knew its id.
    assert_eq!(module.collect().erased.len(), 1);
    assert_eq!(module.function_count(), 0, "{module}");
}

#[test]
fn deadargelim_rebuilds_under_the_same_name() {
    rebuilt_without_telling(
        "define i64 @f(i64 %n, i64 %unused) noinline { ret i64 %n }
         define i64 @user(i64 %n) { %r = call i64 @f(i64 %n, i64 1) ret i64 %r }",
        "deadargelim",
        "DeadArgumentEliminationPass",
    );
}

#[test]
fn argpromotion_rebuilds_under_the_same_name() {
    rebuilt_without_telling(
        "define i64 @f(ptr %p) noinline { %r = load i64, ptr %p ret i64 %r }
         define i64 @user(i64 %n) {
           %p = alloca i64
           store i64 %n, ptr %p
           %r = call i64 @f(ptr %p)
           ret i64 %r
         }",
        "cgscc(argpromotion)",
        "ArgumentPromotionPass",
    );
}

#[test]
fn what_passes_may_have_narrowed_cannot_be_owned_again() {
    // Once rebuilt under the same name, once changed in place: `n` is always 1.
    for pipeline in ["deadargelim", "ipsccp"] {
        let mut module = module(
            "define i64 @f(i64 %n, i64 %unused) noinline { ret i64 %n }
             define i64 @user(i64 %n) { %r = call i64 @f(i64 1, i64 1) ret i64 %r }",
        );
        let user = module.own("user").unwrap();
        let id = module.own("f").unwrap().id();
        module.collect();
        // Nothing has run yet.
        let again = module.own("f").unwrap();
        assert_eq!(again.id(), id);
        drop(again);
        module.collect();
        module.run_passes(pipeline, &machine()).unwrap();
        for _ in 0..2 {
            let refused = module.own("f").map(|_| ());
            assert_eq!(refused, Err(Error::Narrowed("f".into())));
            module.collect();
        }
        drop(user);
        module.collect();
        assert_eq!(module.function_count(), 0);
    }
}

#[test]
fn attributor_replaces_by_a_function_of_another_type() {
    let mut module = module(
        "define internal i64 @f(i64 %n, i64 %unused) noinline norecurse {
           %r = mul i64 %n, %n
           ret i64 %r
         }
         define i64 @user(i64 %n) { %r = call i64 @f(i64 %n, i64 1) ret i64 %r }",
    );
    let (weak, tracking) = handles(&mut module, "f");
    let report = module.run_passes("attributor", &machine()).unwrap();
    assert!(module.to_string().contains("@f(i64"), "{module}");
    let stale = tracking.get(&module).unwrap_err();
    let Stale::Gone { event, .. } = &stale else {
        panic!("{stale}")
    };
    assert_eq!(event.what, What::ReplacedByOtherType);
    assert_eq!(event.pass.as_deref(), Some("AttributorPass"));
    assert!(
        stale.to_string().contains("a value of another type"),
        "{stale}"
    );
    assert!(matches!(tracking.fate(&report), Some(Fate::Deleted(_))));
    // One that stays with its value hears of both.
    let stale = weak.get(&module).unwrap_err();
    let Stale::Gone { event, .. } = &stale else {
        panic!("{stale}")
    };
    assert_eq!(event.what, What::Deleted);
}

#[test]
fn mergefunc_makes_thunks_of_external_functions() {
    let twin = |name: &str| {
        format!(
            "define i64 @{name}(ptr %p, i64 %n) {{ %a = mul i64 %n, 31 store i64 %a, ptr %p
               %b = add i64 %a, 5 store i64 %b, ptr %p %c = mul i64 %b, %a ret i64 %c }}"
        )
    };
    let mut module = module(&(twin("a") + &twin("b")));
    let owned = ["a", "b"].map(|name| module.own(name).unwrap());
    let handles = ["a", "b"].map(|name| handles(&mut module, name));
    let report = module.run_passes("mergefunc", &machine()).unwrap();
    let merged = handles
        .iter()
        .position(|(weak, _)| !weak.is_alive())
        .unwrap();
    let (name, (weak, tracking)) = (["a", "b"][merged], &handles[merged]);
    // The old function is gone, and who followed has the thunk, which has its name.
    let stale = weak.get(&module).unwrap_err().to_string();
    let expected = format!("deleted, after it was replaced by `{name}`, during run_passes");
    assert!(stale.contains(&expected), "{stale}");
    assert!(matches!(weak.fate(&report), Some(Fate::Deleted(_))));
    for fate in [report.fate(owned[merged].id()), tracking.fate(&report)] {
        let Some(Fate::Replaced(event)) = fate else {
            panic!("{fate:?}")
        };
        assert_eq!(event.pass.as_deref(), Some("MergeFunctionsPass"));
    }
    let thunk = owned[merged].get(&module).unwrap();
    assert_eq!(tracking.get(&module), Ok(thunk));
    assert_eq!(thunk.get_name().to_str(), Ok(name));
    // It has one identity, however it is asked for.
    let id = owned[merged].id();
    assert_eq!(module.own(name).unwrap().id(), id);
    drop(owned);
    assert_eq!(module.collect().erased.len(), 2);
    assert_eq!(module.function_count(), 0);
}

#[test]
fn linking_a_definition_replaces_the_declaration() {
    let mut here = module(
        "declare i64 @f(i64)
         define i64 @user(i64 %n) { %r = call i64 @f(i64 %n) ret i64 %r }",
    );
    let there = module("define linkonce_odr i64 @f(i64 %n) { %r = add i64 %n, 1 ret i64 %r }");
    let f = here.own("f").unwrap();
    let (weak, tracking) = handles(&mut here, "f");
    here.link(&there).unwrap();
    here.verify().unwrap();
    assert_eq!(f.get(&here).unwrap().count_basic_blocks(), 1);
    assert_eq!(tracking.get(&here), f.get(&here));
    let stale = weak.get(&here).unwrap_err().to_string();
    assert!(stale.contains("during link `test`"), "{stale}");
    // Held: external, also what came as something else.
    assert!(here.to_string().contains("define i64 @f"), "{here}");
    assert_eq!(here.own("f").unwrap().id(), f.id());
    // The other module is as it was.
    assert_eq!(definitions(&there), ["f"]);
}

#[test]
fn a_link_conflict_loses_nothing() {
    let flag =
        |value: u32| format!("!llvm.module.flags = !{{!0}} !0 = !{{i32 1, !\"x\", i32 {value}}}");
    let f = "define i64 @f() { ret i64 1 }\n";
    let others = [
        (
            String::from("define i64 @g() { ret i64 3 }\n") + f,
            "symbol multiply defined",
        ),
        // LLVM notices this one only when everything has been moved over.
        (
            String::from("define i64 @g() { ret i64 3 }\n") + &flag(2),
            "conflicting values",
        ),
    ];
    for (other, reason) in others {
        let mut here = module(&(String::from(f) + &flag(1)));
        let held = here.own("f").unwrap();
        let (weak, _) = handles(&mut here, "f");
        let before = here.to_string();
        let there = module(&other);
        let there_before = there.to_string();
        let error = here.link(&there).unwrap_err();
        assert!(matches!(error, Error::Link { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(here.to_string(), before);
        assert_eq!(there.to_string(), there_before);
        assert!(held.get(&here).is_ok() && weak.get(&here).is_ok());
        // Still usable.
        here.link(&module("define i64 @h() { ret i64 4 }")).unwrap();
        here.run_passes("default<O2>", &machine()).unwrap();
        here.verify().unwrap();
        assert_eq!(definitions(&here), ["f", "h"]);
    }
}

/// Replaces every use of one function by another, as its owner may.
fn replace(module: &mut Module, old: &str, new: &str) {
    module.edit(|e| {
        let function = |name| e.module().get_function(name).unwrap();
        function(old).replace_all_uses_with(function(new));
    });
}

#[test]
fn two_identities_can_become_one_function() {
    let text = "define i64 @f() { ret i64 1 }
                define i64 @g() { ret i64 2 }
                define i64 @user() { %r = call i64 @f() ret i64 %r }";
    let own = |module: &mut Module| ["f", "g", "user"].map(|name| module.own(name).unwrap());
    let name = |module: &Module, function: &OwnedFunction| {
        function
            .get(module)
            .unwrap()
            .get_name()
            .to_string_lossy()
            .into_owned()
    };

    // Both are held: either keeps it.
    for first in [0, 1] {
        let mut module = module(text);
        let [f, g, user] = own(&mut module);
        replace(&mut module, "f", "g");
        assert_eq!(
            (name(&module, &f), name(&module, &g)),
            ("g".into(), "g".into())
        );
        let mut both = vec![f, g];
        let gone = both.remove(first);
        let id = gone.id();
        drop(gone);
        assert_eq!(module.collect().vanished, [id]);
        assert!(module.to_string().contains("define i64 @g"), "{module}");
        assert_eq!(name(&module, &both[0]), "g");
        assert_eq!(module.own("g").unwrap().id(), both[0].id());
        drop((both, user));
        assert_eq!(module.collect().erased.len(), 2);
        // What was replaced by hand is left to whoever did it.
        assert_eq!(definitions(&module), ["f"]);
    }

    // A dying function does not take hold of what replaces it.
    let mut module = module(text);
    let [f, g, user] = own(&mut module);
    let id = f.id();
    drop(f);
    assert_eq!(module.collect().refused.len(), 1);
    replace(&mut module, "f", "g");
    assert_eq!(module.collect().erased, [id]);
    assert!(g.get(&module).is_ok() && user.get(&module).is_ok());
    assert_eq!(definitions(&module), ["g", "user"]);
}

#[test]
fn text_is_taken_in_whole_or_not_at_all() {
    let mut here = module("declare i64 @g() define i64 @f() { %1 = call i64 @g() ret i64 %1 }");
    let g = here.own("g").unwrap();
    here.add("declare i64 @f() define i64 @g() { ret i64 3 } define i64 @h() { %1 = call i64 @f() ret i64 %1 }")
        .unwrap();
    // The declaration that is owned has become the definition.
    assert_eq!(g.get(&here).unwrap().count_basic_blocks(), 1);
    let before = here.to_string();
    let refused = [
        (
            "define i64 @new() { ret i64 1 } define i64 @g() { ret i64 4 }",
            "g",
        ),
        (
            "define i64 @new() { ret i64 1 } !llvm.module.flags = !{!0} !0 = !{i32 1, !\"x\", i32 1}",
            "metadata",
        ),
        (
            "define i64 @new() { ret i64 1 } @other = alias i64 (), ptr @new",
            "alias",
        ),
        (
            "define i64 @new() { ret i64 1 } module asm \"nop\"",
            "assembly",
        ),
        (
            "define i64 @new() { ret i64 1 } @llvm.used = appending global [1 x ptr] [ptr @new], section \"llvm.metadata\"",
            "append",
        ),
        (
            "define i64 @new() { %1 = call i64 @nobody() ret i64 %1 }",
            "nobody",
        ),
        (
            "define i64 @new() { %2 = add i64 1, %3 %3 = add i64 1, %2 ret i64 %3 }",
            "dominate",
        ),
    ];
    for (text, what) in refused {
        let error = here.add(text).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert_eq!(here.to_string(), before, "{text}");
    }
    here.verify().unwrap();
    // Nothing is left that would be reported later.
    here.run_passes("globaldce", &machine()).unwrap();
}
