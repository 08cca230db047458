//! LLJIT, given the same object files: no compiling is measured. Each object has a resource tracker, by which it is
//! removed again.

use std::ffi::CStr;
use std::ptr;

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use llvm_sys::core::LLVMCreateMemoryBufferWithMemoryRangeCopy;
use llvm_sys::error::{LLVMErrorRef, LLVMGetErrorMessage};
use llvm_sys::orc2::lljit::{
    LLVMOrcCreateLLJIT, LLVMOrcDisposeLLJIT, LLVMOrcLLJITAddObjectFileWithRT,
    LLVMOrcLLJITGetMainJITDylib, LLVMOrcLLJITLookup, LLVMOrcLLJITRef,
};
use llvm_sys::orc2::{
    LLVMOrcJITDylibCreateResourceTracker, LLVMOrcReleaseResourceTracker, LLVMOrcResourceTrackerRef,
    LLVMOrcResourceTrackerRemove,
};
use llvm_sys::target::{LLVM_InitializeNativeAsmPrinter, LLVM_InitializeNativeTarget};

use super::LIVES;
use crate::beside::resident_bytes;
use crate::elf;
use crate::lives::time;

pub(crate) struct Jit(LLVMOrcLLJITRef);

/// An object that was added, by what removes it.
struct Added(LLVMOrcResourceTrackerRef);

fn check(error: LLVMErrorRef) {
    if !error.is_null() {
        // SAFETY: it is an error that nobody has consumed.
        let message = unsafe { CStr::from_ptr(LLVMGetErrorMessage(error)) };
        panic!("LLVM: {}", message.to_string_lossy());
    }
}

impl Jit {
    fn new() -> Self {
        let mut jit = ptr::null_mut();
        // SAFETY: these may be called any number of times, and the result is ours.
        unsafe {
            LLVM_InitializeNativeTarget();
            LLVM_InitializeNativeAsmPrinter();
            check(LLVMOrcCreateLLJIT(&raw mut jit, ptr::null_mut()));
        }
        Self(jit)
    }

    /// Links an object, whose entry symbol is `name`, and finds it.
    fn add(&self, object: &[u8], name: &CStr) -> (Added, usize) {
        let mut address = 0;
        // SAFETY: the object is copied, and the tracker is of this instance.
        let tracker = unsafe {
            let dylib = LLVMOrcLLJITGetMainJITDylib(self.0);
            let tracker = LLVMOrcJITDylibCreateResourceTracker(dylib);
            let buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(
                object.as_ptr().cast(),
                object.len(),
                name.as_ptr(),
            );
            check(LLVMOrcLLJITAddObjectFileWithRT(self.0, tracker, buffer));
            check(LLVMOrcLLJITLookup(self.0, &raw mut address, name.as_ptr()));
            tracker
        };
        (
            Added(tracker),
            usize::try_from(address).expect("an address"),
        )
    }

    fn remove(&self, added: &Added) {
        // SAFETY: the tracker is of this instance, and is not used again.
        unsafe {
            check(LLVMOrcResourceTrackerRemove(added.0));
            LLVMOrcReleaseResourceTracker(added.0);
        }
    }

    pub(crate) fn leak_body(object: &[u8]) -> usize {
        let jit = Self::new();
        let (_, address) = jit.add(object, &entry_name());
        std::mem::forget(jit);
        address
    }
}

impl Drop for Jit {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        unsafe { check(LLVMOrcDisposeLLJIT(self.0)) }
    }
}

fn entry_name() -> std::ffi::CString {
    std::ffi::CString::new(elf::ENTRY).expect("no zeroes")
}

pub(crate) fn publish(group: &mut BenchmarkGroup<'_, WallTime>, function: &[u8]) {
    let (jit, name) = (Jit::new(), entry_name());
    group.bench_function("publish 200 bytes, LLJIT", |b| {
        b.iter_custom(|n| {
            time(
                n,
                || jit.add(function, &name),
                |(added, _)| jit.remove(&added),
            )
        });
    });
}

pub(crate) fn memory(function: &[u8], functions: usize, text: usize) -> (&'static str, f64, f64) {
    let over_text = {
        let jit = Jit::new();
        // Names must differ, so the object is made anew for each.
        let make = |no: usize| {
            let name = format!("entry{no}");
            let object = elf::body_of_200_bytes_named(&name);
            let name = std::ffi::CString::new(name).expect("no zeroes");
            jit.add(&object, &name)
        };
        let functions = functions / 10;
        let mut kept: Vec<_> = (0..100).map(make).collect();
        let before = resident_bytes();
        kept.extend((100..functions).map(make));
        let grown = resident_bytes() - before;
        grown / (functions - 100) as f64 - text as f64
    };
    let (jit, name) = (Jit::new(), entry_name());
    let live = || {
        let (added, _) = jit.add(function, &name);
        jit.remove(&added);
    };
    (0..100).for_each(|_| live());
    let before = resident_bytes();
    (0..LIVES).for_each(|_| live());
    ("LLJIT", over_text, (resident_bytes() - before) / 1024.0)
}
