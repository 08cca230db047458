//! Text to trees, by recursive descent.
//!
//! ```text
//! line := "fn" name "(" names ")" "=" block | block
//! block := expr (";" expr)*                         the value is the last one's
//! expr := "if" expr "then" expr "else" expr | "while" expr "do" expr | name "=" expr | sum [("<" | ">" | "==") sum]
//! sum := product (("+" | "-") product)*
//! product := atom (("*" | "/") atom)*
//! atom := number | name | name "(" exprs ")" | "(" block ")" | "-" atom
//! ```

use std::sync::Arc;

/// A function as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its name.
    pub name: Arc<str>,
    /// Parameters: the first of the locals.
    pub n_params: usize,
    /// Variables; those that were not assigned are 0.
    pub n_locals: usize,
    /// What it computes.
    pub body: Expr,
}

/// What can be computed; always a number.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// The value of a variable.
    Local(usize),
    /// Assigns; the value is what was assigned.
    Set(usize, Box<Expr>),
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

/// What a [`Expr::Binary`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    Greater,
    Equal,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A definition.
    Define(Definition),
    /// Something to compute, as a function without parameters.
    Evaluate(Definition),
}

/// Where the text is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected} expected, not {found:?}")]
pub struct ParseError {
    expected: &'static str,
    found: String,
}

/// Reads a line.
///
/// # Errors
/// Where it does not follow the grammar.
pub fn parse(text: &str) -> Result<Line, ParseError> {
    let mut parser = Parser {
        rest: text,
        locals: Vec::new(),
    };
    let is_definition = parser.takes("fn");
    let mut name = "it";
    if is_definition {
        name = parser.name()?;
        parser.wants("(")?;
        while !parser.takes(")") {
            let param = parser.name()?;
            parser.local(param);
            parser.takes(",");
        }
        parser.wants("=")?;
    }
    let n_params = parser.locals.len();
    let body = parser.block()?;
    if !parser.token().is_empty() {
        return Err(parser.error("the end"));
    }
    let definition = Definition {
        name: name.into(),
        n_params,
        n_locals: parser.locals.len(),
        body,
    };
    Ok(match is_definition {
        true => Line::Define(definition),
        false => Line::Evaluate(definition),
    })
}

struct Parser<'a> {
    rest: &'a str,
    locals: Vec<&'a str>,
}

impl<'a> Parser<'a> {
    /// The next token, which is not taken.
    fn token(&self) -> &'a str {
        let text = self.rest.trim_start();
        let is_word = |it: char| it.is_alphanumeric() || it == '_' || it == '.';
        let len = match text.find(|it| !is_word(it)).unwrap_or(text.len()) {
            0 if text.starts_with("==") => 2,
            0 => text.chars().next().map_or(0, char::len_utf8),
            len => len,
        };
        &text[..len]
    }

    fn take(&mut self) -> &'a str {
        let token = self.token();
        self.rest = &self.rest.trim_start()[token.len()..];
        token
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_there = self.token() == token;
        if is_there {
            self.take();
        }
        is_there
    }

    fn wants(&mut self, token: &'static str) -> Result<(), ParseError> {
        match self.takes(token) {
            true => Ok(()),
            false => Err(self.error(token)),
        }
    }

    fn error(&self, expected: &'static str) -> ParseError {
        let found = self.token().to_owned();
        ParseError { expected, found }
    }

    fn name(&mut self) -> Result<&'a str, ParseError> {
        let token = self.token();
        let is_keyword = ["fn", "if", "then", "else", "while", "do"].contains(&token);
        match token.starts_with(char::is_alphabetic) && !is_keyword {
            true => Ok(self.take()),
            false => Err(self.error("a name")),
        }
    }

    fn local(&mut self, name: &'a str) -> usize {
        let known = self.locals.iter().position(|it| *it == name);
        known.unwrap_or_else(|| {
            self.locals.push(name);
            self.locals.len() - 1
        })
    }

    fn block(&mut self) -> Result<Expr, ParseError> {
        let mut exprs = vec![self.expr()?];
        while self.takes(";") {
            exprs.push(self.expr()?);
        }
        Ok(match exprs.len() {
            1 => exprs.remove(0),
            _ => Expr::Block(exprs),
        })
    }

    fn expr(&mut self) -> Result<Expr, ParseError> {
        if self.takes("if") {
            let condition = self.expr()?;
            self.wants("then")?;
            let then = self.expr()?;
            self.wants("else")?;
            return Ok(Expr::If(Box::new([condition, then, self.expr()?])));
        }
        if self.takes("while") {
            let condition = self.expr()?;
            self.wants("do")?;
            return Ok(Expr::While(Box::new([condition, self.expr()?])));
        }
        let before = self.rest;
        if let Ok(name) = self.name() {
            if self.takes("=") {
                let value = self.expr()?;
                return Ok(Expr::Set(self.local(name), Box::new(value)));
            }
            self.rest = before;
        }
        use Operator::{Equal, Greater, Less};
        let left = self.sum()?;
        for (token, operator) in [("<", Less), (">", Greater), ("==", Equal)] {
            if self.takes(token) {
                return Ok(binary(operator, left, self.sum()?));
            }
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Expr, ParseError> {
        let signs = [("+", Operator::Add), ("-", Operator::Subtract)];
        self.chain(signs, Self::product)
    }

    fn product(&mut self) -> Result<Expr, ParseError> {
        let signs = [("*", Operator::Multiply), ("/", Operator::Divide)];
        self.chain(signs, Self::atom)
    }

    fn chain(
        &mut self,
        signs: [(&str, Operator); 2],
        part: impl Fn(&mut Self) -> Result<Expr, ParseError>,
    ) -> Result<Expr, ParseError> {
        let mut left = part(self)?;
        while let Some((_, operator)) = signs.iter().find(|it| self.takes(it.0)) {
            left = binary(*operator, left, part(self)?);
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Expr, ParseError> {
        if self.takes("(") {
            let block = self.block()?;
            return self.wants(")").map(|()| block);
        }
        if self.takes("-") {
            let zero = Expr::Number(0.0);
            return Ok(binary(Operator::Subtract, zero, self.atom()?));
        }
        if let Ok(number) = self.token().parse() {
            self.take();
            return Ok(Expr::Number(number));
        }
        let name = self.name()?;
        if !self.takes("(") {
            return Ok(Expr::Local(self.local(name)));
        }
        let mut args = Vec::new();
        while !self.takes(")") {
            args.push(self.expr()?);
            self.takes(",");
        }
        Ok(Expr::Call(name.into(), args))
    }
}

fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}
