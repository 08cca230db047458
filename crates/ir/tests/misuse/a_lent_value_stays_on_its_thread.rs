//! A value is lent to the thread that has the module.

use martlet_ir::{Module, OwnedFunction};

fn sends(module: &Module, owned: &OwnedFunction) {
    let lent = owned.get(module).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || println!("{lent:?}"));
    });
}

fn main() {
    let _ = sends;
}
