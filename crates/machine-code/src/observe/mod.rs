//! Who is told of code that comes and goes: profilers and debuggers.

#[cfg(all(feature = "gdb", target_os = "linux"))]
mod gdb;
mod jitdump;
mod perf;

#[cfg(all(feature = "gdb", target_os = "linux"))]
pub(crate) use gdb::Gdb;
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
    /// The object file, if it came as one.
    #[cfg(feature = "gdb")]
    pub(crate) elf: Option<&'a [u8]>,
    /// The numbers of the object file's sections, and where they lie. That of plain bytes would be the first.
    #[cfg(feature = "gdb")]
    pub(crate) sections: &'a [(usize, usize)],
    /// Where functions are entered, by rising address, and their names.
    #[cfg(feature = "gdb")]
    pub(crate) functions: &'a [(usize, &'a str)],
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
