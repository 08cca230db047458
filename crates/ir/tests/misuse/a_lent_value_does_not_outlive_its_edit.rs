//! What an edit lends cannot be carried out of it.

fn main() {
    let mut module = martlet_ir::Module::new("example");
    let kept = module.edit(|e| e.module().get_first_function());
    drop(kept);
}
