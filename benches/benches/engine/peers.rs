//! Others that make machine code run, given the same bytes: features `llvm` (LLJIT, used plainly) and `cranelift`.

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;

pub(crate) fn define_call_drop(group: &mut BenchmarkGroup<'_, WallTime>) {
    #[cfg(feature = "llvm")]
    lljit::define_call_drop(group);
    #[cfg(feature = "cranelift")]
    cranelift::define_call_drop(group);
    let _ = group;
}

#[cfg(any(feature = "llvm", feature = "cranelift"))]
fn call(address: usize) -> u64 {
    // SAFETY: the address of `x + 1`, which nobody frees meanwhile.
    let body: extern "C" fn(u64) -> u64 = unsafe {
        let pointer = std::ptr::with_exposed_provenance::<()>(address);
        std::mem::transmute::<*const (), _>(pointer)
    };
    body(1)
}

#[cfg(feature = "cranelift")]
mod cranelift {
    use cranelift_jit::{JITBuilder, JITModule};
    use cranelift_module::{Linkage, Module as _, default_libcall_names};
    use criterion::BenchmarkGroup;
    use criterion::measurement::WallTime;

    use crate::elf;

    /// It frees whole modules only, so each function is a module.
    pub(super) fn define_call_drop(group: &mut BenchmarkGroup<'_, WallTime>) {
        let code = elf::code_of_200_bytes();
        group.bench_function("cranelift-jit", |b| {
            b.iter(|| {
                let builder =
                    JITBuilder::new(default_libcall_names()).expect("a processor it knows");
                let mut module = JITModule::new(builder);
                let signature = module.make_signature();
                let function = module.declare_function("f", Linkage::Local, &signature);
                let function = function.expect("a new name");
                let defined = module.define_function_bytes(function, 16, &code, &[]);
                defined.expect("plain bytes");
                module.finalize_definitions().expect("executable memory");
                assert_eq!(
                    super::call(module.get_finalized_function(function).addr()),
                    2
                );
                // SAFETY: nobody calls its functions any more.
                unsafe { module.free_memory() }
            });
        });
    }
}

#[cfg(feature = "llvm")]
mod lljit {
    use std::ffi::{CStr, CString};
    use std::ptr;

    use criterion::BenchmarkGroup;
    use criterion::measurement::WallTime;
    use llvm_sys::core::LLVMCreateMemoryBufferWithMemoryRangeCopy;
    use llvm_sys::error::{LLVMErrorRef, LLVMGetErrorMessage};
    use llvm_sys::orc2::lljit::{
        LLVMOrcCreateLLJIT, LLVMOrcDisposeLLJIT, LLVMOrcLLJITAddObjectFileWithRT,
        LLVMOrcLLJITGetMainJITDylib, LLVMOrcLLJITLookup,
    };
    use llvm_sys::orc2::{
        LLVMOrcJITDylibCreateResourceTracker, LLVMOrcReleaseResourceTracker,
        LLVMOrcResourceTrackerRemove,
    };
    use llvm_sys::target::{LLVM_InitializeNativeAsmPrinter, LLVM_InitializeNativeTarget};

    use crate::elf;

    fn check(error: LLVMErrorRef) {
        if !error.is_null() {
            // SAFETY: it is an error that nobody has consumed.
            let message = unsafe { CStr::from_ptr(LLVMGetErrorMessage(error)) };
            panic!("LLVM: {}", message.to_string_lossy());
        }
    }

    /// Each object has a resource tracker, by which it is removed.
    pub(super) fn define_call_drop(group: &mut BenchmarkGroup<'_, WallTime>) {
        let (object, name) = (elf::body_of_200_bytes(), CString::new(elf::ENTRY));
        let name = name.expect("no zeroes");
        let mut jit = ptr::null_mut();
        // SAFETY: these may be called any number of times, and the result is ours.
        unsafe {
            LLVM_InitializeNativeTarget();
            LLVM_InitializeNativeAsmPrinter();
            check(LLVMOrcCreateLLJIT(&raw mut jit, ptr::null_mut()));
        }
        group.bench_function("LLJIT", |b| {
            b.iter(|| {
                let mut address = 0;
                // SAFETY: the object is copied, and the tracker is of this instance.
                unsafe {
                    let dylib = LLVMOrcLLJITGetMainJITDylib(jit);
                    let tracker = LLVMOrcJITDylibCreateResourceTracker(dylib);
                    let bytes = object.as_ptr().cast();
                    let buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(
                        bytes,
                        object.len(),
                        name.as_ptr(),
                    );
                    check(LLVMOrcLLJITAddObjectFileWithRT(jit, tracker, buffer));
                    check(LLVMOrcLLJITLookup(jit, &raw mut address, name.as_ptr()));
                    assert_eq!(
                        super::call(usize::try_from(address).expect("an address")),
                        2
                    );
                    check(LLVMOrcResourceTrackerRemove(tracker));
                    LLVMOrcReleaseResourceTracker(tracker);
                }
            });
        });
        // SAFETY: it is not used again.
        unsafe { check(LLVMOrcDisposeLLJIT(jit)) }
    }
}
