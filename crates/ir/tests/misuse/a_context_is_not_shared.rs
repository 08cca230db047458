//! The same holds for what a module gives back.

fn main() {
    let context = martlet_ir::Context::new();
    std::thread::scope(|scope| {
        scope.spawn(|| context.modules_served());
    });
}
