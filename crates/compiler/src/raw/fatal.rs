//! What is said when LLVM gives up. It ends the process then, so the least we owe is which function it was.

use martlet_ir::inkwell::support::error_handling::install_fatal_error_handler;
use std::cell::RefCell;
use std::env;
use std::ffi::{CStr, c_char};
use std::fs;
use std::process;
use std::sync::{Once, OnceLock};

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

/// Who else hears what is said, besides standard error.
static WITNESS: OnceLock<fn(&str)> = OnceLock::new();

/// Installs the handler with a witness, who is called just before the end on the thread that LLVM gave up on.
pub(crate) fn install_with(witness: fn(&str)) {
    WITNESS.get_or_init(|| witness);
    install();
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
    let mut said = vec![format!("LLVM gave up: {}", message.to_string_lossy())];
    // The handler may run wherever, even with the cell borrowed.
    let _ = CURRENT.try_with(|current| {
        if let Ok(current) = current.try_borrow()
            && let Some(current) = current.as_ref()
        {
            said.push(format!("while it compiled {}", current.name));
            let path = env::temp_dir().join(format!("martlet-{}.request", process::id()));
            if fs::write(&path, &current.request).is_ok() {
                said.push(format!("the request is in {}", path.display()));
            }
        }
    });
    for line in &said {
        eprintln!("martlet: {line}");
    }
    if let Some(witness) = WITNESS.get() {
        witness(&said.join("; "));
    }
    process::abort();
}
