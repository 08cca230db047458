//! Linux on x86-64. The parent module says how code is written and why.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::ptr;

use libc::{
    MADV_DONTFORK, MAP_ANONYMOUS, MAP_FIXED, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED, MREMAP_FIXED,
    MREMAP_MAYMOVE, PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE, c_int, c_void,
};

use super::Os;
use crate::Error;

// Commands of membarrier(2), from linux/membarrier.h.
const PRIVATE_EXPEDITED: c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: c_int = 1 << 4;
const PRIVATE_EXPEDITED_SYNC_CORE: c_int = 1 << 5;
const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: c_int = 1 << 6;

/// What the running kernel offers.
pub(super) struct Linux {
    barrier: bool,
    sync_core: bool,
}

impl Linux {
    pub(super) fn new() -> Self {
        Self {
            barrier: membarrier(REGISTER_PRIVATE_EXPEDITED),
            sync_core: membarrier(REGISTER_PRIVATE_EXPEDITED_SYNC_CORE),
        }
    }
}

impl Os for Linux {
    fn reserve(&self, len: usize) -> Result<usize, Error> {
        map(
            0,
            len,
            PROT_NONE,
            MAP_PRIVATE | MAP_NORESERVE,
            "reserve addresses",
        )
    }

    fn release(&self, start: usize, len: usize) {
        unmap(start, len);
    }

    fn commit_code(&self, start: usize, len: usize) -> Result<(), Error> {
        map(
            start,
            len,
            PROT_READ | PROT_EXEC,
            MAP_PRIVATE | MAP_FIXED,
            "map code",
        )
        .map(drop)
    }

    fn commit_data(&self, start: usize, len: usize) -> Result<(), Error> {
        map(
            start,
            len,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_FIXED,
            "map data",
        )
        .map(drop)
    }

    fn decommit(&self, start: usize, len: usize) -> Result<(), Error> {
        let flags = MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED;
        map(start, len, PROT_NONE, flags, "unmap").map(drop)
    }

    fn write_code(&self, writes: &[(usize, &[u8])]) -> Result<(), Error> {
        let memory = open_memory()?;
        for (address, bytes) in writes {
            memory
                .write_all_at(bytes, *address as u64)
                .map_err(|error| sort(&error, "write to /proc/self/mem"))?;
        }
        Ok(())
    }

    fn map_stubs(&self, start: usize, len: usize) -> Result<usize, Error> {
        let view = map(0, len, PROT_READ | PROT_WRITE, MAP_SHARED, "map stubs");
        view.and_then(|view| {
            second_view(view, start, len)
                .inspect_err(|_| unmap(view, len))
                .map(|()| view)
        })
        // What stood at `start`, or was left there, is made inaccessible.
        .or_else(|error| self.decommit(start, len).and(Err(error)))
    }

    fn unmap_view(&self, view: usize, len: usize) {
        unmap(view, len);
    }

    fn sync_core(&self) -> Result<(), Error> {
        let registered = self.sync_core
            && (membarrier(PRIVATE_EXPEDITED_SYNC_CORE)
                // A child of a fork may have to register anew.
                || (membarrier(REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)
                    && membarrier(PRIVATE_EXPEDITED_SYNC_CORE)));
        if registered {
            Ok(())
        } else {
            Err(Error::Unsupported("membarrier with core serialisation"))
        }
    }

    fn has_barrier(&self) -> bool {
        self.barrier
    }

    fn barrier(&self) {
        let done = membarrier(PRIVATE_EXPEDITED)
            || (membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED));
        // Readers rely on it once `has_barrier` was true, and the kernel refuses none that is registered.
        assert!(
            done || !self.barrier,
            "membarrier was registered and is refused"
        );
    }
}

/// Maps `len` fresh anonymous bytes, at `start` when the flags say so.
fn map(
    start: usize,
    len: usize,
    prot: c_int,
    flags: c_int,
    step: &'static str,
) -> Result<usize, Error> {
    let hint = ptr::without_provenance_mut::<c_void>(start);
    // SAFETY: with MAP_FIXED the callers name a part of a reservation of this runtime, whose content they own;
    // otherwise the kernel chooses unused addresses.
    let address = unsafe { libc::mmap(hint, len, prot, flags | MAP_ANONYMOUS, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(last_error(step));
    }
    Ok(address.expose_provenance())
}

fn unmap(start: usize, len: usize) {
    // SAFETY: callers own the range and nothing refers to it any more.
    let result = unsafe { libc::munmap(ptr::with_exposed_provenance_mut(start), len) };
    debug_assert_eq!(result, 0, "munmap({start:#x}, {len:#x})");
}

/// Makes the pages at `view` visible at `start` too, executable there, and keeps the writable view out of children.
///
/// Children do inherit the executable one, although they have no use for it: it holds the addresses until the child
/// puts its own stubs there. Without it there would be a gap in the child's address space, where the system may place
/// whatever is mapped first: in a tight layout just the view through which the new stubs are to be written, for that
/// is as large as the gap. `mremap` would refuse to move it onto itself, or take the place of another runtime's view.
fn second_view(view: usize, start: usize, len: usize) -> Result<(), Error> {
    let old = ptr::with_exposed_provenance_mut::<c_void>(view);
    let new = ptr::with_exposed_provenance_mut::<c_void>(start);
    // SAFETY: an old size of 0 duplicates a shared mapping; the target is a part of this runtime's reservation.
    let moved = unsafe { libc::mremap(old, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, new) };
    if moved == libc::MAP_FAILED {
        return Err(last_error("map the second view of stubs"));
    }
    // SAFETY: the range was mapped above and nothing executes there yet.
    if unsafe { libc::mprotect(new, len, PROT_READ | PROT_EXEC) } != 0 {
        return Err(last_error("make stubs executable"));
    }
    // SAFETY: the range is mapped, and children do without it.
    if unsafe { libc::madvise(old, len, MADV_DONTFORK) } != 0 {
        return Err(last_error("keep the view of stubs out of children"));
    }
    Ok(())
}

fn open_memory() -> Result<File, Error> {
    let memory = OpenOptions::new().write(true).open("/proc/self/mem");
    memory.map_err(|error| sort(&error, "open /proc/self/mem"))
}

fn membarrier(command: c_int) -> bool {
    // SAFETY: membarrier takes no pointers.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// The error of the call that just failed.
fn last_error(step: &'static str) -> Error {
    sort(&std::io::Error::last_os_error(), step)
}

/// Tells refusal from shortage.
fn sort(error: &std::io::Error, step: &'static str) -> Error {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    match errno {
        libc::ENOMEM | libc::EAGAIN | libc::EMFILE | libc::ENFILE => {
            Error::NoExecMemory { step, errno }
        }
        _ => Error::ExecMemoryDenied { step, errno },
    }
}
