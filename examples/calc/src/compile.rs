//! From trees to objects: the engine's `Compiler`.
//!
//! The library holds the translation of every version until it is released, so that it can be inlined into others. A
//! unit with what one function needs is extracted from it, optimised and emitted, by several threads at once.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use martlet_codegen::Library;
use martlet_engine::{
    AssumptionKey, Compiled, Compiler, Refusal, Released, Request, Tier, Timings, VALID_SYMBOL,
    VersionId,
};

use crate::parse::{Definition, Expr, MAX_PARAMS};

/// All that the compiler needs to know.
#[derive(Debug, Clone)]
pub struct Source {
    /// The tree.
    pub definition: Arc<Definition>,
    /// Whose bodies may be inlined, by the names in the tree.
    pub inlined: HashMap<Arc<str>, VersionId>,
}

/// The compiler.
pub struct Calc {
    /// The translations.
    pub library: Library<VersionId>,
}

impl Compiler for Calc {
    type Source = Source;
    type Meta = ();

    fn compile(&self, request: &Request<Source>) -> Result<Compiled<()>, Refusal> {
        let (symbol, source) = (request.version.to_string(), &request.source);
        let tier = match request.tier {
            Tier::Best => martlet_codegen::Tier::Best,
            _ => martlet_codegen::Tier::Quick,
        };
        let (library, bodies) = (&self.library, source.inlined.values().copied());
        let translated = library.compile(request.version, bodies, tier, |module, left| {
            module.add(&lower(&symbol, source, left))?;
            Ok::<_, Box<dyn Error>>(module.own(&symbol)?)
        });
        let it = translated.map_err(|it| Refusal::new("LLVM failed", it.to_string()))?;
        let ns = |time: Duration| time.as_nanos() as u64;
        let relied_on = it.bodies.iter().map(|it| {
            let key = AssumptionKey(it.function.0);
            (key, (it.function, it.number))
        });
        let (assumptions, inlined) = relied_on.unzip();
        Ok(Compiled {
            assumptions,
            inlined,
            timings: Timings {
                bytecodes: 1,
                frontend_ns: ns(it.translate),
                optimise_ns: ns(it.compiled.optimise),
                emit_ns: ns(it.compiled.emit),
                ..Timings::default()
            },
            ..Compiled::new(it.compiled.object, symbol, ())
        })
    }

    fn release(&self, released: &[Released]) {
        self.library
            .release(released.iter().filter_map(|it| match it {
                Released::Version(id) => Some(*id),
                _ => None,
            }));
    }

    fn library_bytes(&self) -> u64 {
        // About what an instruction takes.
        64 * self.library.memory_report().instructions
    }
}

/// What all functions are given; see `raw`.
const PARAMS: &str = "(ptr %frame, ptr %name, i64 %n_args, ptr %args)";

/// Writes one function in LLVM's language.
#[derive(Default)]
struct Lowering {
    inlined: HashMap<Arc<str>, VersionId>,
    /// What is not of the function.
    externals: BTreeSet<String>,
    locals: BTreeSet<String>,
    code: String,
    latest: u32,
}

/// Names the bodies of those versions that are left.
fn lower(symbol: &str, source: &Source, left: &[VersionId]) -> String {
    let mut it = Lowering {
        inlined: source.inlined.clone(),
        ..Lowering::default()
    };
    it.inlined.retain(|_, version| left.contains(version));
    for (no, param) in source.definition.params.iter().enumerate() {
        let place = it.value(format!("getelementptr double, ptr %args, i64 {no}"));
        let arg = it.value(format!("load double, ptr {place}"));
        it.set(param, &arg);
    }
    let result = it.expr(&source.definition.body);
    let places = it.locals.iter().map(|local| {
        format!("%\"local.{local}\" = alloca double store double 0.0, ptr %\"local.{local}\"\n")
    });
    format!(
        "{externals} define double @{symbol}{PARAMS} {{
        {places} %passed = alloca [{MAX_PARAMS} x double]
        ; Somebody else may have counted on other parameters.
        %fits = icmp eq i64 %n_args, {n_params}
        br i1 %fits, label %right, label %wrong
        wrong: ret double {nan}
        right: {code} ret double {result} }}",
        externals = Vec::from_iter(it.externals).join("\n"),
        places = places.collect::<String>(),
        n_params = source.definition.params.len(),
        nan = number(f64::NAN),
        code = it.code,
    )
}

impl Lowering {
    fn expr(&mut self, expr: &Expr) -> String {
        match expr {
            Expr::Number(it) => number(*it),
            Expr::Local(name) => self.get(name),
            Expr::Set(name, value) => {
                let value = self.expr(value);
                self.set(name, &value);
                value
            }
            Expr::Binary((operator, _), left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                let result = self.value(format!("{operator} double {left}, {right}"));
                match operator.starts_with("fcmp") {
                    true => self.value(format!("uitofp i1 {result} to double")),
                    false => result,
                }
            }
            Expr::Call(name, args) => self.call(name, args),
            Expr::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = self.is_true(condition);
                self.choose(&condition, [&|it| it.expr(then), &|it| it.expr(otherwise)])
            }
            Expr::While(parts) => {
                let no = self.next();
                self.line(format!("br label %head{no} head{no}:"));
                let stop = self.is_set("calc.stop");
                self.line(format!(
                    "br i1 {stop}, label %end{no}, label %test{no} test{no}:"
                ));
                let again = self.is_true(&parts[0]);
                self.line(format!(
                    "br i1 {again}, label %turn{no}, label %end{no} turn{no}:"
                ));
                self.expr(&parts[1]);
                self.line(format!("br label %head{no} end{no}:"));
                number(0.0)
            }
            Expr::Block(exprs) => {
                let values = exprs.iter().map(|it| self.expr(it));
                values.last().unwrap_or_else(|| number(0.0))
            }
        }
    }

    /// Through the callee's entry; or, where its body may be taken in and is still the right one, that.
    fn call(&mut self, name: &str, args: &[Expr]) -> String {
        let args: Vec<String> = args.iter().map(|it| self.expr(it)).collect();
        for (no, arg) in args.iter().enumerate() {
            let place = self.value(format!("getelementptr double, ptr %passed, i64 {no}"));
            self.line(format!("store double {arg}, ptr {place}"));
        }
        let callee = self.external(&format!("\"calc.name.{name}\""));
        let passed = format!(
            "(ptr %frame, ptr {callee}, i64 {}, ptr %passed)",
            args.len()
        );
        let call = |it: &mut Self, symbol: &str| {
            it.externals
                .insert(format!("declare double @{symbol}{PARAMS}"));
            it.value(format!("call double @{symbol}{passed}"))
        };
        let Some(version) = self.inlined.get(name) else {
            return call(self, "calc.call");
        };
        let (version, is_valid) = (version.to_string(), self.is_set(VALID_SYMBOL));
        self.choose(
            &is_valid,
            [&|it| call(it, &version), &|it| call(it, "calc.call")],
        )
    }

    /// Goes one of two ways.
    fn choose(&mut self, condition: &str, ways: [&dyn Fn(&mut Self) -> String; 2]) -> String {
        // No name in a program begins with a digit.
        let no = self.next();
        self.line(format!(
            "br i1 {condition}, label %way0.{no}, label %way1.{no}"
        ));
        for (way, value) in ways.into_iter().enumerate() {
            self.line(format!("way{way}.{no}:"));
            let value = value(self);
            self.set(&no, &value);
            self.line(format!("br label %end{no}"));
        }
        self.line(format!("end{no}:"));
        self.get(&no)
    }

    fn is_true(&mut self, expr: &Expr) -> String {
        let value = self.expr(expr);
        self.value(format!("fcmp une double {value}, 0.0"))
    }

    /// Whether a byte, which others change, is not 0.
    fn is_set(&mut self, symbol: &str) -> String {
        let byte = self.external(symbol);
        let value = self.value(format!("load volatile i8, ptr {byte}"));
        self.value(format!("icmp ne i8 {value}, 0"))
    }

    fn external(&mut self, symbol: &str) -> String {
        self.externals
            .insert(format!("@{symbol} = external global i8"));
        format!("@{symbol}")
    }

    fn get(&mut self, local: &str) -> String {
        self.locals.insert(local.to_owned());
        self.value(format!("load double, ptr %\"local.{local}\""))
    }

    fn set(&mut self, local: &str, value: &str) {
        self.locals.insert(local.to_owned());
        self.line(format!("store double {value}, ptr %\"local.{local}\""));
    }

    fn value(&mut self, instruction: String) -> String {
        let no = self.next();
        self.line(format!("%v{no} = {instruction}"));
        format!("%v{no}")
    }

    fn line(&mut self, line: String) {
        self.code += &line;
        self.code.push('\n');
    }

    fn next(&mut self) -> String {
        self.latest += 1;
        self.latest.to_string()
    }
}

fn number(number: f64) -> String {
    format!("0x{:016X}", number.to_bits())
}
