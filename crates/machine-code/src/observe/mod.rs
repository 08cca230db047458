//! Who is told of code that comes and goes: profilers and debuggers.

mod jitdump;
mod perf;

pub(crate) use jitdump::JitDump;
pub(crate) use perf::PerfMap;

/// A unit that has just been published.
pub(crate) struct Published<'a> {
    pub(crate) name: &'a str,
    /// The address of its code block.
    pub(crate) start: usize,
    /// The bytes that stand there. The instructions come first.
    pub(crate) code: &'a [u8],
    /// How many of the bytes are instructions.
    pub(crate) instructions: usize,
}

/// Somebody to be told. Called under the runtime's lock, and in no case a reason to fail.
pub(crate) trait Observer: Send {
    /// There is code.
    fn published(&mut self, unit: &Published<'_>);
    /// The code that was published at this address is about to be gone.
    fn freed(&mut self, start: usize);
}

/// All that asked to be told.
pub(crate) type Observers = Vec<Box<dyn Observer>>;
