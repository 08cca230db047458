//! What the engine asks of a compiler: a source goes in; an object, what it relies on, or a reason
//! comes out.
//!
//! Everything that crosses is plain data, so that the compiler may be a library in this process or
//! a process of its own. The engine knows neither the language nor the code generator.

use std::sync::Arc;

use crate::{AssumptionKey, EntryPoint, FunctionId, Record, Refusal, Tier, VersionId};

/// Makes machine code out of sources. One compiler serves all compile threads of an engine.
pub trait Compiler: Send + Sync + 'static {
    /// All that the compiler needs to know of a function, copied out of the running program.
    type Source: Send + 'static;
    /// What the embedder wants to keep beside the machine code. Plain data, read by any thread.
    type Meta: Send + Sync + 'static;

    /// Translates one function. Runs on a compile thread with a large stack, possibly beside other
    /// calls. A panic is caught and refuses this function alone.
    ///
    /// # Errors
    /// A [`Refusal`] where the function cannot or should not be compiled.
    fn compile(&self, request: &Request<Self::Source>) -> Result<Compiled<Self::Meta>, Refusal>;

    /// Hears what is no longer needed: intermediate code of these may go. Called on a compile
    /// thread or inside [`Engine::drain_released`](crate::Engine::drain_released): once for every
    /// version that [`Compiler::compile`] was called for, whatever it answered, and once for every
    /// function that was ever requested. What was released before a source was taken is told before
    /// that source is compiled, so a body that fell is never there to be taken in again.
    fn release(&self, released: &[Released]) {
        let _ = released;
    }

    /// Bytes of the intermediate code that is kept, for [`Options::library_limit`](crate::Options::library_limit).
    /// An estimate will do.
    fn library_bytes(&self) -> u64 {
        0
    }
}

/// One order to the compiler.
#[derive(Debug)]
pub struct Request<S> {
    /// The version to be made.
    pub version: VersionId,
    /// The function's name, for messages and symbols; never a key.
    pub name: Arc<str>,
    /// Which door of the function the code is for.
    pub point: EntryPoint,
    /// How much work to spend.
    pub tier: Tier,
    /// What to translate.
    pub source: S,
    pub(crate) record: Arc<Record>,
}

impl<S> Request<S> {
    /// Whether somebody still waits for the answer: the request is not cancelled and the function not
    /// buried. Long compiles may look now and then, and answer any refusal when not.
    pub fn is_wanted(&self) -> bool {
        !self.record.is_unwanted()
    }
}

/// What a compiler made of a request. It is frozen: the engine links it, and never changes it.
#[derive(Debug)]
pub struct Compiled<M> {
    /// A relocatable ELF object.
    pub object: Vec<u8>,
    /// The symbol where an entry leads.
    pub entry_symbol: String,
    /// Tables of words that the linker lays beside the code, to be filled by the embedder.
    pub tables: Vec<TableSpec>,
    /// What the code relies on.
    pub assumptions: Vec<AssumptionKey>,
    /// Whose bodies are inside the code: function and number of the translation that was taken.
    pub inlined: Vec<(FunctionId, u32)>,
    /// What the embedder keeps beside the code.
    pub meta: M,
    /// Where the time went.
    pub timings: Timings,
}

impl<M> Compiled<M> {
    /// Code that relies on nothing and needs no tables.
    pub fn new(object: Vec<u8>, entry_symbol: impl Into<String>, meta: M) -> Self {
        Compiled {
            object,
            entry_symbol: entry_symbol.into(),
            tables: Vec::new(),
            assumptions: Vec::new(),
            inlined: Vec::new(),
            meta,
            timings: Timings::default(),
        }
    }
}

/// A table of 8-byte words to be laid beside the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// The symbol by which the object names it, undefined there.
    pub symbol: String,
    /// How many words.
    pub words: usize,
}

/// Where the time of one compile, or of all, went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Bytecodes (or whatever the language counts its code in) that were translated.
    pub bytecodes: u64,
    /// Nanoseconds from source to intermediate code.
    pub frontend_ns: u64,
    /// Nanoseconds of optimisation.
    pub optimise_ns: u64,
    /// Nanoseconds from intermediate code to object.
    pub emit_ns: u64,
    /// Nanoseconds of linking and filling tables. Measured by the engine, not by the compiler.
    pub link_ns: u64,
}

impl Timings {
    /// Adds `other` to this sum.
    pub(crate) fn add(&mut self, other: &Timings) {
        self.bytecodes += other.bytecodes;
        self.frontend_ns += other.frontend_ns;
        self.optimise_ns += other.optimise_ns;
        self.emit_ns += other.emit_ns;
        self.link_ns += other.link_ns;
    }
}

/// Something of which the intermediate code may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Released {
    /// This version is retired, or was never published, or its intermediate code must go for want of
    /// room. Its machine code may live on.
    Version(VersionId),
    /// Nobody holds this function any more; its id will never be asked for again.
    Function(FunctionId),
}
