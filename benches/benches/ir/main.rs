//! What holding LLVM IR safely costs: handles, extraction, erasure, pipelines and imports.
//!
//! `cargo bench -p martlet-benches --features llvm --bench ir`

mod source;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::inkwell::targets::TargetMachine;
use martlet_ir::kind::Function;
use martlet_ir::{BitcodeLibrary, Bring, Context, Module, Tracking, Weak};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Made, asked for its value, and dropped; and asked alone.
fn handles(c: &mut Criterion) {
    let module = source::module(&source::functions(1));
    let mut group = c.benchmark_group("handle");
    macro_rules! life {
        ($kind:ident) => {
            module.read(|e| {
                let function = e.module().get_function("f0").expect("it was made");
                group.bench_function(concat!(stringify!($kind), ": made, got, dropped"), |b| {
                    b.iter(|| {
                        let handle = e.$kind::<Function>(black_box(function));
                        black_box(handle.get(&module)).is_ok()
                    });
                });
            });
        };
    }
    life!(weak);
    life!(tracking);
    life!(asserting);
    life!(callback);
    let (weak, tracking): (Weak<Function>, Tracking<Function>) = module.read(|e| {
        let function = e.module().get_function("f0").expect("it was made");
        (e.weak(function), e.tracking(function))
    });
    group.bench_function("weak: got", |b| {
        b.iter(|| black_box(&weak).get(black_box(&module)).is_ok());
    });
    group.bench_function("tracking: got", |b| {
        b.iter(|| black_box(&tracking).get(black_box(&module)).is_ok());
    });
}

/// One function of fifty instructions out of a module of 200.
fn extraction(c: &mut Criterion) {
    let text = source::functions(200);
    let mut module = source::module(&text);
    let function = module.own("f7").expect("it was made");
    let neighbour = module.own("f8").expect("it was made");
    let mut group = c.benchmark_group("extraction");
    let mut context = Some(Context::new());
    let mut extract = |bring: &[Bring<'_>]| {
        let unit = module.extract_into(&function, bring, context.take().unwrap_or_default());
        let unit = unit.expect("it names nothing static");
        drop(unit.function);
        context = Some(unit.module.into_context());
    };
    group.bench_function("into a module in a context of its own", |b| {
        b.iter(|| extract(&[]));
    });
    let bring = [Bring {
        function: &neighbour,
        tag: 1,
    }];
    group.bench_function("with a neighbour's body", |b| b.iter(|| extract(&bring)));
    // The two halves, which two threads may share.
    group.bench_function("as bitcode, on the library's thread", |b| {
        b.iter(|| module.extract_bitcode(&function, &[]));
    });
    let bitcode = module.extract_bitcode(&function, &[]);
    let bitcode = bitcode.expect("it names nothing static");
    let mut context = Some(Context::new());
    group.bench_function("opened, on the unit's thread", |b| {
        b.iter(|| {
            let unit = bitcode.open(context.take().unwrap_or_default());
            let unit = unit.expect("LLVM reads what it wrote");
            drop(unit.function);
            context = Some(unit.module.into_context());
        });
    });

    // In the same context, which saves the way by bitcode, but pays for all functions.
    let ink = InkContext::create();
    let buffer =
        MemoryBuffer::create_from_memory_range_copy(format!("{text}\0").as_bytes(), "text");
    let whole = ink.create_module_from_ir(buffer).expect("the text parses");
    group.bench_function("LLVMCloneModule of the whole, in the same context", |b| {
        b.iter(|| whole.clone());
    });
}

/// Rings of functions that nobody holds any more.
fn erasure(c: &mut Criterion) {
    let mut group = c.benchmark_group("erasure of a ring");
    for count in [10, 100, 1_000, 10_000] {
        let bitcode = source::bitcode(&source::ring(count));
        group.throughput(Throughput::Elements(count as u64));
        group.sample_size(10);
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            let dropped = || {
                let module = Module::from_bitcode("ring", &bitcode, Context::new());
                let mut module = module.expect("bitcode of this LLVM");
                for i in 0..count {
                    drop(module.own(&format!("f{i}")).expect("it was made"));
                }
                module
            };
            b.iter_batched(
                dropped,
                |mut module| {
                    assert_eq!(module.collect().erased.len(), count);
                    module
                },
                BatchSize::PerIteration,
            );
        });
    }
}

const LIBRARY: usize = 1_000;

/// A pipeline over a library of 1 000 functions: with nobody holding anything, and with an owner, a
/// weak handle and a tracking handle on each.
fn pipeline(c: &mut Criterion) {
    const SHORT: &str =
        "function(sroa,early-cse,simplifycfg,instcombine<no-verify-fixpoint>,gvn,simplifycfg)";
    let bitcode = source::bitcode(&source::functions(LIBRARY));
    let machine = source::machine();
    let mut group = c.benchmark_group("pipeline over 1 000 functions");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    for (name, is_held) in [("no handles", false), ("handles on all", true)] {
        group.bench_function(name, |b| {
            b.iter_custom(|iterations| {
                let runs = (0..iterations).map(|_| run(&bitcode, SHORT, &machine, is_held));
                runs.sum()
            });
        });
    }
    group.finish();
    // Run in turns, because what is compared must meet the same machine.
    for (pipeline, pairs) in [(SHORT, 15), ("default<O2>", 5)] {
        let mut ratios: Vec<f64> = (0..pairs)
            .map(|_| {
                let plain = run(&bitcode, pipeline, &machine, false);
                run(&bitcode, pipeline, &machine, true).as_secs_f64() / plain.as_secs_f64()
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let (median, least, most) = (ratios[pairs / 2], ratios[0], ratios[pairs - 1]);
        println!("{pipeline}: handles on all / none: {median:.3} [{least:.3} .. {most:.3}]");
    }
}

fn run(bitcode: &[u8], pipeline: &str, machine: &TargetMachine, is_held: bool) -> Duration {
    let module = Module::from_bitcode("library", bitcode, Context::new());
    let mut module = module.expect("bitcode of this LLVM");
    let held = is_held.then(|| hold_all(&mut module));
    let start = Instant::now();
    let report = module.run_passes(pipeline, machine);
    let elapsed = start.elapsed();
    let functions = report.expect("the pipeline is one").functions.len();
    assert_eq!(functions, if is_held { LIBRARY } else { 0 });
    drop(held);
    elapsed
}

type Held = (
    martlet_ir::OwnedFunction,
    Weak<Function>,
    Tracking<Function>,
);

fn hold_all(module: &mut Module) -> Vec<Held> {
    module.edit(|e| {
        let all = e
            .module()
            .get_functions()
            .filter(|f| f.count_basic_blocks() > 0);
        all.map(|f| (e.own(f), e.weak(f), e.tracking(f))).collect()
    })
}

/// Five helpers out of a library of a hundred, which the context has open.
fn imports(c: &mut Criterion) {
    let library = BitcodeLibrary::open("helpers", source::bitcode(&source::helpers(100)));
    let library = library.expect("bitcode of this LLVM");
    let user = source::bitcode(&source::user(5));
    c.bench_function("import of 5 helpers", |b| {
        b.iter_custom(|iterations| {
            let mut context = Context::new();
            let mut total = Duration::ZERO;
            for i in 0..=iterations {
                let module = Module::from_bitcode("user", &user, context);
                let mut module = module.expect("bitcode of this LLVM");
                let start = Instant::now();
                let imported = library.import(&mut module).expect("all types agree");
                // The first opens the library.
                if i > 0 {
                    total += start.elapsed();
                }
                assert_eq!(imported.functions.len(), 5);
                context = module.into_context();
            }
            total
        });
    });
}

criterion_group!(benches, handles, extraction, erasure, imports, pipeline);
criterion_main!(benches);
