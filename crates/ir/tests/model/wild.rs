//! A model that lets passes do what they like with bodies.
//!
//! What it predicts: a held function is there, under its name, with its type and a body; a handle
//! lends exactly when it says that it is alive; and a collection erases exactly what it must. The
//! latter is judged by a reader of the module's text, which knows nothing of LLVM's use lists.

use crate::common::machine;
use crate::random::Random;
use martlet_ir::inkwell::AddressSpace;
use martlet_ir::inkwell::targets::TargetMachine;
use martlet_ir::inkwell::values::CallSiteValue;
use martlet_ir::kind::{Function, Instruction};
use martlet_ir::{Asserting, Callback, Context, Error, Module, OwnedFunction, Tracking, Weak};
use std::collections::{BTreeMap, BTreeSet};

const PIPELINES: [&str; 18] = [
    "globaldce",
    "strip-dead-prototypes",
    "deadargelim",
    "cgscc(argpromotion)",
    "mergefunc",
    "ipsccp",
    "globalopt",
    "called-value-propagation",
    "cgscc(inline)",
    "always-inline",
    "hotcoldsplit",
    "partial-inliner",
    "attributor",
    "function(sroa,instcombine<no-verify-fixpoint>,gvn,simplifycfg)",
    "default<O1>",
    "default<O2>",
    "default<O3>",
    "default<Os>",
];

struct Model {
    random: Random,
    machine: TargetMachine,
    module: Module,
    next: usize,
    held: BTreeMap<String, OwnedFunction>,
    pinned: BTreeSet<String>,
    weak: Vec<Weak<Function>>,
    tracking: Vec<Tracking<Function>>,
    instructions: Vec<Weak<Instruction>>,
    callbacks: Vec<Callback<Function>>,
    asserted: Vec<Asserting<Function>>,
}

/// Runs one program. Returns how many operations it did.
pub(crate) fn program(seed: u64) -> u64 {
    let mut model = Model {
        random: Random::new(seed),
        machine: machine(),
        module: Module::new("wild"),
        next: 0,
        held: BTreeMap::new(),
        pinned: BTreeSet::new(),
        weak: Vec::new(),
        tracking: Vec::new(),
        instructions: Vec::new(),
        callbacks: Vec::new(),
        asserted: Vec::new(),
    };
    let operations = 60 + model.random.below(140) as u64;
    for _ in 0..operations {
        model.step();
        model.check();
    }
    model.end();
    operations
}

/// Who names whom in the text of a module: the functions that each definition mentions, and those
/// that anything else does, under `""`.
fn mentions(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut mentions = BTreeMap::<String, BTreeSet<String>>::new();
    let mut current = String::new();
    for line in text.lines() {
        let mut names = line.split('@').skip(1).map(|rest| {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "._".contains(c)));
            rest[..end.unwrap_or(rest.len())].to_owned()
        });
        if line.starts_with("define ") || line.starts_with("declare ") {
            current = names.next().unwrap_or_default();
            mentions.entry(current.clone()).or_default();
            if line.starts_with("declare ") {
                current.clear();
                continue;
            }
        }
        mentions.entry(current.clone()).or_default().extend(names);
        if line == "}" {
            current.clear();
        }
    }
    mentions
}

impl Model {
    fn step(&mut self) {
        match self.random.below(17) {
            16 => self.extract(),
            0..=4 if self.held.len() < 12 => self.define(),
            0..=8 => self.drop_one(),
            9 => self.pin_or_unpin(),
            10 => self.own_again(),
            11..=12 => self.collect(),
            13 => self.drop_handles(),
            _ => self.run_passes(),
        }
    }

    /// A function that loops, calls, loads and stores, with arguments it may not use.
    fn define(&mut self) {
        let label = format!("f{}", self.next);
        self.next += 1;
        let callees: Vec<String> = self.held.keys().cloned().collect();
        let n_calls = self.random.below(3);
        let chosen: Vec<String> = (0..n_calls)
            .filter_map(|_| callees.get(self.random.below(callees.len())).cloned())
            .collect();
        let (recurses, loads, uses_second) = (
            self.random.one_in(4),
            self.random.one_in(2),
            self.random.one_in(2),
        );
        let constant = self.random.below(4) as u64;
        let (owned, weak, tracking, instruction, callback) = self.module.edit(|e| {
            let i64_type = e.context().i64_type();
            let pointer = e.context().ptr_type(AddressSpace::default());
            let fn_type =
                i64_type.fn_type(&[i64_type.into(), i64_type.into(), pointer.into()], false);
            let function = e.module().add_function(&label, fn_type, None);
            let builder = e.context().create_builder();
            let block = |name| e.context().append_basic_block(function, name);
            let (entry, deeper, end) = (block("entry"), block("deeper"), block("end"));
            builder.position_at_end(entry);
            let parameter = |n| function.get_nth_param(n).unwrap();
            let mut value = parameter(0).into_int_value();
            if uses_second {
                value = builder
                    .build_int_mul(value, parameter(1).into_int_value(), "")
                    .unwrap();
            }
            if loads {
                let pointer = parameter(2).into_pointer_value();
                let loaded = builder.build_load(i64_type, pointer, "").unwrap();
                value = builder
                    .build_int_add(value, loaded.into_int_value(), "")
                    .unwrap();
            }
            let amount = i64_type.const_int(constant, false);
            value = builder.build_int_add(value, amount, "").unwrap();
            let slot = builder.build_alloca(i64_type, "slot").unwrap();
            builder.build_store(slot, value).unwrap();
            for callee in &chosen {
                let callee = e.module().get_function(callee).unwrap();
                let call = builder
                    .build_call(callee, &[value.into(), amount.into(), slot.into()], "")
                    .unwrap();
                value = call.try_as_basic_value().unwrap_basic().into_int_value();
            }
            let zero = i64_type.const_zero();
            let is_zero = builder
                .build_int_compare(martlet_ir::inkwell::IntPredicate::EQ, value, zero, "")
                .unwrap();
            builder
                .build_conditional_branch(is_zero, end, deeper)
                .unwrap();
            builder.position_at_end(deeper);
            if recurses {
                builder
                    .build_call(function, &[zero.into(), amount.into(), slot.into()], "")
                    .unwrap();
            }
            builder.build_unconditional_branch(end).unwrap();
            builder.position_at_end(end);
            builder.build_return(Some(&value)).unwrap();
            let instruction = entry.get_first_instruction().unwrap();
            (
                e.own(function),
                e.weak(function),
                e.tracking(function),
                e.weak(instruction),
                e.callback(function),
            )
        });
        self.held.insert(label.clone(), owned);
        self.weak.push(weak);
        self.tracking.push(tracking);
        self.instructions.push(instruction);
        self.callbacks.push(callback);
        if self.random.one_in(6) {
            self.asserted.push(
                self.module
                    .read(|e| e.asserting(e.module().get_function(&label).unwrap())),
            );
        }
    }

    fn some_held(&mut self) -> Option<String> {
        let names: Vec<&String> = self.held.keys().collect();
        names
            .get(self.random.below(names.len()))
            .map(ToString::to_string)
    }

    fn drop_one(&mut self) {
        if let Some(name) = self.some_held() {
            self.held.remove(&name);
            self.pinned.remove(&name);
        }
    }

    fn pin_or_unpin(&mut self) {
        let Some(name) = self.some_held() else {
            return;
        };
        let share = &self.held[&name];
        let result = if self.pinned.remove(&name) {
            self.module.unpin(share)
        } else {
            self.pinned.insert(name);
            self.module.pin(share)
        };
        // What was dropped before is collected first, and may have been asserted.
        assert!(
            matches!(result, Ok(()) | Err(Error::Asserted { .. })),
            "{result:?}"
        );
    }

    /// Copied into a context or read there: the unit is the same, and changes nothing here.
    fn extract(&mut self) {
        let Some(name) = self.some_held() else {
            return;
        };
        // Until now, something that was asserted may have been dropped.
        self.collect();
        let share = &self.held[&name];
        let before = self.module.to_string();
        let copied = self.module.extract(share, &[]).unwrap().module;
        copied.verify().unwrap();
        let bitcode = self.module.extract_bitcode(share, &[]).unwrap();
        let read = bitcode.open(Context::new()).unwrap().module;
        assert_eq!(copied.to_string(), read.to_string());
        assert_eq!(self.module.to_string(), before);
    }

    /// Owns whatever stands there under some name.
    fn own_again(&mut self) {
        let names: Vec<String> = self.module.edit(|e| {
            let all = e.module().get_functions();
            let ours = all.filter(|f| f.get_type().count_param_types() == 3);
            ours.map(|f| f.get_name().to_string_lossy().into_owned())
                .collect()
        });
        let ours: Vec<&String> = names.iter().filter(|name| name.starts_with('f')).collect();
        let Some(name) = ours.get(self.random.below(ours.len())) else {
            return;
        };
        let name = name.to_string();
        if !self.held.contains_key(&name) {
            let owned = match self.module.own(&name) {
                Ok(owned) => owned,
                Err(Error::Narrowed(_)) => return,
                Err(error) => panic!("{error}"),
            };
            if self.module.is_pinned(&owned) {
                self.pinned.insert(name.clone());
            }
            self.held.insert(name, owned);
        }
    }

    fn run_passes(&mut self) {
        let pipeline = self.random.choose(&PIPELINES).unwrap();
        if pipeline == "attributor" {
            self.unmark_tail_calls();
        }
        let asserted: Vec<bool> = self.asserted.iter().map(Asserting::is_alive).collect();
        match self.module.run_passes(pipeline, &self.machine) {
            Ok(report) => {
                assert_eq!(report.functions.len(), self.held.len());
                for share in self.held.values() {
                    assert!(report.fate(share.id()).is_some());
                }
                for weak in &self.weak {
                    assert!(weak.fate(&report).is_some());
                }
            }
            Err(Error::Asserted { falls, .. }) => assert!(!falls.is_empty()),
            Err(error) => panic!("{pipeline}: {error}"),
        }
        let fallen = self
            .asserted
            .iter()
            .zip(asserted)
            .any(|(held, was)| was && !held.is_alive());
        // Each is said once, and none is forgotten.
        assert_eq!(self.module.check(), Ok(()), "{fallen}");
    }

    /// Where the attributor of LLVM 22 takes a pointer parameter apart, it keeps a list of the function's
    /// calls that are marked `tail`, and unmarks them when it may have replaced them already: it writes
    /// to memory that is gone, whoever runs it. So it meets none.
    fn unmark_tail_calls(&mut self) {
        self.module.edit(|e| {
            let blocks = e
                .module()
                .get_functions()
                .flat_map(|f| f.get_basic_blocks());
            for instruction in blocks.flat_map(|block| block.get_instructions()) {
                if let Ok(call) = CallSiteValue::try_from(instruction) {
                    call.set_tail_call(false);
                }
            }
        });
    }

    fn collect(&mut self) {
        let report = self.module.collect();
        // A plain reading of the text: what no held function leads to must be gone.
        let mut mentions = mentions(&self.module.to_string());
        // Only what the verifier would miss may be left: intrinsics that nobody calls any more.
        let there: BTreeSet<String> = mentions
            .keys()
            .filter(|name| name.starts_with('f'))
            .cloned()
            .collect();
        let mut reachable = BTreeSet::new();
        let mut work: Vec<String> = self.held.keys().cloned().collect();
        // Parts that passes split off are not ours to erase, as long as they are there.
        work.extend(there.iter().filter(|name| name.contains('.')).cloned());
        work.extend(mentions.remove("").unwrap_or_default());
        // Pinned functions name what does not stand in the text.
        let may_be_used_by_pinned = self.module.memory_report().pinned > 0;
        while let Some(name) = work.pop() {
            if reachable.insert(name.clone()) {
                work.extend(mentions.remove(&name).unwrap_or_default());
            }
        }
        if !may_be_used_by_pinned {
            let left: Vec<&String> = there.difference(&reachable).collect();
            assert!(left.is_empty(), "{left:?} {report:?}\n{}", self.module);
        }
        self.pinned.retain(|name| self.held.contains_key(name));
    }

    fn drop_handles(&mut self) {
        let keep = self.random.below(self.weak.len() + 1);
        self.weak.truncate(keep);
        self.tracking.truncate(keep);
        self.instructions.truncate(keep);
        self.callbacks.truncate(keep);
        self.asserted.clear();
    }

    fn check(&mut self) {
        let module = &self.module;
        module
            .verify()
            .unwrap_or_else(|error| panic!("{error}\n{module}"));
        for (name, share) in &self.held {
            let function = share.get(module).unwrap();
            assert_eq!(function.get_name().to_str(), Ok(name.as_str()));
            assert_eq!(function.count_params(), 3);
            assert_eq!(
                function.count_basic_blocks() == 0,
                self.pinned.contains(name)
            );
            assert_eq!(module.is_pinned(share), self.pinned.contains(name));
        }
        for weak in &self.weak {
            assert_eq!(weak.get(module).is_ok(), weak.is_alive());
            assert!(weak.is_alive() || weak.last_event().is_some());
        }
        for tracking in &self.tracking {
            assert_eq!(tracking.get(module).is_ok(), tracking.is_alive());
        }
        for instruction in &self.instructions {
            if let Ok(instruction) = instruction.get(module) {
                assert!(instruction.get_parent().is_some());
            }
        }
        for callback in &self.callbacks {
            let events = callback.take_events();
            assert!(callback.is_alive() || events.len() <= 2);
        }
    }

    fn end(mut self) {
        self.held.clear();
        self.pinned.clear();
        self.collect();
        drop((
            self.weak,
            self.tracking,
            self.instructions,
            self.callbacks,
            self.asserted,
        ));
        // Parts that passes split off may use each other in a ring, and hold up what they call.
        for _ in 0..3 {
            self.module.run_passes("globaldce", &self.machine).ok();
            self.module.collect();
        }
        let memory = self.module.memory_report();
        assert_eq!(memory.definitions, 0, "{}", self.module);
        assert_eq!((memory.nodes, memory.owned, memory.dying), (0, 0, 0));
        assert_eq!((memory.pinned, memory.pinned_bytes), (0, 0));
    }
}
