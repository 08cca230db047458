//! What C declares by the macros of `martlet_bitcode.h`: it arrives in the IR, and what is not so is refused.

use crate::support;
use martlet_bitcode::{Build, Built, Clang, Error};
use std::fs;

fn build(source: &str) -> (tempfile::TempDir, Result<Built, Error>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("a.c");
    let source = format!("#include <martlet_bitcode.h>\n{source}");
    fs::write(&file, source).expect("the directory can be written");
    let built = Build::new("t")
        .file(file)
        .out_dir(dir.path())
        .native(true)
        .cargo_metadata(false)
        .compile();
    (dir, built)
}

/// The textual IR of a file that is fine.
fn ir(source: &str) -> String {
    ir_and_clang(source).0
}

fn ir_and_clang(source: &str) -> (String, Clang) {
    let (dir, built) = build(source);
    let clang = built.expect("what it declares is so").clang;
    let text = fs::read_to_string(dir.path().join("t.0.a.c.any.ll")).expect("the build wrote it");
    (text, clang)
}

/// The attributes of the one function of a file that is fine.
fn attributes(source: &str) -> Vec<String> {
    let (_dir, built) = build(source);
    built
        .expect("what it declares is so")
        .helpers
        .remove(0)
        .attributes
}

#[track_caller]
fn refused(source: &str, because: &str) {
    let (_dir, built) = build(source);
    let error = built.expect_err("what it declares is not so");
    assert!(matches!(error, Error::Attribute { .. }), "{error}");
    assert!(error.to_string().contains(because), "{error}");
}

#[test]
fn declared_attributes_arrive() {
    let found = attributes(
        "struct s { int n; long v[4]; };\n\
         BITCODE_WILLRETURN BITCODE_NOSYNC BITCODE_READS_ARGUMENTS __attribute__((noinline))\n\
         long sum(struct s *s) { long r = 0; for (int i = 0; i < 4; i++) r += s->v[i]; return r; }",
    );
    for attribute in ["willreturn", "nosync", "noinline"] {
        assert!(
            found.iter().any(|it| it == attribute),
            "{attribute}: {found:?}"
        );
    }
    assert!(
        found.iter().any(|it| it.contains("argmem: read)")),
        "{found:?}"
    );
}

/// Of what lies elsewhere only the C programmer knows.
#[test]
fn a_declaration_adds_to_what_llvm_finds_out() {
    let source = "BITCODE_NEW BITCODE_NONNULL void *make(long n);\n\
                  void *make(long n) { extern void *arena(long); return arena(n); }\n\
                  BITCODE_RANGE(0, 6) int kind(const int *v) { return *v; }";
    let text = ir(source);
    assert!(text.contains("define range(i32 0, 6) i32 @kind("), "{text}");
    let make = text
        .lines()
        .find(|line| line.contains("@make("))
        .expect("it is there");
    assert!(
        make.contains("noalias") && make.contains("nonnull"),
        "{make}"
    );
    assert!(!text.contains("llvm.global.annotations"), "{text}");
}

#[test]
fn members_of_two_names_do_not_alias() {
    let source = "struct s { long a BITCODE_FIELD(\"s.a\"); long b BITCODE_FIELD(\"s.b\"); };\n\
                  long f(struct s *x, struct s *y) { x->a = 1; y->b = 2; return x->a; }";
    let (text, clang) = ir_and_clang(source);
    assert!(!text.contains("ptr.annotation"), "{text}");
    let tagged = text.lines().filter(|line| line.contains("!tbaa !"));
    assert_eq!(tagged.count(), 3, "{text}");
    assert!(text.contains("!{!\"s.a\", !"), "{text}");
    // And the optimiser makes use of it: the load sees the store over another member's.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("a.ll");
    fs::write(&file, &text).expect("the directory can be written");
    let opt = std::process::Command::new(support::tool(&clang, "opt"))
        .args(["-S", "-passes=gvn"])
        .arg(&file)
        .output()
        .expect("opt can be run");
    let text = String::from_utf8_lossy(&opt.stdout);
    assert!(
        text.contains("ret i64 1"),
        "{text}{}",
        String::from_utf8_lossy(&opt.stderr)
    );
}

#[test]
fn writes_though_read_only_are_refused() {
    refused("BITCODE_READS void f(long *p) { *p = 1; }", "writes");
    refused(
        "extern long g; BITCODE_READS long f(void) { return g++; }",
        "writes",
    );
    refused(
        "void h(void); BITCODE_READS void f(void) { h(); }",
        "may write",
    );
    refused("BITCODE_NO_MEMORY long f(long *p) { return *p; }", "reads");
    refused(
        "extern long g; BITCODE_READS_ARGUMENTS long f(void) { return g; }",
        "reads",
    );
    refused(
        "extern long g; BITCODE_ONLY_ARGUMENTS void f(long *p) { g = *p; }",
        "writes",
    );
    refused(
        "#include <string.h>\nBITCODE_READS void f(char *p, char *q, long n) { memcpy(p, q, n); }",
        "writes",
    );
}

/// A loop that can be entered at two places is none of LLVM's loops, and one that has a bound may stand beside it.
#[test]
fn a_loop_with_two_entries_is_refused() {
    refused(
        "BITCODE_WILLRETURN int f(int a, int *p, int n) {\n\
           for (int i = 0; i < 1000; i++) p[i] = p[i + a] * p[i];\n\
           if (a) goto middle;\n\
           top: p[0] += p[n]; if (p[1] == n) return p[2];\n\
           middle: p[1] ^= p[3] + n; if (p[4]) goto top; p[5]++; if (p[6] == 3) return 7; goto top; }",
        "sees no end",
    );
}

/// Every loop of a function counts, and a bound that holds only as long as nothing wraps is none.
#[test]
fn each_loop_needs_its_bound() {
    let early = "for (int i = 0; i < 8000; i++) if (p[i] == x) return i;";
    let found = attributes(&format!(
        "BITCODE_WILLRETURN int f(const int *p, int x) {{ {early} return -1; }}"
    ));
    assert!(found.iter().any(|it| it == "willreturn"), "{found:?}");
    refused(
        &format!(
            "BITCODE_WILLRETURN int f(int *p, int x) {{ {early} while (p[x]) x = p[x] ^ x; return x; }}"
        ),
        "sees no end",
    );
    refused(
        "BITCODE_WILLRETURN long f(unsigned long n, const long *p) {\n\
           long s = 1; for (unsigned i = 0; i < n; i++) s = p[i] ^ (s * 3); return s; }",
        "sees no end",
    );
}

/// Memory that no program sees is memory: of two allocations that read only, one would be dropped.
#[test]
fn an_allocation_is_a_write() {
    let source = "#include <stdlib.h>\nBITCODE_READS void *f(long n) { return malloc(n); }";
    refused(source, "may write");
}

#[test]
fn a_number_is_no_argument() {
    refused(
        "BITCODE_NO_MEMORY void f(void) { *(long *)4096 = 1; }",
        "writes",
    );
    refused(
        "BITCODE_ONLY_ARGUMENTS void f(long *p) { *(long **)4096 = p; }",
        "writes",
    );
}

#[test]
fn assembly_that_jumps_is_a_call() {
    let source = "int f(int *p) { asm goto(\"lock incl %0; jc %l1\" : : \"m\"(*p) : \"memory\" : out); \
                  return 0; out: return 1; }";
    refused(&format!("BITCODE_NOSYNC {source}"), "synchronise");
    refused(&format!("BITCODE_READS {source}"), "may write");
    refused(&format!("BITCODE_WILLRETURN {source}"), "may not return");
}

#[test]
fn what_is_only_its_own_may_be_written() {
    let source = "void look(const long *) __attribute__((pure));\n\
                  BITCODE_READS_ARGUMENTS long f(const char *p, int n) {\n\
                    long t[8] = {0}; for (int i = 0; i < n; i++) t[p[i] & 7]++; return t[3]; }";
    let found = attributes(source);
    assert!(
        found.iter().any(|it| it.starts_with("memory(")),
        "{found:?}"
    );
}

#[test]
fn possibly_endless_loops_are_refused() {
    refused(
        "struct l { struct l *next; };\n\
         BITCODE_WILLRETURN int f(struct l *l) { int n = 0; while (l) { l = l->next; n++; } return n; }",
        "sees no end",
    );
    refused(
        "BITCODE_WILLRETURN void f(volatile int *p) { for (;;) { *p = 1; } }",
        "sees no end",
    );
    refused(
        "void h(void); BITCODE_WILLRETURN void f(void) { h(); }",
        "may not return",
    );
    refused(
        "int g(int); BITCODE_WILLRETURN __attribute__((noinline)) int f(int n) { return n ? g(n) : 1; }\n\
         BITCODE_WILLRETURN __attribute__((noinline)) int g(int n) { return f(n * 3 + 1); }",
        "calls itself",
    );
}

#[test]
fn atomics_though_nosync_are_refused() {
    refused(
        "BITCODE_NOSYNC void f(_Atomic long *p) { *p = 1; }",
        "synchronises",
    );
    refused(
        "BITCODE_NOSYNC void f(long *p) { __atomic_fetch_add(p, 1, __ATOMIC_RELAXED); }",
        "synchronises",
    );
    refused(
        "BITCODE_NOSYNC void f(volatile long *p) { *p = 1; }",
        "synchronises",
    );
    refused(
        "void h(void); BITCODE_NOSYNC void f(void) { h(); }",
        "may synchronise",
    );
}
