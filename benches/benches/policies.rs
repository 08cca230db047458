//! Two ways to keep functions that come and go in a module over which passes run: all of them external for ever, because
//! something might still refer to them; and linkage that follows references. What a further batch of functions costs,
//! each defined, extracted and dropped, with a pass over the module at the end, when so many have been there before.

#[path = "ir/source.rs"]
#[allow(dead_code, reason = "another benchmark uses the rest")]
mod source;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group};
use martlet_ir::inkwell::targets::TargetMachine;
use martlet_ir::{Module, OwnedFunction};

/// Functions between two passes over the module.
const BATCH: usize = 100;
const BEFORE: [usize; 3] = [0, 1_000, 10_000];

/// A module, and how it keeps what was defined in it.
struct House {
    module: Module,
    machine: TargetMachine,
    n_defined: usize,
    /// What must stay: all, or nothing.
    kept: Vec<OwnedFunction>,
    keeps_all: bool,
}

impl House {
    fn new(keeps_all: bool, before: usize) -> Self {
        let mut house = House {
            module: Module::new("library"),
            machine: source::machine(),
            n_defined: 0,
            kept: Vec::new(),
            keeps_all,
        };
        while house.n_defined < before {
            house.batch();
        }
        house
    }

    fn batch(&mut self) {
        for _ in 0..BATCH {
            self.n_defined += 1;
            let name = format!("f{}", self.n_defined);
            self.module.add(&fibonacci(&name)).expect("it is IR");
            let function = self.module.own(&name).expect("it was defined");
            self.module.extract(&function, &[]).expect("it has a body");
            if self.keeps_all {
                self.kept.push(function);
            }
        }
        let passed = self.module.run_passes("globaldce", &self.machine);
        passed.expect("the pass exists");
        self.module.collect();
    }
}

/// A recursive function: it uses itself.
fn fibonacci(name: &str) -> String {
    format!(
        "define i64 @{name}(i64 %n) {{
           %small = icmp slt i64 %n, 2
           br i1 %small, label %leaf, label %node
         leaf:
           ret i64 %n
         node:
           %a = sub i64 %n, 1
           %b = sub i64 %n, 2
           %x = call i64 @{name}(i64 %a)
           %y = call i64 @{name}(i64 %b)
           %sum = add i64 %x, %y
           ret i64 %sum
         }}"
    )
}

fn policies(c: &mut Criterion) {
    let mut group = c.benchmark_group("policies, 100 more functions");
    for (name, keeps_all) in [("all external", true), ("references", false)] {
        for before in BEFORE {
            group.bench_function(BenchmarkId::new(name, before), |b| {
                b.iter_custom(|times| {
                    let mut spent = Duration::ZERO;
                    let mut house = House::new(keeps_all, before);
                    for _ in 0..times {
                        // It shall not grow by what is measured.
                        if house.n_defined > before + before / 5 + BATCH {
                            house = House::new(keeps_all, before);
                        }
                        let start = Instant::now();
                        house.batch();
                        spent += start.elapsed();
                    }
                    spent
                });
            });
        }
    }
    group.finish();
}

/// What is in the modules when so many functions have come and gone.
fn sizes() {
    for before in BEFORE {
        let of = |keeps_all| House::new(keeps_all, before).module.memory_report();
        let [external, references] = [true, false].map(of);
        println!(
            "policies/after {before} functions: {} definitions and {} instructions all external, {} and {} by references",
            external.definitions,
            external.instructions,
            references.definitions,
            references.instructions
        );
        assert_eq!((external.definitions, references.definitions), (before, 0));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = policies
}

fn main() {
    benches();
    // Filters are for criterion's own rows, and a smoke run wants none of this.
    if std::env::args().skip(1).eq(["--bench"]) {
        sizes();
    }
    Criterion::default().configure_from_args().final_summary();
}
