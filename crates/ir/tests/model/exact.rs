//! A model that knows everything, because no pass changes a body.
//!
//! Of each function of the module it knows who calls it and what else refers to it, whose it is, and
//! which handles are on it; so it can say of every step what dies, what stays and what is refused.

use crate::common::{bitcode, machine};
use crate::random::Random;
use martlet_ir::inkwell::AddressSpace;
use martlet_ir::inkwell::attributes::{Attribute, AttributeLoc};
use martlet_ir::inkwell::module::Linkage;
use martlet_ir::inkwell::targets::TargetMachine;
use martlet_ir::inkwell::values::{BasicMetadataValueEnum, FunctionValue, PointerValue};
use martlet_ir::kind::{Block, Function};
use martlet_ir::{
    Context, Edit, Error, FunctionId, Module, OwnedFunction, Refusal, Tracking, Weak,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A function, by the number in its name: `f7`.
type Fun = usize;

#[derive(Debug, Default)]
struct Body {
    calls: Vec<Fun>,
    /// As it was declared: false until a definition is linked in.
    is_defined: bool,
    is_pinned: bool,
    /// Somebody had it, and nobody has it any more.
    is_dying: bool,
    /// And passes have run since.
    is_narrowed: bool,
}

/// Somebody who owns, with some shares.
#[derive(Debug)]
struct Owner {
    id: FunctionId,
    shares: Vec<OwnedFunction>,
    /// `None` once the function was deleted behind its back.
    fun: Option<Fun>,
}

/// Handles on one function, and where they should be.
#[derive(Debug)]
struct Handles {
    weak: (Weak<Function>, Option<Fun>),
    tracking: (Tracking<Function>, Option<Fun>),
    block: (Option<Weak<Block>>, Option<Fun>),
}

struct Model {
    random: Random,
    machine: TargetMachine,
    module: Module,
    next: usize,
    bodies: BTreeMap<Fun, Body>,
    owners: Vec<Owner>,
    handles: Vec<Handles>,
    /// Variables that point to functions, by number, and aliases; both live as long as the module.
    variables: BTreeMap<usize, Option<Fun>>,
    aliases: Vec<Fun>,
    /// What stands in `llvm.used`.
    used: Vec<Fun>,
}

/// Runs one program. Returns how many operations it did.
pub(crate) fn program(seed: u64) -> u64 {
    let mut model = Model {
        random: Random::new(seed),
        machine: machine(),
        module: Module::new("exact"),
        next: 0,
        bodies: BTreeMap::new(),
        owners: Vec::new(),
        handles: Vec::new(),
        variables: BTreeMap::new(),
        aliases: Vec::new(),
        used: Vec::new(),
    };
    let operations = 100 + model.random.below(400) as u64;
    for _ in 0..operations {
        model.step();
        model.check();
    }
    model.end();
    operations
}

fn name(fun: Fun) -> String {
    format!("f{fun}")
}

fn function<'ctx>(e: Edit<'ctx>, fun: Fun) -> FunctionValue<'ctx> {
    e.module()
        .get_function(&name(fun))
        .expect("the model has it")
}

fn pointer<'ctx>(e: Edit<'ctx>, fun: Fun) -> PointerValue<'ctx> {
    function(e, fun).as_global_value().as_pointer_value()
}

/// A new function without a body, that no pass looks into.
fn declare<'ctx>(e: Edit<'ctx>, fun: Fun) -> FunctionValue<'ctx> {
    let i64_type = e.context().i64_type();
    let fn_type = i64_type.fn_type(&[i64_type.into(), i64_type.into()], false);
    let function = e.module().add_function(&name(fun), fn_type, None);
    for attribute in ["optnone", "noinline"] {
        let kind = Attribute::get_named_enum_kind_id(attribute);
        let attribute = e.context().create_enum_attribute(kind, 0);
        function.add_attribute(AttributeLoc::Function, attribute);
    }
    function
}

fn define(e: Edit<'_>, fun: Fun, calls: &[Fun]) {
    let function = declare(e, fun);
    let builder = e.context().create_builder();
    builder.position_at_end(e.context().append_basic_block(function, "entry"));
    let parameter = |n| function.get_nth_param(n).unwrap().into_int_value();
    let (mut value, other) = (parameter(0), parameter(1));
    for &callee in calls {
        let callee = self::function(e, callee);
        let arguments: [BasicMetadataValueEnum<'_>; 2] = [value.into(), other.into()];
        let call = builder.build_call(callee, &arguments, "").unwrap();
        let result = call.try_as_basic_value().unwrap_basic().into_int_value();
        value = builder.build_int_add(result, other, "").unwrap();
    }
    builder.build_return(Some(&value)).unwrap();
}

impl Model {
    fn step(&mut self) {
        match self.random.below(32) {
            0..=5 if self.bodies.len() < 20 => self.define(),
            6 => self.declare(),
            7..=8 => self.add_call(),
            9 => self.point(),
            10 => self.list(),
            11..=14 => self.hold(),
            15..=20 => self.drop_share(),
            21 => self.erase(),
            22 => self.replace(),
            23 => self.link(),
            24 => self.link_conflict(),
            25 => self.pin(),
            26 => self.unpin(),
            27 => self.run_passes(),
            28 => self.drop_handles(),
            29 => self.owner_moves_to_another_thread(),
            _ => self.collect(),
        }
    }

    /// What every operation that takes the module begins with.
    fn collected(&mut self) {
        self.module.edit(|_| ());
        let reachable = self.reachable();
        self.bodies
            .retain(|fun, body| !body.is_dying || reachable.contains(fun));
        self.forget_missing();
    }

    fn forget_missing(&mut self) {
        let there = |fun: &mut Option<Fun>, bodies: &BTreeMap<Fun, Body>| {
            if fun.is_some_and(|fun| !bodies.contains_key(&fun)) {
                *fun = None;
            }
        };
        for owner in &mut self.owners {
            there(&mut owner.fun, &self.bodies);
        }
        for handles in &mut self.handles {
            there(&mut handles.weak.1, &self.bodies);
            there(&mut handles.tracking.1, &self.bodies);
            there(&mut handles.block.1, &self.bodies);
        }
    }

    fn held(&self) -> BTreeSet<Fun> {
        self.owners.iter().filter_map(|owner| owner.fun).collect()
    }

    /// What a function that lives on, or anything else in the module, leads to. Pinned functions
    /// count with what they call.
    fn reachable(&self) -> BTreeSet<Fun> {
        let mut reachable = BTreeSet::new();
        let live = self.bodies.iter().filter(|(_, body)| !body.is_dying);
        let mut work: Vec<Fun> = live.map(|(fun, _)| *fun).collect();
        work.extend(self.variables.values().flatten());
        work.extend(self.aliases.iter().chain(&self.used));
        while let Some(fun) = work.pop() {
            if reachable.insert(fun) {
                work.extend(&self.bodies[&fun].calls);
            }
        }
        reachable
    }

    /// Functions that may be named from outside: not internal.
    fn visible(&self) -> Vec<Fun> {
        let visible = self.bodies.iter().filter(|(_, body)| !body.is_dying);
        visible.map(|(fun, _)| *fun).collect()
    }

    fn some_callees(&mut self, including: Fun) -> Vec<Fun> {
        let visible = self.visible();
        let mut callees: Vec<Fun> = (0..self.random.below(4))
            .filter_map(|_| self.random.choose(&visible))
            .collect();
        if self.random.one_in(3) {
            callees.push(including);
        }
        callees
    }

    fn define(&mut self) {
        self.collected();
        let fun = self.next;
        self.next += 1;
        let mut calls = self.some_callees(fun);
        calls.retain(|&callee| callee != fun);
        let recurses = self.random.one_in(3);
        self.module.edit(|e| define(e, fun, &calls));
        let body = Body {
            calls,
            is_defined: true,
            ..Body::default()
        };
        self.bodies.insert(fun, body);
        if recurses {
            self.call(fun, fun);
        }
        self.own(fun);
        self.handle(fun);
    }

    fn declare(&mut self) {
        self.collected();
        let fun = self.next;
        self.next += 1;
        self.module.edit(|e| {
            declare(e, fun);
        });
        self.bodies.insert(fun, Body::default());
        self.own(fun);
        self.handle(fun);
    }

    fn own(&mut self, fun: Fun) {
        let body = &self.bodies[&fun];
        let is_refused = body.is_dying && body.is_narrowed;
        let owned = match self.module.own(&name(fun)) {
            Ok(owned) => owned,
            Err(Error::Narrowed(_)) => return assert!(is_refused, "{body:?}"),
            Err(error) => panic!("{error}"),
        };
        assert!(!is_refused, "{body:?}");
        self.bodies.get_mut(&fun).unwrap().is_dying = false;
        match self.owners.iter_mut().find(|owner| owner.id == owned.id()) {
            Some(owner) => {
                assert_eq!(owner.fun, Some(fun));
                owner.shares.push(owned);
            }
            None => {
                // Whose is it? Nobody's, or the module would have given one of them.
                assert!(
                    !self.held().contains(&fun),
                    "{} has two identities",
                    name(fun)
                );
                let (id, shares) = (owned.id(), vec![owned]);
                self.owners.push(Owner {
                    id,
                    shares,
                    fun: Some(fun),
                });
            }
        }
    }

    fn handle(&mut self, fun: Fun) {
        let body = &self.bodies[&fun];
        let has_block = body.is_defined && !body.is_pinned;
        let (weak, tracking, block) = self.module.read(|e| {
            let function = function(e, fun);
            let block = function.get_first_basic_block();
            (
                e.weak(function),
                e.tracking(function),
                block.map(|block| e.weak(block)),
            )
        });
        assert_eq!(block.is_some(), has_block);
        self.handles.push(Handles {
            weak: (weak, Some(fun)),
            tracking: (tracking, Some(fun)),
            block: (block, has_block.then_some(fun)),
        });
    }

    /// Defined here and now.
    fn with_bodies(&self) -> Vec<Fun> {
        let bodies = self
            .bodies
            .iter()
            .filter(|(_, body)| body.is_defined && !body.is_pinned);
        bodies.map(|(fun, _)| *fun).collect()
    }

    fn add_call(&mut self) {
        self.collected();
        let (with_bodies, visible) = (self.with_bodies(), self.visible());
        if let (Some(from), Some(to)) = (
            self.random.choose(&with_bodies),
            self.random.choose(&visible),
        ) {
            self.call(from, to);
        }
    }

    /// Makes one function call another.
    fn call(&mut self, from: Fun, to: Fun) {
        self.module.edit(|e| {
            let block = function(e, from).get_first_basic_block().unwrap();
            let builder = e.context().create_builder();
            builder.position_before(&block.get_terminator().unwrap());
            let zero = e.context().i64_type().const_zero();
            builder
                .build_call(function(e, to), &[zero.into(), zero.into()], "")
                .unwrap();
        });
        self.bodies.get_mut(&from).unwrap().calls.push(to);
    }

    /// Has a variable point to a function, or to none.
    fn point(&mut self) {
        self.collected();
        let visible = self.visible();
        let to = self
            .random
            .choose(&visible)
            .filter(|_| !self.random.one_in(2));
        let variable = self.random.below(3);
        self.module.edit(|e| {
            let pointer_type = e.context().ptr_type(AddressSpace::default());
            let label = format!("v{variable}");
            let global = e.module().get_global(&label);
            let global =
                global.unwrap_or_else(|| e.module().add_global(pointer_type, None, &label));
            match to {
                Some(to) => global.set_initializer(&pointer(e, to)),
                None => global.set_initializer(&pointer_type.const_null()),
            }
        });
        self.variables.insert(variable, to);
    }

    /// Writes `llvm.used` anew.
    fn list(&mut self) {
        self.collected();
        let mut visible = self.visible();
        let keep = self.random.below(3).min(visible.len());
        let skip = self.random.below(visible.len() - keep + 1);
        visible.drain(..skip);
        visible.truncate(keep);
        self.module.edit(|e| {
            if let Some(old) = e.module().get_global("llvm.used") {
                // SAFETY: nothing can use it.
                unsafe { old.delete() };
            }
            if visible.is_empty() {
                return;
            }
            let pointer_type = e.context().ptr_type(AddressSpace::default());
            let pointers: Vec<_> = visible.iter().map(|&fun| pointer(e, fun)).collect();
            let array_type = pointer_type.array_type(pointers.len() as u32);
            let list = e.module().add_global(array_type, None, "llvm.used");
            list.set_linkage(Linkage::Appending);
            list.set_section(Some("llvm.metadata"));
            list.set_initializer(&pointer_type.const_array(&pointers));
        });
        self.used = visible;
    }

    fn hold(&mut self) {
        self.collected();
        self.module.edit(|_| ());
        let all: Vec<Fun> = self.bodies.keys().copied().collect();
        if let Some(fun) = self.random.choose(&all) {
            match self.random.below(3) {
                0 => self.handle(fun),
                _ => self.own(fun),
            }
        }
    }

    fn drop_share(&mut self) {
        let place = self.random.below(self.owners.len());
        let Some(owner) = self.owners.get_mut(place) else {
            return;
        };
        if self.random.one_in(4) {
            owner.shares.push(owner.shares[0].clone());
            return;
        }
        owner.shares.pop();
        if owner.shares.is_empty() {
            let fun = self.owners.swap_remove(place).fun;
            self.let_go(fun);
        }
    }

    /// Somebody owned this; if nobody else does, it is dying.
    fn let_go(&mut self, fun: Option<Fun>) {
        let held = self.held();
        if let Some(fun) = fun.filter(|fun| !held.contains(fun)) {
            self.bodies.get_mut(&fun).unwrap().is_dying = true;
        }
    }

    /// Functions that nothing refers to, pinned ones and themselves included.
    fn unused(&self) -> Vec<Fun> {
        let unused = self.bodies.keys().filter(|fun| !self.is_used(**fun));
        unused.copied().collect()
    }

    fn is_used(&self, fun: Fun) -> bool {
        self.bodies.values().any(|body| body.calls.contains(&fun))
            || self.variables.values().any(|to| *to == Some(fun))
            || self.aliases.contains(&fun)
            || self.used.contains(&fun)
    }

    /// Deletes a function behind everybody's back.
    fn erase(&mut self) {
        self.collected();
        let unused = self.unused();
        let Some(fun) = self.random.choose(&unused) else {
            return;
        };
        self.module.edit(|e| {
            // SAFETY: nothing uses it, and no value of it is kept.
            unsafe { function(e, fun).delete() };
        });
        self.bodies.remove(&fun);
        self.forget_missing();
    }

    fn replace(&mut self) {
        self.collected();
        let all: Vec<Fun> = self.bodies.keys().copied().collect();
        let (with_bodies, visible) = (self.with_bodies(), self.visible());
        let targets: Vec<Fun> = with_bodies
            .into_iter()
            .filter(|fun| visible.contains(fun))
            .collect();
        let (Some(old), Some(new)) = (self.random.choose(&all), self.random.choose(&targets))
        else {
            return;
        };
        // Calls of a narrowed function may have its calling convention.
        if old == new || self.bodies[&old].is_narrowed {
            return;
        }
        self.module
            .edit(|e| function(e, old).replace_all_uses_with(function(e, new)));
        self.redirect(old, new);
    }

    /// All that referred to one function refers to another now; handles that follow, do.
    fn redirect(&mut self, old: Fun, new: Fun) {
        // Who had the pinned definition has another function now.
        if self.held().contains(&old) && self.bodies[&old].is_pinned {
            self.bodies.insert(old, Body::default());
        }
        let calls = self.bodies.values_mut().flat_map(|body| &mut body.calls);
        let variables = self.variables.values_mut().flatten();
        let others = self.aliases.iter_mut().chain(&mut self.used);
        for fun in calls.chain(variables).chain(others) {
            if *fun == old {
                *fun = new;
            }
        }
        let owners = self.owners.iter_mut().map(|owner| &mut owner.fun);
        let tracking = self
            .handles
            .iter_mut()
            .map(|handles| &mut handles.tracking.1);
        for fun in owners.chain(tracking) {
            if *fun == Some(old) {
                *fun = Some(new);
            }
        }
        if self.held().contains(&new) {
            self.bodies.get_mut(&new).unwrap().is_dying = false;
        }
    }

    /// Links new functions, an alias of one of them at times, and a definition of a declared one.
    fn link(&mut self) {
        self.collected();
        let visible = self.visible();
        let declared: Vec<Fun> = visible
            .iter()
            .copied()
            .filter(|fun| !self.bodies[fun].is_defined)
            .collect();
        let mut defined = vec![self.next];
        self.next += 1;
        let resolved = self.random.choose(&declared);
        defined.extend(resolved);
        let mut text = String::new();
        let mut named = BTreeSet::new();
        let mut new = Vec::new();
        for &fun in &defined {
            let mut calls = self.some_callees(fun);
            calls.retain(|callee| visible.contains(callee) || defined.contains(callee));
            writeln!(
                text,
                "define i64 @{}(i64 %n, i64 %m) optnone noinline {{",
                name(fun)
            )
            .unwrap();
            for callee in &calls {
                writeln!(text, "call i64 @{}(i64 %n, i64 %m)", name(*callee)).unwrap();
            }
            text += "ret i64 %m }\n";
            named.extend(calls.iter().copied());
            new.push((fun, calls));
        }
        if self.aliases.len() < 2 && self.random.one_in(4) {
            let (alias, fun) = (self.aliases.len(), defined[0]);
            writeln!(text, "@a{alias} = alias i64 (i64, i64), ptr @{}", name(fun)).unwrap();
            self.aliases.push(fun);
        }
        for fun in named.iter().filter(|fun| !defined.contains(fun)) {
            writeln!(text, "declare i64 @{}(i64, i64)", name(*fun)).unwrap();
        }
        let other = Module::from_bitcode("other", &bitcode(&text), Context::new()).unwrap();
        self.module.link(&other).unwrap();
        for (fun, calls) in new {
            let body = self.bodies.entry(fun).or_default();
            body.calls.extend(calls);
            body.is_defined = true;
        }
        // The declaration is another value than the definition that took its place.
        for handles in &mut self.handles {
            if resolved.is_some() && handles.weak.1 == resolved {
                handles.weak.1 = None;
            }
        }
        self.own(defined[0]);
        self.handle(defined[0]);
    }

    fn link_conflict(&mut self) {
        self.collected();
        let with_bodies = self.with_bodies();
        let visible = self.visible();
        let Some(&fun) = with_bodies.iter().find(|fun| visible.contains(fun)) else {
            return;
        };
        let text = format!(
            "define i64 @{}(i64 %n, i64 %m) {{ ret i64 %n }}\n define i64 @not_linked() {{ ret i64 1 }}",
            name(fun)
        );
        let other = Module::from_bitcode("other", &bitcode(&text), Context::new()).unwrap();
        let error = self.module.link(&other).unwrap_err();
        assert!(matches!(error, Error::Link { .. }), "{error}");
    }

    fn pin(&mut self) {
        self.collected();
        let place = self.random.below(self.owners.len());
        let Some((owner, fun)) = self
            .owners
            .get(place)
            .and_then(|owner| Some((&owner.shares[0], owner.fun?)))
        else {
            return;
        };
        let Body {
            is_defined,
            is_pinned,
            ..
        } = self.bodies[&fun];
        // Static functions that it calls would go with it, and come back as copies.
        let calls = &self.bodies[&fun].calls;
        if calls.iter().any(|callee| self.bodies[callee].is_dying) {
            return;
        }
        match self.module.pin(owner) {
            Ok(()) => assert!(is_defined && (is_pinned || !self.aliases.contains(&fun))),
            Err(Error::NotDefined(_)) => return assert!(!is_defined),
            Err(Error::Extract { .. }) => return assert!(self.aliases.contains(&fun)),
            Err(error) => panic!("{error}"),
        }
        self.bodies.get_mut(&fun).unwrap().is_pinned = true;
        for handles in &mut self.handles {
            if handles.block.1 == Some(fun) {
                handles.block.1 = None;
            }
        }
    }

    fn unpin(&mut self) {
        self.collected();
        let place = self.random.below(self.owners.len());
        let Some((owner, fun)) = self
            .owners
            .get(place)
            .and_then(|owner| Some((&owner.shares[0], owner.fun?)))
        else {
            return;
        };
        self.module.unpin(owner).unwrap();
        self.bodies.get_mut(&fun).unwrap().is_pinned = false;
    }

    fn run_passes(&mut self) {
        self.collected();
        let pipelines = [
            "globaldce",
            "strip-dead-prototypes",
            "globalopt",
            "function(instcombine<no-verify-fixpoint>,simplifycfg)",
            "globaldce,globalopt,strip-dead-prototypes",
        ];
        let pipeline = self.random.choose(&pipelines).unwrap();
        let report = self.module.run_passes(pipeline, &self.machine).unwrap();
        let owners = self.owners.iter().filter(|owner| owner.fun.is_some());
        assert!(report.functions.len() >= owners.clone().count());
        for owner in owners {
            assert!(report.fate(owner.id).is_some());
        }
        // A declaration that nobody holds and nothing uses may go.
        let module = &self.module;
        let is_there = |fun: &Fun| module.read(|e| e.module().get_function(&name(*fun)).is_some());
        let (held, reachable) = (self.held(), self.reachable());
        let free: Vec<Fun> = self
            .bodies
            .iter()
            .filter(|(fun, body)| !body.is_dying && !held.contains(fun) && !body.is_defined)
            .map(|(fun, _)| *fun)
            .filter(|fun| !is_there(fun))
            .collect();
        for fun in free {
            assert!(!self.is_used(fun));
            self.bodies.remove(&fun);
        }
        for body in self.bodies.values_mut() {
            body.is_narrowed |= body.is_dying && body.is_defined && !body.is_pinned;
        }
        // So do internal functions that nothing leads to, before they are collected.
        self.bodies
            .retain(|fun, body| !body.is_dying || reachable.contains(fun));
        self.forget_missing();
    }

    fn drop_handles(&mut self) {
        let keep = self.random.below(self.handles.len() + 1);
        let dropped = self.handles.split_off(keep);
        if self.random.one_in(2) {
            std::thread::spawn(move || drop(dropped)).join().unwrap();
        }
    }

    /// Shares may be dropped anywhere.
    fn owner_moves_to_another_thread(&mut self) {
        let place = self.random.below(self.owners.len());
        if place < self.owners.len() {
            let owner = self.owners.swap_remove(place);
            let fun = owner.fun;
            std::thread::spawn(move || drop(owner)).join().unwrap();
            self.let_go(fun);
        }
    }

    fn collect(&mut self) {
        let report = self.module.collect();
        let before: BTreeSet<Fun> = self
            .bodies
            .iter()
            .filter(|(_, body)| body.is_dying)
            .map(|(fun, _)| *fun)
            .collect();
        self.collected();
        let refused = before
            .iter()
            .filter(|fun| self.bodies.contains_key(fun))
            .count();
        let bodies = &self.bodies;
        assert_eq!(
            report.refused.len(),
            refused,
            "{report:?}\n{bodies:?}\n{}",
            self.module
        );
        assert_eq!(report.asserted, []);
        for (_, refusal) in &report.refused {
            assert!(
                matches!(
                    refusal,
                    Refusal::LiveUser(_)
                        | Refusal::Variable(_)
                        | Refusal::UsedList
                        | Refusal::Alias(_)
                ),
                "{refusal:?}"
            );
        }
        let memory = self.module.memory_report();
        assert_eq!(memory.dying, refused);
        let count = self.module.function_count();
        assert_eq!(
            count,
            self.bodies.len(),
            "{:?}\n{}",
            self.bodies,
            self.module
        );
        let definitions = self.with_bodies().len();
        assert_eq!(memory.definitions, definitions);
        assert_eq!(memory.declarations, self.bodies.len() - definitions);
        let lists = usize::from(!self.used.is_empty());
        assert_eq!(memory.variables, self.variables.len() + lists);
        let pinned = self.bodies.values().filter(|body| body.is_pinned).count();
        // Those that were erased while they were held keep their bitcode as long.
        let lost = self
            .owners
            .iter()
            .filter(|owner| owner.fun.is_none())
            .count();
        assert!(
            (pinned..=pinned + lost).contains(&memory.pinned),
            "{memory:?} {pinned} {lost}"
        );
        let n_handles: usize = self
            .handles
            .iter()
            .map(|handles| 2 + usize::from(handles.block.0.is_some()))
            .sum();
        // Beside the handles: the nodes of owned functions, and of what pinned ones name.
        assert!(memory.nodes >= n_handles + memory.owned + memory.dying);
    }

    fn check(&self) {
        self.module
            .verify()
            .unwrap_or_else(|error| panic!("{error}\n{}", self.module));
        let name_of =
            |function: FunctionValue<'_>| function.get_name().to_string_lossy().into_owned();
        for owner in &self.owners {
            match (owner.shares[0].get(&self.module), owner.fun) {
                (Ok(function), Some(fun)) => {
                    assert_eq!(name_of(function), name(fun));
                    let body = &self.bodies[&fun];
                    let has_body = body.is_defined && !body.is_pinned;
                    assert_eq!(function.count_basic_blocks() > 0, has_body, "{body:?}");
                    assert_eq!(function.get_linkage(), Linkage::External);
                }
                (Err(_), None) => {}
                (got, expected) => panic!("{got:?}, not {expected:?}\n{}", self.module),
            }
        }
        let reachable = self.reachable();
        for Handles {
            weak,
            tracking,
            block,
        } in &self.handles
        {
            for (got, is_alive, expected) in [
                (weak.0.get(&self.module), weak.0.is_alive(), weak.1),
                (
                    tracking.0.get(&self.module),
                    tracking.0.is_alive(),
                    tracking.1,
                ),
            ] {
                assert_eq!(got.is_ok(), is_alive);
                match (got, expected) {
                    (Ok(function), Some(fun)) => assert_eq!(name_of(function), name(fun)),
                    (Err(_), None) => {}
                    // Not collected yet, or gone already: both are right.
                    (_, Some(fun)) if !reachable.contains(&fun) => {}
                    (got, expected) => panic!("{got:?}, not {expected:?}\n{}", self.module),
                }
            }
            let got = block.0.as_ref().map(|block| block.get(&self.module));
            match (got, block.1) {
                (Some(Ok(block)), Some(fun)) => {
                    assert_eq!(name_of(block.get_parent().unwrap()), name(fun));
                }
                (Some(Err(_)) | None, None) => {}
                (_, Some(fun)) if !reachable.contains(&fun) => {}
                (got, expected) => panic!("{got:?}, not {expected:?}\n{}", self.module),
            }
        }
    }

    /// Everybody lets go: what nothing else refers to is gone, and no node is left.
    fn end(mut self) {
        while let Some(owner) = self.owners.pop() {
            let fun = owner.fun;
            drop(owner);
            self.let_go(fun);
        }
        self.collect();
        self.handles.clear();
        // What nobody ever dropped: functions that were replaced by hand.
        for (fun, body) in &mut self.bodies {
            if !body.is_dying {
                drop(self.module.own(&name(*fun)).unwrap());
                body.is_dying = true;
            }
        }
        self.collect();
        self.variables.clear();
        self.used.clear();
        self.module.edit(|e| {
            for global in e.module().get_globals().collect::<Vec<_>>() {
                // SAFETY: nothing uses these variables.
                unsafe { global.delete() };
            }
        });
        self.collect();
        let memory = self.module.memory_report();
        assert_eq!(memory.definitions == 0, self.aliases.is_empty());
        if self.aliases.is_empty() {
            assert_eq!(
                (memory.nodes, memory.pinned_bytes, memory.instructions),
                (0, 0, 0)
            );
        }
    }
}
