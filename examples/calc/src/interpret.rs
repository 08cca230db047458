//! Runs trees. What is not compiled is done here, and what is compiled does the same.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use crate::parse::{Definition, Expr};
use crate::raw::Frame;

type Locals<'t> = HashMap<&'t str, f64>;

/// What a call of this definition gives.
pub(crate) fn run(frame: &Frame<'_>, definition: &Definition, args: &[f64]) -> f64 {
    if args.len() != definition.params.len() {
        return f64::NAN;
    }
    let params = definition.params.iter().map(|it| &**it);
    let mut locals = params.zip(args.iter().copied()).collect();
    eval(frame, &definition.body, &mut locals)
}

fn eval<'t>(frame: &Frame<'_>, expr: &'t Expr, locals: &mut Locals<'t>) -> f64 {
    let mut eval = |expr: &'t Expr| eval(frame, expr, locals);
    match expr {
        Expr::Number(number) => *number,
        Expr::Local(name) => locals.get(&**name).copied().unwrap_or(0.0),
        Expr::Set(name, value) => {
            let value = eval(value);
            locals.insert(name, value);
            value
        }
        Expr::Binary((_, apply), left, right) => apply(eval(left), eval(right)),
        Expr::Call(name, args) => {
            let args: Vec<f64> = args.iter().map(eval).collect();
            frame.call(&frame.world.name(name), &args)
        }
        Expr::If(parts) => match eval(&parts[0]) != 0.0 {
            true => eval(&parts[1]),
            false => eval(&parts[2]),
        },
        Expr::While(parts) => {
            while frame.world.stop.load(Ordering::Relaxed) == 0 && eval(&parts[0]) != 0.0 {
                eval(&parts[1]);
            }
            0.0
        }
        Expr::Block(exprs) => exprs.iter().map(eval).last().unwrap_or(0.0),
    }
}
