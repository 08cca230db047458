//! What passes do to a function that nobody holds, by its linkage, from runs against the linked LLVM.
//!
//! The table is part of the documentation (`PASSES.md`). When LLVM changes, this test fails;
//! `UPDATE_EXPECT=1 cargo test -p martlet-ir --test pass_table` writes the table anew.

mod common;

use common::{machine, module};
use expect_test::expect_file;
use martlet_ir::inkwell::targets::TargetMachine;
use martlet_ir::kind::Function;
use martlet_ir::{Fate, Tracking, Weak, What};
use std::fmt::Write;

const PIPELINES: [&str; 11] = [
    "globaldce",
    "globalopt",
    "mergefunc",
    "deadargelim",
    "cgscc(argpromotion)",
    "cgscc(inline)",
    "attributor",
    "hotcoldsplit",
    "default<O1>",
    "default<O2>",
    "default<O3>",
];

const LINKAGES: [&str; 6] = [
    "external",
    "weak",
    "linkonce_odr",
    "internal",
    "private",
    "available_externally",
];

const LISTS: [&str; 3] = ["", "llvm.used", "llvm.compiler.used"];

/// A situation that `@f` is in: what it is, its definition after the linkage, and the rest.
const SITUATIONS: [(&str, &str, &str); 7] = [
    ("Nobody uses it", "i64 @f(i64 %n) { ret i64 %n }", ""),
    (
        "It is small, and called",
        "i64 @f(i64 %n) { %r = add i64 %n, 1 ret i64 %r }",
        "define i64 @user(i64 %n) { %r = call i64 @f(i64 %n) ret i64 %r }",
    ),
    (
        "It is called, and must not be inlined",
        "i64 @f(i64 %n) noinline { %r = call i64 @other(i64 %n) ret i64 %r }",
        "declare i64 @other(i64)
         define i64 @user(i64 %n) { %r = call i64 @f(i64 %n) ret i64 %r }",
    ),
    (
        "It has an identical twin",
        "i64 @f(ptr %p, i64 %n) noinline {
           %a = mul i64 %n, 31 store i64 %a, ptr %p
           %b = add i64 %a, 5 store i64 %b, ptr %p
           %c = mul i64 %b, %a ret i64 %c
         }",
        "define i64 @a_twin(ptr %p, i64 %n) noinline {
           %a = mul i64 %n, 31 store i64 %a, ptr %p
           %b = add i64 %a, 5 store i64 %b, ptr %p
           %c = mul i64 %b, %a ret i64 %c
         }
         define i64 @user(ptr %p, i64 %n) {
           %a = call i64 @a_twin(ptr %p, i64 %n)
           %b = call i64 @f(ptr %p, i64 %a)
           ret i64 %b
         }",
    ),
    (
        "It only loads through a pointer argument",
        "i64 @f(ptr %p) noinline { %l = load i64, ptr %p %r = call i64 @other(i64 %l) ret i64 %r }",
        "declare i64 @other(i64)
         define i64 @user(i64 %n) {
           %p = alloca i64
           store i64 %n, ptr %p
           %r = call i64 @f(ptr %p)
           ret i64 %r
         }",
    ),
    (
        "It has an argument that it does not use",
        "i64 @f(i64 %n, i64 %unused) noinline { %r = call i64 @other(i64 %n) ret i64 %r }",
        "declare i64 @other(i64)
         define i64 @user(i64 %n, i64 %m) { %r = call i64 @f(i64 %n, i64 %m) ret i64 %r }",
    ),
    (
        "It has a cold part",
        "i64 @f(i64 %n, ptr %p) {
         entry:
           %is_odd = trunc i64 %n to i1
           br i1 %is_odd, label %cold, label %end
         cold:
           %a = call i64 @other(i64 %n) cold
           %b = mul i64 %a, 31
           store i64 %b, ptr %p
           %c = call i64 @other(i64 %b) cold
           store i64 %c, ptr %p
           %d = call i64 @other(i64 %c) cold
           store i64 %d, ptr %p
           %e = call i64 @other(i64 %d) cold
           store i64 %e, ptr %p
           br label %end
         end:
           ret i64 %n
         }",
        "declare i64 @other(i64) cold
         define i64 @user(i64 %n, ptr %p) { %r = call i64 @f(i64 %n, ptr %p) ret i64 %r }",
    ),
];

fn fate(
    machine: &TargetMachine,
    pipeline: &str,
    linkage: &str,
    list: &str,
    (_, f, others): (&str, &str, &str),
) -> &'static str {
    let list = match list {
        "" => String::new(),
        list => {
            format!("@{list} = appending global [1 x ptr] [ptr @f], section \"llvm.metadata\"\n")
        }
    };
    let mut module = module(&format!("{list} {others}\n define {linkage} {f}"));
    let (weak, tracking): (Weak<Function>, Tracking<Function>) = module.edit(|e| {
        let f = e.module().get_function("f").unwrap();
        (e.weak(f), e.tracking(f))
    });
    let report = module.run_passes(pipeline, machine).unwrap();
    module.verify().unwrap();
    let replaced = tracking.last_event().map(|event| event.what);
    match weak.fate(&report) {
        Some(Fate::Deleted(event)) => match replaced {
            Some(What::Replaced) => "**replaced**",
            Some(What::ReplacedByOtherType) => "**replaced by another type**",
            _ if event.by.is_some() => "**replaced**",
            _ if module.read(|e| e.module().get_function("f").is_some()) => "**rebuilt**",
            _ => "**deleted**",
        },
        Some(Fate::Kept) => "kept",
        Some(Fate::BodyChanged { .. } | Fate::InterfaceChanged { .. })
            if weak.get(&module).unwrap().count_basic_blocks() == 0 =>
        {
            "**declared**"
        }
        Some(Fate::BodyChanged { .. }) => "body",
        Some(Fate::InterfaceChanged { .. }) => "interface",
        fate => panic!("{fate:?}"),
    }
}

/// One word where the used lists make no difference, otherwise without / with either of them.
fn cell(fates: [&'static str; 3]) -> String {
    let [plain, used, compiler_used] = fates;
    if used == compiler_used {
        if plain == used {
            return plain.to_owned();
        }
        return format!("{plain} / {used}");
    }
    format!("{plain} / {used} / {compiler_used}")
}

#[test]
fn pass_table_is_current() {
    let machine = machine();
    let mut text = String::from(
        "## What passes do to a function that nobody holds\n\n\
         From runs of LLVM 22, over one function in seven situations. Kept: as it was. Body, interface: \
         changed in place (interface: attributes, calling convention, linkage). Declared: the body is \
         gone. Deleted: the function is gone. Rebuilt: gone, and another function has its name, of which \
         nobody was told. Replaced: gone, and its uses go to another function, of the same type unless \
         said otherwise. Where `llvm.used` and `llvm.compiler.used` make a difference, what happens on \
         these lists stands behind a slash. Passes that left all as it was are left out.\n",
    );
    for situation in SITUATIONS {
        writeln!(
            text,
            "\n{}:\n\n| pass | {} |",
            situation.0,
            LINKAGES.join(" | ")
        )
        .unwrap();
        writeln!(text, "|---{}|", "|---".repeat(LINKAGES.len())).unwrap();
        for pipeline in PIPELINES {
            let row = LINKAGES.map(|linkage| {
                cell(LISTS.map(|list| {
                    let linkage = if linkage == "external" { "" } else { linkage };
                    fate(&machine, pipeline, linkage, list, situation)
                }))
            });
            if row.iter().any(|cell| cell != "kept") {
                writeln!(text, "| `{pipeline}` | {} |", row.join(" | ")).unwrap();
            }
        }
    }
    expect_file!["../PASSES.md"].assert_eq(&text);
}
