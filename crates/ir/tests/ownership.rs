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
        Some(Fate::Kept | Fate::InterfaceChanged)
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
