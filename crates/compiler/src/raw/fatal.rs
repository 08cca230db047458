//! What is said when LLVM gives up. It ends the process then, so the least we owe is which function it was.

use martlet_ir::inkwell::support::error_handling::install_fatal_error_handler;
use std::cell::RefCell;
use std::env;
use std::ffi::{CStr, c_char};
use std::fs;
use std::process;
use std::sync::Once;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    name: String,
    request: Vec<u8>,
}

/// This thread compiles a function, until this is dropped.
#[derive(Debug)]
pub(crate) struct Compiling(());

impl Compiling {
    /// `request` is written to a file, if LLVM gives up.
    pub(crate) fn enter(name: &str, request: &[u8]) -> Self {
        CURRENT.replace(Some(Current {
            name: name.to_owned(),
            request: request.to_owned(),
        }));
        Self(())
    }
}

impl Drop for Compiling {
    fn drop(&mut self) {
        CURRENT.replace(None);
    }
}

/// Installs the handler, once a process.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler never returns and unwinds nowhere.
        unsafe { install_fatal_error_handler(give_up) };
    });
}

extern "C" fn give_up(message: *const c_char) {
    // SAFETY: LLVM gives a C string.
    let message = unsafe { CStr::from_ptr(message) };
    eprintln!("martlet: LLVM gave up: {}", message.to_string_lossy());
    // The handler may run wherever, even with the cell borrowed.
    let _ = CURRENT.try_with(|current| {
        if let Ok(current) = current.try_borrow()
            && let Some(current) = current.as_ref()
        {
            eprintln!("martlet: while it compiled {}", current.name);
            let path = env::temp_dir().join(format!("martlet-{}.request", process::id()));
            if fs::write(&path, &current.request).is_ok() {
                eprintln!("martlet: the request is in {}", path.display());
            }
        }
    });
    process::abort();
}
