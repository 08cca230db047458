//! A module moves between threads as a whole; two threads never have it.

fn main() {
    let module = martlet_ir::Module::new("example");
    std::thread::scope(|scope| {
        scope.spawn(|| module.function_count());
        scope.spawn(|| module.function_count());
    });
}
