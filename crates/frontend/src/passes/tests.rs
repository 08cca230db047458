//! Text in, text out.

use super::{blocks, dce, gvn};
use crate::hir::Func;
use expect_test::{Expect, expect};

fn check(pass: fn(&mut Func), text: &str, expect: Expect) {
    let mut func: Func = text.parse().unwrap_or_else(|error| panic!("{error}"));
    pass(&mut func);
    expect.assert_eq(&func.to_string());
}

#[test]
fn a_value_is_guarded_and_unboxed_once() {
    check(
        gvn::run,
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: obj int = guard_kind(int) v0 [fs0]
  v2: i64 int = unbox_int v1 [fs0]
  v3: obj any = load_local(0)
  v4: obj int = guard_kind(int) v3 [fs0]
  v5: i64 int = unbox_int v4 [fs0]
  v6: i64 int = int_bin.mul v2, v5 [fs0]
  store_local(0, int) v4
  v7: obj int = load_local(0)
  return v7
states:
  fs0: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              v1: obj int = guard_kind(int) v0 [fs0]
              v2: i64 int = unbox_int v1 [fs0]
              v6: i64 int = int_bin.mul v2, v2 [fs0]
              store_local(0, int) v1
              v7: obj int = load_local(0)
              return v7
            states:
              fs0: code 0 at 2 locals [] stack []
        "#]],
    );
}

#[test]
fn running_code_ends_what_is_known_of_memory_and_not_of_exact_classes() {
    check(
        gvn::run,
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: obj list = guard_kind(list) v0 [fs0]
  v2: i64 int = load.list_len v1
  check_valid [fs0]
  v3: obj any = call.martlet_get_item v0, v0
  checked bb1, bb2
bb1 @9:
  check_valid [fs0]
  v4: obj list = guard_kind(list) v0 [fs0]
  v5: i64 int = load.list_len v4
  v6: i64 int = load.list_len v1
  v7: obj any = load_local(0)
  v8: i64 int = int_bin.add v5, v6 [fs0]
  check_valid [fs0]
  v9: i64 int = int_bin.add v8, v2 [fs0]
  return v7
bb2 @9 cold:
  raise fs0
states:
  fs0: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              v1: obj list = guard_kind(list) v0 [fs0]
              v2: i64 int = load.list_len v1
              check_valid [fs0]
              v3: obj any = call.martlet_get_item v0, v0
              checked bb1, bb2
            bb2 @9 cold:
              raise fs0
            bb1 @9:
              check_valid [fs0]
              v5: i64 int = load.list_len v1
              v7: obj any = load_local(0)
              v8: i64 int = int_bin.add v5, v5 [fs0]
              v9: i64 int = int_bin.add v8, v2 [fs0]
              return v7
            states:
              fs0: code 0 at 2 locals [] stack []
        "#]],
    );
}

#[test]
fn memory_that_a_loop_does_not_write_is_read_once() {
    check(
        gvn::run,
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj list = load_local(0)
  v1: i64 int = load.list_len v0
  v2: obj any = load_local(1)
  v3: i64 int = int(0)
  jump bb1(v3)
bb1(v4: i64 int) @4:
  v5: obj list = load_local(0)
  v6: i64 int = load.list_len v5
  v7: i1 bool = int_cmp.lt v4, v6
  branch v7, bb2, bb3 likely
bb2 @6:
  v8: i64 int = load.list_len v0
  v9: i64 int = int_add_wrapping v4, v8
  v10: obj any = load_local(1)
  clear_local(1, int|null)
  jump bb1(v9)
bb3 @9:
  return v5
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj list = load_local(0)
              v1: i64 int = load.list_len v0
              v2: obj any = load_local(1)
              v3: i64 int = int(0)
              jump bb1(v3)
            bb1(v4: i64 int) @4:
              v7: i1 bool = int_cmp.lt v4, v1
              branch v7, bb2, bb3 likely
            bb3 @9:
              return v0
            bb2 @6:
              v9: i64 int = int_add_wrapping v4, v1
              v10: obj any = load_local(1)
              clear_local(1, null|int)
              jump bb1(v9)
        "#]],
    );
}

#[test]
fn a_box_that_only_a_state_names_is_not_made() {
    check(
        dce::run,
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  set_ip(0)
  set_ip(1)
  v0: i64 int = int(7)
  v1: obj int = box_int v0
  checked bb1, bb2
bb1 @4:
  v2: obj any = load_local(0)
  v3: obj any = load_local(1)
  v4: obj int = guard_kind(int) v2 [fs0]
  drop v1
  v5: obj any = call.martlet_get_item v2, v2
  checked bb3(v5, v0), bb2
bb2 @4:
  raise fs1
bb3(v6: obj any, v7: i64 int) @5:
  set_ip(9)
  return v6
states:
  fs0: code 0 at 2 locals [] stack [v1]
  fs1: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              set_ip(1)
              v0: i64 int = int(7)
              jump bb1
            bb1 @4:
              v2: obj any = load_local(0)
              v4: obj int = guard_kind(int) v2 [fs0]
              v5: obj any = call.martlet_get_item v2, v2
              checked bb3(v5), bb2
            bb2 @4:
              raise fs1
            bb3(v6: obj any) @5:
              return v6
            states:
              fs0: code 0 at 2 locals [] stack [v0]
              fs1: code 0 at 2 locals [] stack []
        "#]],
    );
}

#[test]
fn an_object_is_charged_to_where_the_frame_stands() {
    check(
        dce::run,
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  set_ip(1)
  set_ip(2)
  v1: obj list = call.martlet_build_list v0
  checked bb1, bb2
bb1 @4:
  set_ip(4)
  return v1
bb2 @4:
  raise fs0
states:
  fs0: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              set_ip(2)
              v1: obj list = call.martlet_build_list v0
              checked bb1, bb2
            bb2 @4:
              raise fs0
            bb1 @4:
              return v1
            states:
              fs0: code 0 at 2 locals [] stack []
        "#]],
    );
}

#[test]
fn blocks_are_threaded_and_merged() {
    check(
        blocks::run,
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: i64 int = int(7)
  v1: obj any = load_local(0)
  v2: i1 bool = bool(true)
  branch v2, bb1, bb5
bb1 @1:
  jump bb2(v0, v1)
bb2(v3: i64 int, v4: obj any) @2:
  v5: i1 bool = int_cmp.lt v3, v0
  branch v5, bb3, bb4
bb3 @3:
  v6: i64 int = int_add_wrapping v3, v0
  jump bb2(v6, v4)
bb4 @4:
  jump bb6
bb5 @5:
  return v1
bb6 @6:
  return v4
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: i64 int = int(7)
              v1: obj any = load_local(0)
              v2: i1 bool = bool(true)
              jump bb2(v0)
            bb2(v3: i64 int) @2:
              v5: i1 bool = int_cmp.lt v3, v0
              branch v5, bb3, bb6
            bb6 @6:
              return v1
            bb3 @3:
              v6: i64 int = int_add_wrapping v3, v0
              jump bb2(v6)
        "#]],
    );
}

#[test]
fn a_branch_that_another_has_decided_is_a_jump() {
    check(
        gvn::run,
        r#"
func "f" start entry bb0 bytecodes 3
bb0 @0:
  v0: obj any = load_local(0)
  v1: i64 int = int(131160)
  v2: i1 bool = call.martlet_has_class v0, v1
  branch v2, bb1, bb2
bb1 @2:
  v3: i1 bool = call.martlet_has_class v0, v1
  branch v3, bb3, bb4
bb2 @2:
  branch v2, bb3, bb4
bb3 @4:
  return v0
bb4 @6:
  branch v2, bb5, bb6
bb5 @8:
  return v0
bb6 @9:
  return v0
states:
  fs0: code 0 at 2 locals [] stack []
"#,
        expect![[r#"
            func "f" start entry bb0 bytecodes 3
            bb0 @0:
              v0: obj any = load_local(0)
              v1: i64 int = int(131160)
              v2: i1 bool = call.martlet_has_class v0, v1
              branch v2, bb1, bb2
            bb2 @2:
              jump bb4
            bb4 @6:
              branch v2, bb5, bb6
            bb6 @9:
              return v0
            bb5 @8:
              return v0
            bb1 @2:
              jump bb3
            bb3 @4:
              return v0
        "#]],
    );
}
