//! From trees to objects: the engine's `Compiler`.
//!
//! The **library module** holds the translation of every version until it is released, so that it can
//! be inlined into others; it is behind a lock. A **unit** with what one function needs is extracted from
//! it, and is optimised and emitted outside of the lock, so that several threads compile at once.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use martlet_codegen::{Emitter, Target};
use martlet_engine::{
    AssumptionKey, Compiled, Compiler, FunctionId, Refusal, Released, Request, Tier, Timings,
    VersionId,
};
use martlet_ir::inkwell::FloatPredicate::{OEQ, OGT, OLT, UNE};
use martlet_ir::inkwell::builder::{Builder, BuilderError};
use martlet_ir::inkwell::context::Context;
use martlet_ir::inkwell::types::BasicTypeEnum;
use martlet_ir::inkwell::values::{
    BasicValue, FloatValue, FunctionValue, GlobalValue, IntValue, PointerValue,
};
use martlet_ir::inkwell::{AddressSpace, IntPredicate};
use martlet_ir::{Bring, Edit, Module, OwnedFunction, PassReport};

use crate::parse::{Definition, Expr, Operator};
use crate::raw;

/// The word that says whether the bodies in a version are still those of their functions.
pub(crate) const VALID: &str = "calc.valid";

/// All that the compiler needs to know.
#[derive(Debug, Clone)]
pub struct Source {
    /// The tree.
    pub definition: Arc<Definition>,
    /// Which functions are meant by the names in it, and which of their versions may be inlined.
    pub callees: Callees,
    /// The version's word `calc.valid`, 1 at first.
    pub valid: Arc<AtomicU64>,
}

/// By name: which function, and which version of it may be inlined.
pub type Callees = HashMap<Arc<str>, (FunctionId, Option<VersionId>)>;

/// What is kept beside a version.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The name of its function.
    pub name: Arc<str>,
    /// Not 0 as long as the bodies in it are those of their functions. Its address is in the code.
    pub valid: Arc<AtomicU64>,
}

/// The compiler.
pub struct Calc {
    library: Mutex<Library>,
    emitters: Mutex<Vec<Emitter>>,
}

struct Library {
    module: Module,
    versions: HashMap<VersionId, OwnedFunction>,
}

impl Calc {
    /// A compiler with an empty library.
    ///
    /// # Errors
    /// Where LLVM has no code generator for this machine.
    pub fn new() -> Result<Self, Refusal> {
        let mut module = Module::new("library");
        let emitter = Emitter::new(Target::host()).map_err(|it| failed(&it))?;
        emitter.prepare(&mut module).map_err(|it| failed(&it))?;
        Ok(Calc {
            library: Mutex::new(Library {
                module,
                versions: HashMap::new(),
            }),
            emitters: Mutex::new(vec![emitter]),
        })
    }

    /// A phase: nobody else changes the library meanwhile.
    pub fn phase<R>(&self, work: impl FnOnce(&mut Module) -> R) -> R {
        work(&mut self.library().module)
    }

    /// Runs a pass pipeline over the whole library.
    ///
    /// # Errors
    /// Where the text is not a pipeline, or a pass failed.
    pub fn maintain(&self, pipeline: &str) -> Result<PassReport, Refusal> {
        let mut emitter = Emitter::new(Target::host()).map_err(|it| failed(&it))?;
        let level = martlet_codegen::OptLevel::Default;
        let machine = emitter.machine(level).map_err(|it| failed(&it))?;
        self.phase(|library| library.run_passes(pipeline, machine))
            .map_err(|it| failed(&it))
    }

    /// How many translations are in the library.
    pub fn n_translations(&self) -> usize {
        self.library().versions.len()
    }

    fn library(&self) -> MutexGuard<'_, Library> {
        lock(&self.library)
    }
}

impl Compiler for Calc {
    type Source = Source;
    type Meta = Meta;

    fn compile(&self, request: &Request<Source>) -> Result<Compiled<Meta>, Refusal> {
        let (start, source) = (Instant::now(), &request.source);
        let symbol = request.version.to_string();
        let mut guard = self.library();
        let library = &mut *guard;

        // The tree becomes a function of the library. Only translations that are still there are named.
        let mut callees = source.callees.clone();
        for (_, version) in callees.values_mut() {
            *version = version.filter(|it| library.versions.contains_key(it));
        }
        let definition = &source.definition;
        let translation = library
            .module
            .edit(|e| Lowering::lower(e, definition, &symbol, &callees).map(|it| e.own(it)))
            .map_err(|it| failed(&it))?;

        // The unit: this one function, and the bodies that it may take in, each under a number by which
        // it is known afterwards whose they were.
        let bodies: Vec<VersionId> = callees.values().filter_map(|it| it.1).collect();
        let bring: Vec<Bring<'_>> = (0..)
            .zip(&bodies)
            .map(|(tag, it)| Bring {
                function: &library.versions[it],
                tag,
            })
            .collect();
        let mut unit = library
            .module
            .extract(&translation, &bring)
            .map_err(|it| failed(&it))?;
        library.versions.insert(request.version, translation);
        drop(guard);
        let frontend_ns = start.elapsed().as_nanos() as u64;

        // Optimised and emitted: nothing of the library is touched.
        let mut emitter = match lock(&self.emitters).pop() {
            Some(emitter) => emitter,
            None => Emitter::new(Target::host()).map_err(|it| failed(&it))?,
        };
        let tier = match request.tier {
            Tier::Best => martlet_codegen::Tier::Best,
            _ => martlet_codegen::Tier::Quick,
        };
        let compiled = emitter.compile(&mut unit.module, tier);
        lock(&self.emitters).push(emitter);
        let compiled = compiled.map_err(|it| failed(&it))?;
        // All that were named, and not only those that `provenance` tells of: passes over the library may
        // take one into this translation later, and then it comes along into others.
        let inlined = bodies.iter();
        Ok(Compiled {
            object: compiled.object,
            entry_symbol: symbol,
            tables: Vec::new(),
            assumptions: callees.values().map(|it| AssumptionKey(it.0.0)).collect(),
            inlined: inlined.map(|it| (it.function, it.number)).collect(),
            meta: Meta {
                name: definition.name.clone(),
                valid: source.valid.clone(),
            },
            timings: Timings {
                bytecodes: 1,
                frontend_ns,
                optimise_ns: compiled.optimise.as_nanos() as u64,
                emit_ns: compiled.emit.as_nanos() as u64,
                ..Timings::default()
            },
        })
    }

    fn release(&self, released: &[Released]) {
        let mut library = self.library();
        for it in released {
            if let Released::Version(id) = it {
                library.versions.remove(id);
            }
        }
        // What is still named by others goes when these go.
        library.module.collect();
    }

    fn library_bytes(&self) -> u64 {
        // About what an instruction takes.
        64 * self.library().module.memory_report().instructions
    }
}

/// Builds one function of the library.
struct Lowering<'ctx, 'a> {
    edit: Edit<'ctx>,
    context: &'ctx Context,
    builder: Builder<'ctx>,
    function: FunctionValue<'ctx>,
    locals: Vec<PointerValue<'ctx>>,
    callees: &'a Callees,
}

type Built<'ctx> = Result<FloatValue<'ctx>, BuilderError>;

impl<'ctx, 'a> Lowering<'ctx, 'a> {
    fn lower(
        edit: Edit<'ctx>,
        definition: &Definition,
        symbol: &str,
        callees: &'a Callees,
    ) -> Result<FunctionValue<'ctx>, BuilderError> {
        let context = edit.context();
        let mut it = Lowering {
            edit,
            context,
            builder: context.create_builder(),
            function: declare(edit, symbol),
            locals: Vec::new(),
            callees,
        };
        let [entry, wrong, right] =
            ["entry", "wrong", "right"].map(|name| context.append_basic_block(it.function, name));
        it.builder.position_at_end(entry);
        for _ in 0..definition.n_locals {
            let local = it.builder.build_alloca(context.f64_type(), "")?;
            it.builder.build_store(local, it.number(0.0))?;
            it.locals.push(local);
        }
        // Somebody else may have counted on other parameters.
        let n_args = it.function.get_params()[2].into_int_value();
        let n_params = n_args
            .get_type()
            .const_int(definition.n_params as u64, false);
        let equal = IntPredicate::EQ;
        let fits = it
            .builder
            .build_int_compare(equal, n_args, n_params, "fits")?;
        it.builder.build_conditional_branch(fits, right, wrong)?;
        it.builder.position_at_end(wrong);
        it.builder.build_return(Some(&it.number(f64::NAN)))?;
        it.builder.position_at_end(right);
        let args = it.function.get_params()[3].into_pointer_value();
        for param in 0..definition.n_params {
            let place = it.element(args, param)?;
            let arg = it.builder.build_load(context.f64_type(), place, "")?;
            it.builder.build_store(it.locals[param], arg)?;
        }
        let result = it.expr(&definition.body)?;
        it.builder.build_return(Some(&result))?;
        Ok(it.function)
    }

    fn expr(&self, expr: &Expr) -> Built<'ctx> {
        let builder = &self.builder;
        match expr {
            Expr::Number(number) => Ok(self.number(*number)),
            Expr::Local(local) => {
                let value = builder.build_load(self.context.f64_type(), self.locals[*local], "")?;
                Ok(value.into_float_value())
            }
            Expr::Set(local, value) => {
                let value = self.expr(value)?;
                builder.build_store(self.locals[*local], value)?;
                Ok(value)
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                self.binary(*operator, left, right)
            }
            Expr::Call(name, args) => self.call(name, args),
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = self.is_true(condition)?;
                self.choose(condition, || self.expr(then), || self.expr(otherwise))
            }
            Expr::While(parts) => {
                let [condition, body] = &**parts;
                let [head, test, turn, end] = ["head", "test", "turn", "end"]
                    .map(|name| self.context.append_basic_block(self.function, name));
                builder.build_unconditional_branch(head)?;
                builder.position_at_end(head);
                let stop = self.is_set("calc.stop", 8)?;
                builder.build_conditional_branch(stop, end, test)?;
                builder.position_at_end(test);
                let again = self.is_true(condition)?;
                builder.build_conditional_branch(again, turn, end)?;
                builder.position_at_end(turn);
                self.expr(body)?;
                builder.build_unconditional_branch(head)?;
                builder.position_at_end(end);
                Ok(self.number(0.0))
            }
            Expr::Block(exprs) => {
                let mut last = self.number(0.0);
                for expr in exprs {
                    last = self.expr(expr)?;
                }
                Ok(last)
            }
        }
    }

    fn binary(
        &self,
        operator: Operator,
        left: FloatValue<'ctx>,
        right: FloatValue<'ctx>,
    ) -> Built<'ctx> {
        let builder = &self.builder;
        let predicate = match operator {
            Operator::Add => return builder.build_float_add(left, right, ""),
            Operator::Subtract => return builder.build_float_sub(left, right, ""),
            Operator::Multiply => return builder.build_float_mul(left, right, ""),
            Operator::Divide => return builder.build_float_div(left, right, ""),
            Operator::Less => OLT,
            Operator::Greater => OGT,
            Operator::Equal => OEQ,
        };
        let is_so = builder.build_float_compare(predicate, left, right, "")?;
        builder.build_unsigned_int_to_float(is_so, self.context.f64_type(), "")
    }

    /// Through the callee's entry; or, where its body may be taken in and is still the right one, that.
    fn call(&self, name: &Arc<str>, args: &[Expr]) -> Built<'ctx> {
        let values: Vec<_> = args
            .iter()
            .map(|it| self.expr(it))
            .collect::<Result<_, _>>()?;
        let (id, version) = self.callees[name];
        let f64_type = self.context.f64_type();
        // In the entry block, or a loop would take more of the stack each turn.
        let block = self.builder.get_insert_block();
        if let Some(first) = self
            .function
            .get_first_basic_block()
            .and_then(|it| it.get_first_instruction())
        {
            self.builder.position_before(&first);
        }
        let array = f64_type.array_type(args.len().max(1) as u32);
        let place = self.builder.build_alloca(array, "args")?;
        if let Some(block) = block {
            self.builder.position_at_end(block);
        }
        for (no, value) in values.into_iter().enumerate() {
            self.builder.build_store(self.element(place, no)?, value)?;
        }
        let frame = self.function.get_params()[0];
        let callee = self.external(&format!("callee.{}", id.0), self.context.i8_type().into());
        let n_args = self.context.i64_type().const_int(args.len() as u64, false);
        let call = |symbol: &str| -> Built<'ctx> {
            let passed = [
                frame.into(),
                callee.as_pointer_value().into(),
                n_args.into(),
                place.into(),
            ];
            let target = declare(self.edit, symbol);
            let call = self.builder.build_call(target, &passed, "")?;
            Ok(call
                .try_as_basic_value()
                .basic()
                .map_or(self.number(0.0), |it| it.into_float_value()))
        };
        let Some(version) = version else {
            return call("calc.call");
        };
        let is_valid = self.is_set(VALID, 64)?;
        self.choose(
            is_valid,
            || call(&version.to_string()),
            || call("calc.call"),
        )
    }

    fn choose(
        &self,
        condition: IntValue<'ctx>,
        then: impl FnOnce() -> Built<'ctx>,
        otherwise: impl FnOnce() -> Built<'ctx>,
    ) -> Built<'ctx> {
        let builder = &self.builder;
        let [first, second, end] = ["then", "else", "end"]
            .map(|name| self.context.append_basic_block(self.function, name));
        builder.build_conditional_branch(condition, first, second)?;
        builder.position_at_end(first);
        let then = then()?;
        let then_end = builder.get_insert_block().unwrap_or(first);
        builder.build_unconditional_branch(end)?;
        builder.position_at_end(second);
        let otherwise = otherwise()?;
        let otherwise_end = builder.get_insert_block().unwrap_or(second);
        builder.build_unconditional_branch(end)?;
        builder.position_at_end(end);
        let phi = builder.build_phi(self.context.f64_type(), "")?;
        phi.add_incoming(&[(&then, then_end), (&otherwise, otherwise_end)]);
        Ok(phi.as_basic_value().into_float_value())
    }

    fn is_true(&self, expr: &Expr) -> Result<IntValue<'ctx>, BuilderError> {
        let value = self.expr(expr)?;
        self.builder
            .build_float_compare(UNE, value, self.number(0.0), "")
    }

    /// Whether a variable of so many bits, which others change, is not 0.
    fn is_set(&self, symbol: &str, bits: u32) -> Result<IntValue<'ctx>, BuilderError> {
        let int_type = match bits {
            8 => self.context.i8_type(),
            _ => self.context.i64_type(),
        };
        let global = self.external(symbol, int_type.into());
        let value = self
            .builder
            .build_load(int_type, global.as_pointer_value(), "")?;
        if let Some(load) = value.as_instruction_value() {
            // It cannot fail for a load.
            let _ = load.set_volatile(true);
        }
        let (value, zero) = (value.into_int_value(), int_type.const_zero());
        let not_equal = IntPredicate::NE;
        self.builder.build_int_compare(not_equal, value, zero, "")
    }

    fn external(&self, symbol: &str, of: BasicTypeEnum<'ctx>) -> GlobalValue<'ctx> {
        let module = self.edit.module();
        let known = module.get_global(symbol);
        known.unwrap_or_else(|| module.add_global(of, None, symbol))
    }

    fn element(
        &self,
        array: PointerValue<'ctx>,
        no: usize,
    ) -> Result<PointerValue<'ctx>, BuilderError> {
        let no = self.context.i64_type().const_int(no as u64, false);
        raw::element(&self.builder, self.context.f64_type(), array, no)
    }

    fn number(&self, number: f64) -> FloatValue<'ctx> {
        self.context.f64_type().const_float(number)
    }
}

/// A function of the one type that all have, declared if it is not there.
fn declare<'ctx>(edit: Edit<'ctx>, symbol: &str) -> FunctionValue<'ctx> {
    let (module, context) = (edit.module(), edit.context());
    let pointer = context.ptr_type(AddressSpace::default());
    let params = [
        pointer.into(),
        pointer.into(),
        context.i64_type().into(),
        pointer.into(),
    ];
    let fn_type = context.f64_type().fn_type(&params, false);
    let known = module.get_function(symbol);
    known.unwrap_or_else(|| module.add_function(symbol, fn_type, None))
}

fn failed(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new("LLVM failed", error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
