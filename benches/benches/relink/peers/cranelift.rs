//! cranelift-jit, given the same instructions: no compiling is measured. It frees whole modules only, so what is to be
//! freed by itself is a module by itself.

use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module as _, default_libcall_names};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;

use super::LIVES;
use crate::beside::resident_bytes;
use crate::elf;
use crate::lives::time;

fn module() -> JITModule {
    let builder = JITBuilder::new(default_libcall_names()).expect("a supported processor");
    JITModule::new(builder)
}

/// Defines a function of these bytes and makes it callable.
fn add(module: &mut JITModule, name: &str, code: &[u8]) -> usize {
    let signature = module.make_signature();
    let function = module
        .declare_function(name, Linkage::Local, &signature)
        .expect("a new name");
    module
        .define_function_bytes(function, 16, code, &[])
        .expect("plain bytes");
    module.finalize_definitions().expect("executable memory");
    module.get_finalized_function(function).addr()
}

fn free(module: JITModule) {
    // SAFETY: nobody calls its functions any more.
    unsafe { module.free_memory() }
}

pub(crate) fn leak_body() -> usize {
    let mut module = module();
    let address = add(&mut module, "body", &elf::BODY);
    std::mem::forget(module);
    address
}

pub(crate) fn publish(group: &mut BenchmarkGroup<'_, WallTime>) {
    let code = elf::code_of_200_bytes();
    group.bench_function("publish 200 bytes, cranelift-jit", |b| {
        b.iter_custom(|n| {
            let make = || {
                let mut module = module();
                add(&mut module, "body", &code);
                module
            };
            time(n, make, free)
        });
    });
}

pub(crate) fn memory(functions: usize, text: usize) -> (&'static str, f64, f64) {
    let code = elf::code_of_200_bytes();
    let over_text = {
        // In one module, which is how it is meant.
        let mut module = module();
        let mut add = |no: usize| {
            add(&mut module, &format!("body{no}"), &code);
        };
        (0..100).for_each(&mut add);
        let before = resident_bytes();
        (100..functions).for_each(&mut add);
        let over_text = (resident_bytes() - before) / (functions - 100) as f64 - text as f64;
        free(module);
        over_text
    };
    let live = || {
        let mut module = module();
        add(&mut module, "body", &code);
        free(module);
    };
    (0..100).for_each(|_| live());
    let before = resident_bytes();
    (0..LIVES).for_each(|_| live());
    (
        "cranelift-jit",
        over_text,
        (resident_bytes() - before) / 1024.0,
    )
}
