//! Text in, text out.

use super::run;
use crate::hir::Func;
use expect_test::{Expect, expect};

fn check(text: &str, expect: Expect) {
    let mut func: Func = text.parse().unwrap_or_else(|error| panic!("{error}"));
    run(&mut func);
    crate::passes::ownership::check(&func).unwrap_or_else(|error| panic!("{error}\n{func}"));
    let text = func.to_string();
    let body = text.split("states:").next().unwrap_or_default();
    expect.assert_eq(body);
}

#[test]
fn a_lent_operand_survives_what_runs_code() {
    check(
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: obj any = load_local(1)
  v2: obj any = call.martlet_get_item v0, v1
  checked bb1, bb2
bb1 @9:
  return v2
bb2 @9 cold:
  raise fs0
states:
  fs0: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              inc_ref v0
              v1: obj any = load_local(1)
              inc_ref v1
              v2: obj any = call.martlet_get_item v0, v1
              checked bb1, bb2
            bb2 @9 cold:
              raise fs0 drops v0, v1
            bb1 @9:
              dec_ref v0
              dec_ref v1
              return v2
        "#]],
    );
}

#[test]
fn a_lent_operand_of_plain_arithmetic_costs_nothing() {
    check(
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: obj int = guard_kind(int) v0 [fs0]
  v2: i64 int = unbox_int v1 [fs0]
  v3: obj int = box_int v2
  checked bb1, bb2
bb1 @9:
  store_local(1, any|null) v3
  v4: obj none = const(o0)
  return v4
bb2 @9 cold:
  raise fs0
states:
  fs0: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              v1: obj int = guard_kind(int) v0 [fs0]
              v2: i64 int = unbox_int v1 [fs0]
              v3: obj int = box_int v2
              checked bb1, bb2
            bb2 @9 cold:
              raise fs0
            bb1 @9:
              store_local(1, any|null) v3
              v4: obj none = const(o0)
              return v4
        "#]],
    );
}

#[test]
fn an_unpacked_tuple_dies_before_its_items() {
    check(
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: obj any = call.martlet_get_item v0, v0
  checked bb1, bb2
bb1 @9:
  v2: obj tuple = guard_kind(tuple) v1 [fs0]
  v3: i64 int = int(0)
  v4: obj any = tuple_item v2, v3
  v5: i64 int = int(1)
  v6: obj any = tuple_item v2, v5
  drop v2
  store_local(1, any|null) v4
  store_local(2, any|null) v6
  v7: obj any = load_local(1)
  return v7
bb2 @9 cold:
  raise fs1
states:
  fs0: code 0 at 2 locals [] stack [v1]
  fs1: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              inc_ref v0
              v1: obj any = call.martlet_get_item v0, v0
              checked bb1, bb2
            bb2 @9 cold:
              raise fs1 drops v0
            bb1 @9:
              dec_ref v0
              v2: obj tuple = guard_kind(tuple) v1 [fs0 owned v1]
              v3: i64 int = int(0)
              v4: obj any = tuple_item v2, v3
              inc_ref v4
              v5: i64 int = int(1)
              v6: obj any = tuple_item v2, v5
              inc_ref v6
              dec_ref v2
              store_local(1, any|null) v4
              store_local(2, any|null) v6
              v7: obj any = load_local(1)
              inc_ref v7
              return v7
        "#]],
    );
}

#[test]
fn what_is_stored_is_handed_over_once() {
    check(
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: i64 int = int(7)
  v1: obj int = box_int v0
  checked bb1, bb2
bb1 @1:
  store_local(0, any|null) v1
  store_local(1, any|null) v1
  v2: obj str = const(o1)
  store_local(2, any|null) v2
  v3: obj none = const(o0)
  v4: obj tuple = call.martlet_build_tuple v3, v1, v1
  checked bb3, bb2
bb3 @2:
  return v4
bb2 @1 cold:
  raise fs0
states:
  fs0: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: i64 int = int(7)
              v1: obj int = box_int v0
              checked bb1, bb4
            bb4 @1 cold:
              raise fs0
            bb1 @1:
              inc_ref v1
              store_local(0, any|null) v1
              inc_ref v1
              store_local(1, any|null) v1
              v2: obj str = const(o1)
              inc_ref v2
              store_local(2, any|null) v2
              v3: obj none = const(o0)
              inc_ref v1
              v4: obj tuple = call.martlet_build_tuple v3, v1, v1
              checked bb3, bb5
            bb5 @1 cold:
              raise fs0
            bb3 @2:
              return v4
        "#]],
    );
}

#[test]
fn an_iterator_goes_round_its_loop_without_counting() {
    check(
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: obj any = call.martlet_get_iter v0
  checked bb1, bb2
bb1 @1:
  jump bb3(v1)
bb2 @1 cold:
  raise fs0
bb3(v2: obj any) @2:
  v3: obj any|null = call.martlet_iter_next v2
  v4: i1 bool = is_null v3
  branch v4, bb4, bb5
bb4 @3:
  drop v2
  v5: obj none = const(o0)
  return v5
bb5 @2:
  v6: obj any = guard_not_null v3 [fs1]
  check_valid [fs2]
  store_local(1, any|null) v6
  jump bb3(v2)
states:
  fs0: code 0 at 1 locals [] stack []
  fs1: code 0 at 2 locals [] stack [v2]
  fs2: code 0 at 2 locals [] stack [v2, v6]
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              inc_ref v0
              v1: obj any = call.martlet_get_iter v0
              checked bb1, bb2
            bb2 @1 cold:
              raise fs0 drops v0
            bb1 @1:
              dec_ref v0
              jump bb3(v1)
            bb3(v2: obj any) @2:
              v3: obj any|null = call.martlet_iter_next v2
              v4: i1 bool = is_null v3
              branch v4, bb4, bb5
            bb5 @2:
              v6: obj any = guard_not_null v3 [fs1 owned v2 drops v3]
              check_valid [fs2 owned v2, v3]
              store_local(1, any|null) v6
              jump bb3(v2)
            bb4 @3:
              dec_ref v3
              dec_ref v2
              v5: obj none = const(o0)
              return v5
        "#]],
    );
}

#[test]
fn a_lent_item_is_kept_only_over_what_may_release_it() {
    check(
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj list = load_local(0)
  v1: i64 int = int(0)
  v2: obj any = list_item v0, v1
  v3: obj any = list_item v0, v1
  v4: obj int = guard_kind(int) v2 [fs0]
  list_store v0, v1, v2
  v5: i1 bool = same v3, v3
  branch v5, bb1, bb2
bb1 @1:
  v6: obj none = const(o0)
  return v6
bb2 @1:
  return v3
states:
  fs0: code 0 at 1 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj list = load_local(0)
              v1: i64 int = int(0)
              v2: obj any = list_item v0, v1
              v3: obj any = list_item v0, v1
              inc_ref v3
              v4: obj int = guard_kind(int) v2 [fs0 drops v3]
              inc_ref v2
              list_store v0, v1, v2
              v5: i1 bool = same v3, v3
              branch v5, bb1, bb2
            bb2 @1:
              return v3
            bb1 @1:
              dec_ref v3
              v6: obj none = const(o0)
              return v6
        "#]],
    );
}

#[test]
fn of_what_is_let_go_of_together_only_references_that_are_held_are_asked_about() {
    check(
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: obj any = take_stack(0)
  v3: obj any = take_stack(1)
  v2: obj list = guard_kind(list) v1 [fs0]
  v4: i1 bool = release_quiet v0, v1, v3, v2
  guard(true) v4 [fs0]
  v5: i1 bool = outlives v0
  guard(true) v5 [fs0]
  v6: obj none = const(o0)
  return v6
states:
  fs0: code 0 at 2 locals [] stack [v1, v3]
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              v1: obj any = take_stack(0)
              v3: obj any = take_stack(1)
              v2: obj list = guard_kind(list) v1 [fs0 owned v1, v3]
              v4: i1 bool = release_quiet v1, v3
              guard(true) v4 [fs0 owned v1, v3]
              v5: i1 bool = bool(true)
              guard(true) v5 [fs0 owned v1, v3]
              dec_ref v2
              dec_ref v3
              v6: obj none = const(o0)
              return v6
        "#]],
    );
}
