//! The C interface, and LLVM's last words. The only part of this crate that is unsafe.

mod abi;
mod fatal;

pub use abi::{
    martlet_compiler_abi, martlet_compiler_buffer_free, martlet_compiler_compile,
    martlet_compiler_free, martlet_compiler_live_functions, martlet_compiler_maintain,
    martlet_compiler_new, martlet_compiler_release,
};
pub(crate) use fatal::{Compiling, install_with};
