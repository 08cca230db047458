//! A handle on a function is not made of a block.

use martlet_ir::kind::Function;
use martlet_ir::{Module, Weak};

fn main() {
    let mut module = Module::new("example");
    let _: Option<Weak<Function>> = module.edit(|e| {
        let function = e.module().get_first_function()?;
        Some(e.weak(function.get_first_basic_block()?))
    });
}
