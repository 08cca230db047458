//! LLVM's fatal errors: what can still be said before the process ends.

use crate::operation;
use core::ffi::{CStr, c_char};
use llvm_sys::error_handling::LLVMInstallFatalErrorHandler;
use std::sync::OnceLock;

/// A fatal error of LLVM's, the last thing this process hears of.
///
/// ```
/// use martlet_ir::FatalError;
///
/// fn report(error: &FatalError) {
///     eprintln!("LLVM gave up in {}: {}", error.operation, error.message);
/// }
/// martlet_ir::on_fatal_error(report);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FatalError {
    /// LLVM's words.
    pub message: String,
    /// What was being done to which module.
    pub operation: String,
}

static REPORT: OnceLock<fn(&FatalError)> = OnceLock::new();

/// Has `report` called when LLVM meets an error it cannot survive (`llvm/Support/ErrorHandling.h`,
/// `report_fatal_error`), on the thread that met it. When `report` returns, LLVM ends the process:
/// this is the place to name a reproducer, not to recover. The first hook stays, for all threads;
/// `false` if there was one already.
///
/// ```standalone_crate
/// assert!(martlet_ir::on_fatal_error(|error| eprintln!("{}: {}", error.operation, error.message)));
/// assert!(!martlet_ir::on_fatal_error(|_| ()));
/// ```
pub fn on_fatal_error(report: fn(&FatalError)) -> bool {
    let is_first = REPORT.set(report).is_ok();
    if is_first {
        // SAFETY: `handle` is a function of this library, and no other handler was set by us.
        unsafe { LLVMInstallFatalErrorHandler(Some(handle)) };
    }
    is_first
}

extern "C" fn handle(reason: *const c_char) {
    // SAFETY: LLVM passes a C string.
    let message = unsafe { CStr::from_ptr(reason) }
        .to_string_lossy()
        .into_owned();
    let error = FatalError {
        message,
        operation: operation::describe(),
    };
    if let Some(report) = REPORT.get() {
        report(&error);
    }
}
