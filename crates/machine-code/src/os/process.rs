//! What profilers want to be told in the system's own terms.

use std::fs::File;
use std::io;

/// A page of a file, mapped.
pub(crate) struct FileMapping {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "there is none to unmap")
    )]
    start: usize,
}

/// At least a page, and all of it is unmapped again.
#[cfg(target_os = "linux")]
const LEN: usize = 4096;

impl FileMapping {
    /// Maps the first page of a file, privately, to be read and executed. Nothing executes it.
    #[cfg(target_os = "linux")]
    pub(crate) fn executable(file: &File) -> io::Result<Self> {
        use std::os::fd::AsRawFd as _;
        let prot = libc::PROT_READ | libc::PROT_EXEC;
        // SAFETY: the kernel chooses unused addresses, and the descriptor is open.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                LEN,
                prot,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            start: start.expose_provenance(),
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn executable(_: &File) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
impl Drop for FileMapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `executable`, and nothing refers to it.
        unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(self.start), LEN) };
    }
}

/// The time of the clock that `perf record -k mono` uses.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    #[cfg(unix)]
    {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the result is ours.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(not(unix))]
    0
}

/// The system's number of the calling thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: it takes nothing.
    #[cfg(target_os = "linux")]
    return unsafe { libc::gettid() }.cast_unsigned();
    #[cfg(not(target_os = "linux"))]
    0
}
