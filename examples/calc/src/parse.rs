//! Text to trees.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where a text is not of the language.
pub type ParseError = peg::error::ParseError<peg::str::LineCol>;

/// A function has no more parameters than these.
pub(crate) const MAX_PARAMS: usize = 4;

/// A function as it was written.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its parameters, at most four.
    pub params: Vec<Arc<str>>,
    /// Whom it calls.
    pub callees: BTreeSet<Arc<str>>,
    /// What it computes.
    pub body: Expr,
}

/// What can be computed; always a number.
#[derive(Debug, Clone)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// The value of a parameter or variable; 0 before it was assigned.
    Local(Arc<str>),
    /// Assigns; the value is what was assigned.
    Set(Arc<str>, Box<Expr>),
    /// Arithmetic, or a comparison that gives 1 or 0.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// Calls a function. NaN if there is none, or it has other parameters.
    Call(Arc<str>, Vec<Expr>),
    /// Of three: the second if the first is not 0, or else the third.
    If(Box<[Expr; 3]>),
    /// As long as the first is not 0, the second. The value is 0.
    While(Box<[Expr; 2]>),
    /// One after the other; the last one's value. Never empty.
    Block(Vec<Expr>),
}

/// What a [`Expr::Binary`] does: in LLVM's words, and in Rust.
pub type Operator = (&'static str, fn(f64, f64) -> f64);

/// Reads a line: a definition, with its name; or something to compute, as a function without parameters.
pub fn parse(text: &str) -> Result<(Option<Arc<str>>, Definition), ParseError> {
    language::line(text, &RefCell::default())
}

fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}

peg::parser! {
    grammar language(callees: &RefCell<BTreeSet<Arc<str>>>) for str {
        pub rule line() -> (Option<Arc<str>>, Definition)
            = head:head()? body:block() _ ![_] {
                let (name, params) = head.unzip();
                (name, Definition { params: params.unwrap_or_default(), callees: callees.take(), body })
            }

        rule head() -> (Arc<str>, Vec<Arc<str>>)
            = word("fn") name:name() _ "(" params:list(<name()>) ")" _ "=" { (name, params) }

        rule block() -> Expr = exprs:expr() ++ (_ ";") {
            let mut exprs = exprs;
            if exprs.len() == 1 { exprs.remove(0) } else { Expr::Block(exprs) }
        }

        rule expr() -> Expr
            = word("if") a:expr() word("then") b:expr() word("else") c:expr() { Expr::If([a, b, c].into()) }
            / word("while") a:expr() word("do") b:expr() { Expr::While([a, b].into()) }
            / name:name() _ "=" !"=" value:expr() { Expr::Set(name, value.into()) }
            / operation()

        rule operation() -> Expr = precedence! {
            a:(@) _ "<" b:@ { binary(("fcmp olt", |a, b| f64::from(a < b)), a, b) }
            a:(@) _ ">" b:@ { binary(("fcmp ogt", |a, b| f64::from(a > b)), a, b) }
            a:(@) _ "==" b:@ { binary(("fcmp oeq", |a, b| f64::from(a == b)), a, b) }
            --
            a:(@) _ "+" b:@ { binary(("fadd", |a, b| a + b), a, b) }
            a:(@) _ "-" b:@ { binary(("fsub", |a, b| a - b), a, b) }
            --
            a:(@) _ "*" b:@ { binary(("fmul", |a, b| a * b), a, b) }
            a:(@) _ "/" b:@ { binary(("fdiv", |a, b| a / b), a, b) }
            --
            it:atom() { it }
        }

        rule atom() -> Expr
            = _ it:$(['0'..='9']+ ("." ['0'..='9']*)?) {? it.parse().map(Expr::Number).or(Err("a number")) }
            / name:name() _ "(" args:list(<expr()>) ")" {
                callees.borrow_mut().insert(name.clone());
                Expr::Call(name, args)
            }
            / name:name() { Expr::Local(name) }
            / _ "(" it:block() _ ")" { it }
            / _ "-" it:atom() { binary(("fsub", |a, b| a - b), Expr::Number(0.0), it) }

        rule list<T>(item: rule<T>) -> Vec<T> = items:item() ** (_ ",") _ {?
            if items.len() <= MAX_PARAMS { Ok(items) } else { Err("four at most") }
        }

        rule name() -> Arc<str>
            = _ it:letters() {? if KEYWORDS.contains(&it) { Err("a name") } else { Ok(it.into()) } }

        rule word(word: &'static str) = _ it:letters() {? if it == word { Ok(()) } else { Err(word) } }

        rule letters() -> &'input str = $([c if c.is_alphabetic()] [c if c.is_alphanumeric() || c == '_']*)

        rule _() = quiet! { [c if c.is_whitespace()]* }
    }
}

const KEYWORDS: [&str; 6] = ["fn", "if", "then", "else", "while", "do"];
