//! A unit is copied into its context, or goes there by bitcode: either way it is the same.

mod common;

use common::{machine, module};
use martlet_ir::{Context, Module};

/// Extracts every function of a module both ways. Returns those that only bitcode carries over.
fn same_both_ways(module: &mut Module) -> Vec<String> {
    let mut by_bitcode = Vec::new();
    let names = common::definitions(module);
    let mut contexts = [Context::new(), Context::new()].map(Some);
    for name in &names {
        let Ok(function) = module.own(name) else {
            continue;
        };
        let Ok(bitcode) = module.extract_bitcode(&function, &[]) else {
            continue;
        };
        let [direct, read] = &mut contexts;
        let before = direct.as_ref().unwrap().bytes_read();
        let direct_unit = module.extract_into(&function, &[], direct.take().unwrap());
        let direct_unit = direct_unit.expect("it was extracted just now");
        let read_unit = bitcode.open(read.take().unwrap());
        let read_unit = read_unit.expect("LLVM reads what it wrote");
        direct_unit.module.verify().unwrap();
        let texts = [&direct_unit, &read_unit].map(|unit| unit.module.to_string());
        assert_eq!(texts[0], texts[1], "of `{name}`");
        let read_now = direct_unit.module.context().bytes_read() - before;
        if read_now == bitcode.as_bytes().len() as u64 {
            by_bitcode.push(name.clone());
        }
        *direct = Some(direct_unit.module.into_context());
        *read = Some(read_unit.module.into_context());
    }
    by_bitcode
}

const EVERYTHING: &str = r#"
    source_filename = "everything"
    target triple = "x86_64-unknown-linux-gnu"
    %pair = type { i64, %inner }
    %inner = type <{ i8, [3 x float], ptr }>
    %opaque = type opaque
    @table = private unnamed_addr constant [3 x i64] [i64 10, i64 -20, i64 30], align 16
    @text = private constant [4 x i8] c"abc\00"
    @names = private constant [2 x ptr] [ptr @text, ptr getelementptr inbounds (i8, ptr @text, i64 1)]
    @structure = external global %pair, section "here", align 32
    @thread = external thread_local(initialexec) global i32
    @counted = constant { i32, <2 x double>, i1 } { i32 7, <2 x double> <double 1.0, double 0x7FF8000000000000>, i1 true }
    @zeroes = external hidden global [100 x i8]

    declare void @callee(ptr sret(%inner), ptr byval(%pair) align 8, i64 range(i64 0, 10)) #0
    declare i32 @variadic(ptr, ...)
    declare { i64, i1 } @llvm.sadd.with.overflow.i64(i64, i64)
    declare <4 x i32> @llvm.smax.v4i32(<4 x i32>, <4 x i32>)
    declare void @initializes(ptr initializes((0, 8), (16, 24)))
    declare i32 @personality(...)
    declare void @llvm.assume(i1)
    declare i64 @llvm.read_register.i64(metadata)

    define internal i64 @static(i64 %n) { ret i64 %n }

    define noundef i64 @arithmetic(i64 %a, i64 noundef %b, double %x) #1 {
      %c = add nuw nsw i64 %a, %b
      %d = sdiv exact i64 %c, 3
      %e = or disjoint i64 %d, 8
      %f = fmul fast double %x, 2.5
      %g = fneg nnan double %f
      %h = fptosi double %g to i64
      %i = trunc i64 %h to i32
      %j = zext nneg i32 %i to i64
      %k = icmp samesign ult i64 %j, %e
      %l = fcmp reassoc olt double %g, 0x3FF3333333333333
      %m = select i1 %k, i1 %l, i1 false
      %n = select i1 %m, i64 %e, i64 undef
      %o = freeze i64 poison
      %p = xor i64 %n, %o
      %q = call i64 @static(i64 %p)
      ret i64 %q
    }

    define void @memory(ptr %p, ptr addrspace(1) %far, i32 %n) {
      %slot = alloca %pair, i32 %n, align 64
      %where = getelementptr inbounds nuw %pair, ptr %slot, i64 0, i32 1, i32 1, i64 2
      %old = load volatile float, ptr %where, align 4, !nontemporal !0
      store atomic i64 1, ptr %p seq_cst, align 8
      store i64 2, ptr addrspace(1) %far, align 1
      fence syncscope("singlethread") acq_rel
      %pair = cmpxchg weak ptr %p, i64 1, i64 2 acquire monotonic
      %was = extractvalue { i64, i1 } %pair, 0
      %new = insertvalue { i64, i1 } %pair, i64 %was, 0
      %max = atomicrmw volatile umax ptr %p, i64 %was syncscope("singlethread") release
      %t = load i32, ptr @thread, !range !1
      %local = load i64, ptr getelementptr (i8, ptr @table, i64 8), !invariant.load !2
      %s = load ptr, ptr @names, !own.kind !3
      call void @callee(ptr sret(%inner) %p, ptr byval(%pair) align 8 %slot, i64 %was) #0
      %v = call i32 (ptr, ...) @variadic(ptr @structure, i64 %local, ptr %s)
      tail call void @initializes(ptr @zeroes)
      ret void
    }

    define fastcc <4 x i32> @vectors(<4 x i32> %a, <vscale x 2 x i64> %s, ptr %names) {
      %b = shufflevector <4 x i32> %a, <4 x i32> zeroinitializer, <4 x i32> <i32 3, i32 poison, i32 5, i32 0>
      %c = extractelement <4 x i32> %b, i32 1
      %d = insertelement <4 x i32> %b, i32 %c, i64 2
      %e = call <4 x i32> @llvm.smax.v4i32(<4 x i32> %d, <4 x i32> <i32 1, i32 2, i32 3, i32 4>)
      %f = add <vscale x 2 x i64> %s, splat (i64 7)
      %g = add <4 x i32> %e, splat (i32 -1)
      ret <4 x i32> %g
    }

    define i64 @control(i64 %n, ptr %list) {
    entry:
      switch i64 %n, label %other [ i64 0, label %zero
                                    i64 1, label %loop
                                    i64 -5, label %loop ], !prof !4
    zero:
      ret i64 0
    loop:
      %i = phi i64 [ 0, %entry ], [ 0, %entry ], [ %next, %loop ]
      %sum = call { i64, i1 } @llvm.sadd.with.overflow.i64(i64 %i, i64 1)
      %next = extractvalue { i64, i1 } %sum, 0
      %over = extractvalue { i64, i1 } %sum, 1
      br i1 %over, label %other, label %loop, !prof !5
    other:
      %arg = va_arg ptr %list, i64
      %register = call i64 @llvm.read_register.i64(metadata !6)
      ret i64 %arg
    }

    define i64 @musttail(i64 %n) !prof !7 !type !11 !type !12 {
      %r = musttail call i64 @musttail(i64 %n)
      ret i64 %r
    }

    define weak_odr protected void @linkage() unnamed_addr section "cold" align 32 gc "shadow-stack" {
      unreachable
    }

    ; What only bitcode carries over.
    define i64 @invokes() personality ptr @personality {
      %r = invoke i64 @static(i64 1) to label %fine unwind label %bad
    fine:
      ret i64 %r
    bad:
      %pad = landingpad { ptr, i32 } cleanup
      resume { ptr, i32 } %pad
    }
    define void @bundles(i1 %c, ptr %p) {
      call void @llvm.assume(i1 true) [ "align"(ptr %p, i64 8) ]
      ret void
    }
    define i64 @assembly(i64 %n) {
      %r = call i64 asm sideeffect "mov $1, $0", "=r,r"(i64 %n)
      ret i64 %r
    }
    define void @loops() {
      br label %again
    again:
      br label %again, !llvm.loop !8
    }
    define void @scopes(ptr %p) {
      fence syncscope("agent") acquire
      ret void
    }
    define ptr @addresses() {
      br label %here
    here:
      ret ptr blockaddress(@addresses, %here)
    }

    attributes #0 = { nounwind memory(argmem: readwrite) "key"="value" allocsize(2) }
    attributes #1 = { mustprogress uwtable "frame-pointer"="all" vscale_range(1,16) }
    !llvm.module.flags = !{!9, !10}
    !some.name = !{!3}
    !0 = !{i32 1}
    !1 = !{i32 0, i32 100}
    !2 = !{}
    !3 = !{!"own", !2, i64 5, null}
    !4 = !{!"branch_weights", i32 1, i32 2, i32 3, i32 4}
    !5 = !{!"branch_weights", i32 1, i32 2000}
    !6 = !{!"rsp"}
    !7 = !{!"function_entry_count", i64 5}
    !8 = distinct !{!8}
    !9 = !{i32 1, !"wchar_size", i32 4}
    !10 = !{i32 7, !"PIC Level", i32 2}
    !11 = !{i64 0, !"one"}
    !12 = !{i64 0, !"two"}
"#;

#[test]
fn every_instruction_is_copied_as_bitcode_carries_it() {
    let mut module = module(EVERYTHING);
    let by_bitcode = same_both_ways(&mut module);
    let only = [
        "invokes",
        "bundles",
        "assembly",
        "loops",
        "scopes",
        "addresses",
    ];
    assert_eq!(by_bitcode, only);
}

#[test]
fn what_passes_make_is_copied_as_bitcode_carries_it() {
    for pipeline in [
        "default<O1>",
        "default<O2>",
        "function(loop-vectorize,slp-vectorizer)",
    ] {
        let mut module = module(EVERYTHING);
        module.run_passes(pipeline, &machine()).unwrap();
        same_both_ways(&mut module);
    }
}

#[test]
fn marks_of_assignments_stay_in_their_context() {
    // As clang has it with `-g -O2`: what makes room for a variable has no place in the source, but a mark
    // that the context has a table of.
    let mut module = module(
        r#"
        define i64 @f(i64 %n) !dbg !3 {
          %slot = alloca i64, align 8, !DIAssignID !6
            #dbg_assign(i1 poison, !7, !DIExpression(), !6, ptr %slot, !DIExpression(), !8)
          store i64 %n, ptr %slot, align 8
          %r = load i64, ptr %slot, align 8, !dbg !8
          ret i64 %r, !dbg !8
        }
        define i64 @bare(i64 %n) {
          %slot = alloca i64, align 8, !DIAssignID !10
          ret i64 %n
        }
        !llvm.dbg.cu = !{!0}
        !llvm.module.flags = !{!2}
        !0 = distinct !DICompileUnit(language: DW_LANG_C11, file: !1, emissionKind: FullDebug)
        !1 = !DIFile(filename: "f.c", directory: "/")
        !2 = !{i32 2, !"Debug Info Version", i32 3}
        !3 = distinct !DISubprogram(name: "f", scope: !1, file: !1, type: !4, spFlags: DISPFlagDefinition, unit: !0)
        !4 = !DISubroutineType(types: !5)
        !5 = !{null}
        !6 = distinct !DIAssignID()
        !7 = !DILocalVariable(name: "n", scope: !3, file: !1, type: !9)
        !8 = !DILocation(line: 2, scope: !3)
        !9 = !DIBasicType(name: "long", size: 64, encoding: DW_ATE_signed)
        !10 = distinct !DIAssignID()
        "#,
    );
    assert_eq!(same_both_ways(&mut module), ["f", "bare"]);
    module.run_passes("default<O2>", &machine()).unwrap();
    module.verify().unwrap();
}

#[test]
fn llvms_functions_have_the_names_of_their_types_in_a_context_that_has_served_before() {
    let mut module = module(
        "%pair = type { i64, i64 }
         declare %pair @llvm.ssa.copy.s_pairs(%pair returned)
         define %pair @first(%pair %p) { %q = call %pair @llvm.ssa.copy.s_pairs(%pair %p) ret %pair %q }
         define %pair @second(%pair %p) { %q = call %pair @llvm.ssa.copy.s_pairs(%pair %p) ret %pair %q }",
    );
    let mut context = Context::new();
    for name in ["first", "second"] {
        let function = module.own(name).unwrap();
        let unit = module.extract_into(&function, &[], context).unwrap();
        unit.module.verify().unwrap();
        context = unit.module.into_context();
    }
}

#[test]
fn what_is_too_deep_to_be_copied_goes_by_bitcode() {
    for (depth, by_bitcode) in [(100, &[][..]), (8_000, &["f"])] {
        let nodes = (0..depth).map(|n| format!("!{} = !{{!{n}}}\n", n + 1));
        let nodes: String = nodes.collect();
        let text = format!("define void @f() !own !{depth} {{ ret void }}\n!0 = !{{}}\n{nodes}");
        assert_eq!(same_both_ways(&mut module(&text)), by_bitcode);
    }
}

#[test]
fn what_a_copy_brings_counts_as_read() {
    let mut module = module(EVERYTHING);
    let function = module.own("arithmetic").unwrap();
    let length = module
        .extract_bitcode(&function, &[])
        .unwrap()
        .as_bytes()
        .len() as f64;
    let unit = module.extract(&function, &[]).unwrap();
    let counted = unit.module.into_context().bytes_read() as f64;
    assert!(
        (0.2..5.0).contains(&(counted / length)),
        "{counted} {length}"
    );
}
