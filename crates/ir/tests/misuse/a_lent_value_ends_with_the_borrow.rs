//! Whatever may delete values takes the module exclusively, so nothing that it lent is left then.

use martlet_ir::kind::Function;
use martlet_ir::{Module, OwnedFunction, Weak};

fn collects(module: &mut Module, owned: &OwnedFunction) {
    let lent = owned.get(module).unwrap();
    module.collect();
    println!("{lent:?}");
}

fn edits(module: &mut Module, weak: &Weak<Function>) {
    let lent = weak.get(module).unwrap();
    module.edit(|_| ());
    println!("{lent:?}");
}

fn main() {
    let _ = (collects, edits);
}
