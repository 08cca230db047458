//! Random call graphs, random holds and drops, random passes, against a plain model.
//!
//! The model knows, of each function it made: who calls it, and who holds it. After every step the
//! module must agree: what is held is there under its identity with a body; what nobody holds and
//! nothing living reaches is gone after a collection; the verifier is content.

mod common;

use common::machine;
use martlet_ir::kind::Function;
use martlet_ir::{Module, OwnedFunction, Weak};
use std::collections::{BTreeMap, BTreeSet};

/// Marsaglia's xorshift64: enough to choose steps with.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[derive(Default)]
struct Model {
    next: usize,
    /// What each function calls.
    calls: BTreeMap<usize, Vec<usize>>,
    held: BTreeMap<usize, (OwnedFunction, Weak<Function>)>,
}

impl Model {
    /// A function is there if it is held, or a function that is there calls it.
    fn reachable(&self) -> BTreeSet<usize> {
        let mut there = BTreeSet::new();
        let mut work: Vec<usize> = self.held.keys().copied().collect();
        while let Some(function) = work.pop() {
            if there.insert(function) {
                work.extend(&self.calls[&function]);
            }
        }
        there
    }

    /// A new function that calls itself at times, and some of those that are there.
    fn define(&mut self, module: &mut Module, random: &mut Random) {
        let id = self.next;
        self.next += 1;
        let there: Vec<usize> = self.held.keys().copied().collect();
        let mut callees: Vec<usize> = (0..random.below(4))
            .filter_map(|_| there.get(random.below(12)).copied())
            .collect();
        if random.below(3) == 0 {
            callees.push(id);
        }
        let holds = module.edit(|e| {
            let i64_type = e.context().i64_type();
            let fn_type = i64_type.fn_type(&[i64_type.into(), i64_type.into()], false);
            let function = e.module().add_function(&format!("f{id}"), fn_type, None);
            let builder = e.context().create_builder();
            builder.position_at_end(e.context().append_basic_block(function, "entry"));
            let mut value = function.get_nth_param(0).unwrap().into_int_value();
            for callee in &callees {
                let callee = e.module().get_function(&format!("f{callee}")).unwrap();
                // `optnone` keeps the calls where the model believes them.
                let call = builder
                    .build_call(callee, &[value.into(), value.into()], "")
                    .unwrap();
                value = call.try_as_basic_value().unwrap_basic().into_int_value();
            }
            builder.build_return(Some(&value)).unwrap();
            for name in ["optnone", "noinline"] {
                let kind = martlet_ir::inkwell::attributes::Attribute::get_named_enum_kind_id(name);
                let attribute = e.context().create_enum_attribute(kind, 0);
                function.add_attribute(
                    martlet_ir::inkwell::attributes::AttributeLoc::Function,
                    attribute,
                );
            }
            (e.own(function), e.weak(function))
        });
        self.calls.insert(id, callees);
        self.held.insert(id, holds);
    }

    /// Makes an older function call a newer one, so that cycles grow.
    fn add_call(&mut self, module: &mut Module, random: &mut Random) {
        let held: Vec<usize> = self.held.keys().copied().collect();
        if held.is_empty() {
            return;
        }
        let (from, to) = (
            held[random.below(held.len())],
            held[random.below(held.len())],
        );
        module.edit(|e| {
            let caller = e.module().get_function(&format!("f{from}")).unwrap();
            let callee = e.module().get_function(&format!("f{to}")).unwrap();
            let block = caller.get_first_basic_block().unwrap();
            let builder = e.context().create_builder();
            builder.position_before(&block.get_terminator().unwrap());
            let zero = e.context().i64_type().const_zero();
            builder
                .build_call(callee, &[zero.into(), zero.into()], "")
                .unwrap();
        });
        self.calls.get_mut(&from).unwrap().push(to);
    }

    fn check(&self, module: &Module, stale: &[Weak<Function>]) {
        module.verify().unwrap();
        for (id, (owned, weak)) in &self.held {
            let function = owned.get(module).unwrap();
            assert_eq!(function.get_name().to_str(), Ok(format!("f{id}").as_str()));
            assert!(function.count_basic_blocks() > 0);
            assert_eq!(weak.get(module), Ok(function));
        }
        let gone = stale.iter().filter(|weak| !weak.is_alive()).count();
        assert_eq!(
            gone,
            stale
                .iter()
                .filter(|weak| weak.get(module).is_err())
                .count()
        );
    }
}

fn run(seed: u64, steps: usize) {
    let machine = machine();
    let pipelines = [
        "globaldce",
        "deadargelim",
        "globalopt",
        "default<O1>",
        "strip-dead-prototypes",
    ];
    let mut random = Random(seed);
    let mut module = Module::new("model");
    let mut model = Model::default();
    let mut stale = Vec::new();
    for step in 0..steps {
        match random.below(20) {
            0..=7 if model.held.len() < 40 => model.define(&mut module, &mut random),
            0..=14 => {
                let held: Vec<usize> = model.held.keys().copied().collect();
                if let Some(&id) = held.get(random.below(held.len().max(1))) {
                    let (owned, weak) = model.held.remove(&id).unwrap();
                    drop(owned);
                    stale.push(weak);
                }
            }
            15..=17 => model.add_call(&mut module, &mut random),
            18 => {
                let report = module.collect();
                let there = model.reachable();
                assert_eq!(
                    module.function_count(),
                    there.len(),
                    "seed {seed}, step {step}"
                );
                let dying = there.len() - model.held.len();
                // Passes may have put functions without an id in the place of some.
                assert_eq!(module.memory_report().dying, dying);
                assert!(report.refused.len() <= dying);
                stale.retain(|weak: &Weak<Function>| weak.is_alive());
            }
            _ => {
                let pipeline = pipelines[random.below(pipelines.len())];
                let report = module.run_passes(pipeline, &machine).unwrap();
                assert_eq!(report.functions.len(), model.held.len());
            }
        }
        if step % 16 == 0 {
            model.check(&module, &stale);
        }
    }
    model.check(&module, &stale);
    drop(model);
    drop(stale);
    module.collect();
    assert_eq!(module.function_count(), 0, "seed {seed}");
    assert_eq!(module.memory_report().nodes, 0);
}

#[test]
fn random_graphs_agree_with_the_model() {
    for seed in 1..=20 {
        run(seed, 400);
    }
}
