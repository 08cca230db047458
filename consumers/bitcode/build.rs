//! Builds the C file.

fn main() {
    let build = martlet_bitcode::Build::new("shapes").file("shapes.c");
    let build = build.native(true).inkwell("inkwell").bindings(true);
    build.compile_or_exit();
}
