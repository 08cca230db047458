//! The only place of this crate where memory is touched by address: the interpreter's objects through the C functions
//! of `clang-helpers/runtime`, records on code objects, headers of versions, the compiler's shared object.
//!
//! Everything here wants the GIL, which is why nearly every function takes a [`Gil`]. An [`Addr`] is the address of a
//! Python object that the caller knows to be alive: it came from the interpreter under the same GIL, or stands in a
//! table under a death watch.

pub(crate) mod c;
pub(crate) mod code;
pub(crate) mod dl;
pub(crate) mod frames;
pub(crate) mod functions;
pub(crate) mod guarded;
pub(crate) mod hooks;
pub(crate) mod launch;
pub(crate) mod objects;
pub(crate) mod record;
pub(crate) mod unit;

pub(crate) use objects::Addr;
pub(crate) use pyo3::Python as Gil;
