//! Builds the C files.

fn main() {
    let build = martlet_bitcode::Build::new("shapes").file("shapes.c");
    let build = build.native(true).native_file("scale.c");
    build.inkwell("inkwell").bindings(true).compile_or_exit();
}
