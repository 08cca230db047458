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
