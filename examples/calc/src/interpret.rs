//! Runs trees. What is not compiled is done here, and what is compiled does the same.

use crate::parse::{Definition, Expr, Operator};
use crate::raw::Frame;

/// What a call of this definition gives.
pub(crate) fn run(frame: &Frame<'_>, definition: &Definition, args: &[f64]) -> f64 {
    if args.len() != definition.n_params {
        return f64::NAN;
    }
    let mut locals = args.to_vec();
    locals.resize(definition.n_locals, 0.0);
    eval(frame, &definition.body, &mut locals)
}

fn eval(frame: &Frame<'_>, expr: &Expr, locals: &mut Vec<f64>) -> f64 {
    match expr {
        Expr::Number(number) => *number,
        Expr::Local(local) => locals[*local],
        Expr::Set(local, value) => {
            locals[*local] = eval(frame, value, locals);
            locals[*local]
        }
        Expr::Binary(operator, left, right) => {
            let left = eval(frame, left, locals);
            operator.apply(left, eval(frame, right, locals))
        }
        Expr::Call(name, args) => {
            let args: Vec<f64> = args.iter().map(|it| eval(frame, it, locals)).collect();
            frame.call_by_name(name, &args)
        }
        Expr::If(parts) => {
            let [condition, then, otherwise] = &**parts;
            match eval(frame, condition, locals) != 0.0 {
                true => eval(frame, then, locals),
                false => eval(frame, otherwise, locals),
            }
        }
        Expr::While(parts) => {
            let [condition, body] = &**parts;
            while !frame.is_stopped() && eval(frame, condition, locals) != 0.0 {
                eval(frame, body, locals);
            }
            0.0
        }
        Expr::Block(exprs) => {
            let values = exprs.iter().map(|it| eval(frame, it, locals));
            values.last().unwrap_or(0.0)
        }
    }
}

impl Operator {
    /// What it makes of two numbers.
    pub fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            Operator::Less => f64::from(left < right),
            Operator::Greater => f64::from(left > right),
            Operator::Equal => f64::from(left == right),
        }
    }
}
