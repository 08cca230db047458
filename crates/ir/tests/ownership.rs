//! Linkage follows references; what nobody owns is erased, cycles and all, or it is said why not.

mod common;

use common::{definitions, machine, module};
use martlet_ir::{CollectReport, Fate, OwnedFunction, Refusal};

#[test]
fn linkage_follows_references() {
    let mut module = module("define i64 @f(i64 %unused) { ret i64 1 }");
    let machine = machine();
    let share = module.own("f").unwrap();
    let other_share = share.clone();
    drop(share);

    // Held: no pass deletes it or changes its signature.
    let report = module
        .run_passes("globaldce,deadargelim,default<O2>", &machine)
        .unwrap();
    assert!(matches!(
        report.fate(other_share.id()),
        Some(Fate::Kept | Fate::InterfaceChanged { .. })
    ));
    assert_eq!(other_share.get(&module).unwrap().count_params(), 1);

    // Dropped, and still used by someone outside: internal, and the user is named.
    module.edit(|e| {
        let void_fn = e.context().void_type().fn_type(&[], false);
        let user = e.module().add_function("user", void_fn, None);
        let builder = e.context().create_builder();
        builder.position_at_end(e.context().append_basic_block(user, "entry"));
        let f = e.module().get_function("f").unwrap();
        let one = e.context().i64_type().const_int(1, false);
        builder.build_call(f, &[one.into()], "").unwrap();
        builder.build_return(None).unwrap();
    });
    let id = other_share.id();
    drop(other_share);
    let report = module.collect();
    assert_eq!(report.refused, [(id, Refusal::LiveUser("user".into()))]);
    assert!(module.to_string().contains("define internal"));

    // The user goes, and it with it.
    let user = module.own("user").unwrap();
    drop(user);
    assert_eq!(module.collect().erased.len(), 2);
    assert_eq!(module.function_count(), 0);
}

/// Passes that delete functions, put others in their place, merge them, or change their parameters.
const PIPELINES: [&str; 16] = [
    "globaldce",
    "strip-dead-prototypes",
    "deadargelim",
    "cgscc(argpromotion)",
    "mergefunc",
    "ipsccp",
    "globalopt",
    "called-value-propagation",
    "cgscc(inline)",
    "hotcoldsplit",
    "partial-inliner",
    "attributor",
    "default<O1>",
    "default<O2>",
    "default<O3>",
    "default<Os>",
];

#[test]
fn any_pass_over_the_library() {
    const TEXT: &str = "
        define i64 @twin(i64 %n) { %a = mul i64 %n, 7 %b = add i64 %a, 3 %c = xor i64 %b, %n ret i64 %c }
        define i64 @other_twin(i64 %n) { %a = mul i64 %n, 7 %b = add i64 %a, 3 %c = xor i64 %b, %n ret i64 %c }
        define i64 @unused_parameter(i64 %n, i64 %unused) { %r = call i64 @twin(i64 %n) ret i64 %r }
        define i64 @reads(ptr %p) { %r = load i64, ptr %p ret i64 %r }
        define i64 @calls_all(i64 %n, ptr %p) {
          %a = call i64 @other_twin(i64 %n)
          %b = call i64 @unused_parameter(i64 %a, i64 1)
          %c = call i64 @reads(ptr %p)
          %d = call i64 @nobody_holds(i64 %c, ptr %p)
          %r = add i64 %b, %d
          ret i64 %r
        }
        define internal i64 @nobody_holds(i64 %n, ptr %p) { %l = load i64, ptr %p %r = add i64 %l, %n ret i64 %r }";
    let held = [
        ("twin", 1),
        ("other_twin", 1),
        ("unused_parameter", 2),
        ("reads", 1),
        ("calls_all", 2),
    ];
    let machine = machine();
    for pipeline in PIPELINES {
        let mut module = module(TEXT);
        let shares = held.map(|(name, n_params)| (module.own(name).unwrap(), name, n_params));
        for round in 0..2 {
            module.run_passes(pipeline, &machine).unwrap();
            module.verify().unwrap();
            for (share, name, n_params) in &shares {
                let function = share.get(&module).unwrap();
                assert_eq!(
                    function.get_name().to_str(),
                    Ok(*name),
                    "{pipeline}, {round}"
                );
                assert_eq!(function.count_params(), *n_params, "{pipeline}, {round}");
                assert!(function.count_basic_blocks() > 0, "{pipeline}, {round}");
            }
        }
        drop(shares);
        // What passes made of what nobody held goes with the next of them.
        module.collect();
        module.run_passes("globaldce", &machine).unwrap();
        assert_eq!(module.function_count(), 0, "{pipeline}: {module}");
        assert_eq!(module.memory_report().nodes, 0, "{pipeline}");
    }
}

#[test]
fn recursive_function_is_erased() {
    let mut module = module(
        "define i64 @self(i64 %n) { %r = call i64 @self(i64 %n) ret i64 %r }
         define i64 @even(i64 %n) { %r = call i64 @odd(i64 %n) ret i64 %r }
         define i64 @odd(i64 %n) { %r = call i64 @even(i64 %n) ret i64 %r }",
    );
    let shares: Vec<OwnedFunction> = ["self", "even", "odd"]
        .map(|name| module.own(name).unwrap())
        .into();
    assert_eq!(module.collect(), CollectReport::default());
    let odd_id = shares[2].id();
    let mut shares = shares.into_iter();
    drop(shares.next());
    drop(shares.next());
    // `odd` is held, and calls `even`.
    let report = module.collect();
    assert_eq!((report.erased.len(), report.refused.len()), (1, 1));
    assert_eq!(definitions(&module), ["even", "odd"]);
    drop(shares);
    let report = module.collect();
    assert_eq!(report.erased.len(), 2);
    assert!(report.erased.contains(&odd_id));
    assert_eq!(module.memory_report().nodes, 0);
}

#[test]
fn refusals_say_why_and_are_tried_again() {
    let mut module = module(
        "@llvm.used = appending global [1 x ptr] [ptr @listed], section \"llvm.metadata\"
         @pointer = global ptr @pointed
         @other_name = alias i64 (), ptr @aliased
         @place = global ptr blockaddress(@jumped, %there)
         define i64 @listed() { ret i64 1 }
         define i64 @pointed() { ret i64 1 }
         define i64 @aliased() { ret i64 1 }
         define i64 @jumped() { br label %there there: ret i64 1 }
         define i64 @jumps_inside(i64 %n) {
           %to = select i1 true, ptr blockaddress(@jumps_inside, %a), ptr blockaddress(@jumps_inside, %b)
           indirectbr ptr %to, [label %a, label %b]
         a: ret i64 1
         b: ret i64 2
         }
         define i64 @compares() { %e = icmp eq ptr @compares, null %r = zext i1 %e to i64 ret i64 %r }",
    );
    let names = [
        "listed",
        "pointed",
        "aliased",
        "jumped",
        "jumps_inside",
        "compares",
    ];
    let ids = names.map(|name| module.own(name).unwrap().id());
    let report = module.collect();
    let refusals = [
        Refusal::UsedList,
        Refusal::Variable("pointer".into()),
        Refusal::Alias("other_name".into()),
        Refusal::BlockAddress,
    ];
    assert_eq!(report.erased, [ids[4], ids[5]]);
    assert_eq!(
        report.refused,
        ids.into_iter().zip(refusals).collect::<Vec<_>>()
    );
    module.verify().unwrap();

    module.edit(|e| {
        let pointer = e.module().get_global("pointer").unwrap();
        pointer.set_initializer(&e.context().ptr_type(Default::default()).const_null());
    });
    let report = module.collect();
    assert_eq!((report.erased, report.refused.len()), (vec![ids[1]], 3));
    module.verify().unwrap();
}

#[test]
fn a_comdat_leader_waits_for_its_group() {
    let mut module = module(
        "$leader = comdat any
         $alone = comdat any
         @data = linkonce_odr global i64 0, comdat($leader)
         define linkonce_odr i64 @leader() comdat { ret i64 1 }
         define linkonce_odr i64 @follower() comdat($leader) { ret i64 2 }
         define linkonce_odr i64 @alone() comdat { ret i64 3 }",
    );
    let [leader, follower, alone] =
        ["leader", "follower", "alone"].map(|name| module.own(name).unwrap());
    let ids = [leader.id(), follower.id(), alone.id()];
    drop((leader, follower, alone));
    let report = module.collect();
    assert_eq!(report.erased, [ids[1], ids[2]]);
    assert_eq!(
        report.refused,
        [(ids[0], Refusal::ComdatLeader("data".into()))]
    );
    assert!(
        module
            .to_string()
            .contains("define i64 @leader() #0 comdat"),
        "{module}"
    );
    module.verify().unwrap();
    // The variable goes, and the leader with it.
    module.edit(|e| {
        let data = e.module().get_global("data").unwrap();
        // SAFETY: nobody uses it.
        unsafe { data.delete() };
    });
    assert_eq!(module.collect().erased, [ids[0]]);
    assert_eq!(module.function_count(), 0);
}

#[test]
fn ifuncs_and_dead_constants() {
    let mut module = module(
        "@indirect = ifunc i64 (), ptr @resolver
         define ptr @resolver() { ret ptr null }
         define i64 @folded() { ret i64 1 }",
    );
    // A constant expression that nothing uses any more is no user.
    module.edit(|e| {
        let folded = e.module().get_function("folded").unwrap();
        let pointer = folded.as_global_value().as_pointer_value();
        let _ = pointer.const_to_int(e.context().i64_type());
    });
    let ids = ["resolver", "folded"].map(|name| module.own(name).unwrap().id());
    let report = module.collect();
    assert_eq!(report.erased, [ids[1]]);
    assert_eq!(
        report.refused,
        [(ids[0], Refusal::Alias("indirect".into()))]
    );
    module.verify().unwrap();
}

#[test]
fn a_refused_function_goes_when_its_user_does() {
    let mut module = module(
        "define i64 @f() { ret i64 1 }
         define internal i64 @user() noinline { %r = call i64 @f() ret i64 %r }",
    );
    drop(module.own("f").unwrap());
    assert_eq!(module.collect().refused.len(), 1);
    // By a pass; the next operation tries again, without being asked.
    module.run_passes("globaldce", &machine()).unwrap();
    assert_eq!(
        module.memory_report().erased + module.memory_report().definitions as u64,
        0
    );
    assert_eq!(module.collect().vanished.len(), 1);

    let mut module = common::module(
        "define i64 @f() { ret i64 1 }
         define i64 @user() noinline { %r = call i64 @f() ret i64 %r }",
    );
    drop(module.own("f").unwrap());
    assert_eq!(module.collect().refused.len(), 1);
    module.edit(|e| {
        let user = e.module().get_function("user").unwrap();
        // SAFETY: nobody uses it.
        unsafe { user.delete() };
    });
    assert_eq!(module.function_count(), 1);
    module.edit(|_| ());
    assert_eq!(module.function_count(), 0);
}

#[test]
fn a_dying_function_can_be_owned_again() {
    let mut module = module(
        "define i64 @f() { ret i64 1 }
         define i64 @user() { %r = call i64 @f() ret i64 %r }",
    );
    let f = module.own("f").unwrap();
    let id = f.id();
    drop(f);
    assert_eq!(module.collect().refused.len(), 1);
    let again = module.own("f").unwrap();
    assert_eq!(again.id(), id);
    assert_eq!(module.collect(), CollectReport::default());
    assert!(module.to_string().contains("define i64 @f"));
    drop(module.own("user").unwrap());
    assert_eq!(module.collect().erased.len(), 1);
    assert!(again.get(&module).is_ok());
}

#[test]
fn a_pass_report_says_what_became_of_each() {
    let text = "
        define i64 @plain(i64 %n) { ret i64 %n }
        define i64 @folds(i64 %n) { %a = add i64 %n, 0 ret i64 %a }
        define i64 @twin_a(ptr %p, i64 %n) { %a = mul i64 %n, 31 store i64 %a, ptr %p
          %b = add i64 %a, 5 store i64 %b, ptr %p %c = mul i64 %b, %a ret i64 %c }
        define i64 @twin_b(ptr %p, i64 %n) { %a = mul i64 %n, 31 store i64 %a, ptr %p
          %b = add i64 %a, 5 store i64 %b, ptr %p %c = mul i64 %b, %a ret i64 %c }
        define i64 @attributes(ptr %p) { %r = load i64, ptr %p ret i64 %r }";
    let names = ["plain", "folds", "twin_a", "twin_b", "attributes"];
    let mut module = module(text);
    let held = names.map(|name| module.own(name).unwrap());
    let report = module
        .run_passes("function(instcombine),mergefunc", &machine())
        .unwrap();
    assert_eq!(report.fate(held[0].id()), Some(&Fate::Kept));
    let by = |pass: &str| vec![pass.to_owned()];
    assert_eq!(
        report.fate(held[1].id()),
        Some(&Fate::BodyChanged {
            by: by("InstCombinePass")
        })
    );
    let replaced = held
        .iter()
        .filter(|f| matches!(report.fate(f.id()), Some(Fate::Replaced(_))))
        .count();
    assert_eq!(replaced, 1, "{report:?}");
    assert_eq!(report.fate(held[4].id()), Some(&Fate::Kept));
    // The owner has the thunk that took its place.
    for function in &held {
        assert!(function.get(&module).is_ok());
    }
    let report = module
        .run_passes("cgscc(function-attrs)", &machine())
        .unwrap();
    assert_eq!(
        report.fate(held[4].id()),
        Some(&Fate::InterfaceChanged {
            by: by("PostOrderFunctionAttrsPass")
        })
    );
    module.verify().unwrap();
}

#[test]
fn how_a_call_calls_is_part_of_a_body() {
    let mut module = module(
        "declare i64 @other(i64)
         define i64 @f(i64 %n) { %r = call i64 @other(i64 %n) ret i64 %r }",
    );
    let f = module.own("f").unwrap();
    let report = module
        .run_passes("function(tailcallelim)", &machine())
        .unwrap();
    assert!(module.to_string().contains("tail call"), "{module}");
    let by = vec!["TailCallElimPass".to_owned()];
    assert_eq!(report.fate(f.id()), Some(&Fate::BodyChanged { by }));
}
