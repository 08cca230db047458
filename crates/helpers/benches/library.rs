//! What the library of helpers costs a compile: opening it, importing from it, inlining what was imported.
//!
//! `cargo bench -p martlet-helpers --bench library`. First the memory that the library takes once a context has it is
//! printed.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use martlet_codegen::{Emitter, Target, Tier};
use martlet_helpers::{BITCODE, HELPERS, Helper};
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::{BitcodeLibrary, Context, Module};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::hint::black_box;

/// Helpers that are inlined, evenly out of all families.
fn some(n: usize) -> Vec<&'static Helper> {
    let inlined: Vec<_> = HELPERS.iter().filter(|helper| helper.inline).collect();
    (0..n).map(|i| inlined[i * inlined.len() / n]).collect()
}

/// Bitcode of a module with a function for each helper, which calls it.
fn callers(helpers: &[&Helper]) -> Vec<u8> {
    let mut text = String::new();
    for helper in helpers {
        let Helper {
            name, ir_signature, ..
        } = helper;
        let (result, params) = ir_signature.rsplit_once(" (").expect("result (parameters)");
        let params = params.trim_end_matches(')');
        let params = params.split(", ").filter(|it| !it.is_empty()).enumerate();
        let args: Vec<String> = params.map(|(i, ty)| format!("{ty} %a{i}")).collect();
        let args = args.join(", ");
        let (value, end) = match result {
            "void" => ("", "ret void".to_owned()),
            ty => ("%r = ", format!("ret {ty} %r")),
        };
        let params = ir_signature.rsplit_once(" (").map_or("", |(_, it)| it);
        let _ = writeln!(
            text,
            "declare {result} @{name}({params}\n\
             define {result} @caller_{name}({args}) {{\n  {value}call {result} @{name}({args})\n  {end}\n}}"
        );
    }
    text.push('\0');
    let context = InkContext::create();
    let buffer = MemoryBuffer::create_from_memory_range_copy(text.as_bytes(), "callers");
    let module = context
        .create_module_from_ir(buffer)
        .expect("the text is IR");
    module.write_bitcode_to_memory().as_slice().to_vec()
}

/// Resident memory of this process, in KiB. Source: proc(5), `statm`.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1);
    pages.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) * 4
}

fn memory() {
    let one = callers(&some(1));
    let mut module =
        Module::from_bitcode("one", &one, Context::new()).expect("it was just written");
    let before = resident();
    let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
    let opened = resident();
    library.import(&mut module).expect("the types agree");
    eprintln!(
        "{} helpers, {} KiB of bitcode: opening takes {} KiB, the first import {} KiB more",
        HELPERS.len(),
        BITCODE.len() / 1024,
        opened - before,
        resident() - opened
    );
}

fn library(criterion: &mut Criterion) {
    memory();
    criterion.bench_function("open", |bencher| {
        bencher.iter(|| BitcodeLibrary::open("helpers", black_box(BITCODE)));
    });
    let library = BitcodeLibrary::open("helpers", BITCODE).expect("this LLVM reads it");
    let mut emitter = Emitter::new(Target::host()).expect("x86-64 is there");
    for n in [1, 5, 50] {
        let bitcode = callers(&some(n));
        // A context reads the library once; a compile thread keeps its context.
        let mut first =
            Module::from_bitcode("unit", &bitcode, Context::new()).expect("it was just written");
        library.import(&mut first).expect("the types agree");
        let kept = RefCell::new(Some(first.into_context()));
        let make = || {
            let context = kept.borrow_mut().take().expect("it comes back");
            Module::from_bitcode("unit", &bitcode, context).expect("it was just written")
        };
        let give_back = |module: Module| *kept.borrow_mut() = Some(module.into_context());
        criterion.bench_with_input(
            BenchmarkId::new("parse the callers alone", n),
            &n,
            |bencher, _| {
                bencher.iter(|| give_back(make()));
            },
        );
        criterion.bench_with_input(BenchmarkId::new("import", n), &n, |bencher, _| {
            bencher.iter(|| {
                let mut module = make();
                library.import(&mut module).expect("the types agree");
                give_back(module);
            });
        });
        let name = BenchmarkId::new("import, inline and optimise quickly", n);
        criterion.bench_with_input(name, &n, |bencher, _| {
            bencher.iter(|| {
                let mut module = make();
                library.import(&mut module).expect("the types agree");
                let report = emitter.optimise(&mut module, Tier::Quick);
                report.expect("the pipeline runs");
                give_back(module);
            });
        });
    }
}

criterion_group!(benches, library);
criterion_main!(benches);
