//! Child processes and their address space.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::time::{Duration, Instant};

/// Runs `child` in a child process, `parent` beside it, and returns the child's verdict.
pub(crate) fn fork(child: impl FnOnce() -> bool, parent: impl FnOnce()) -> bool {
    fork_status(child, parent) == 0
}

/// As [`fork`], but returns the wait status.
pub(crate) fn fork_status(child: impl FnOnce() -> bool, parent: impl FnOnce()) -> i32 {
    // SAFETY: the child calls this crate and the allocator, which glibc makes usable after a fork, and then exits
    // without running destructors.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        let verdict = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: it ends this process.
        unsafe { libc::_exit(i32::from(!matches!(verdict, Ok(true)))) }
    }
    // What the closure owns is the child's to drop.
    std::mem::forget(child);
    parent();
    wait(pid)
}

/// The wait status of a child, which is killed if it takes too long.
pub(crate) fn wait(pid: libc::pid_t) -> i32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut status = 0;
        // SAFETY: the status is ours, the process our child.
        if unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == pid {
            return status;
        }
        if Instant::now() > deadline {
            // SAFETY: it is our child, and not waited for yet.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Maps small pieces, for good, until the system places one below `address`.
pub(crate) fn fill_gaps_above(address: usize) {
    const LEN: usize = 64 << 10;
    loop {
        // SAFETY: the kernel chooses unused addresses.
        let piece = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            libc::mmap(std::ptr::null_mut(), LEN, libc::PROT_NONE, flags, -1, 0)
        };
        assert_ne!(piece, libc::MAP_FAILED, "mmap");
        if piece.addr() < address {
            return;
        }
    }
}

/// The end of a pipe that is read.
pub(crate) struct Reader(File);
/// The end of a pipe that is written.
pub(crate) struct Writer(File);

pub(crate) fn pipe() -> (Writer, Reader) {
    let mut ends = [0; 2];
    // SAFETY: there is room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: they are open, and nobody else's.
    let [reader, writer] = ends.map(|it| unsafe { File::from_raw_fd(it) });
    (Writer(writer), Reader(reader))
}

impl Writer {
    pub(crate) fn write(&self) {
        (&self.0).write_all(b"!").expect("there is a reader");
    }

    /// From now on, what this process writes to standard error goes into the pipe.
    pub(crate) fn becomes_stderr(&self) {
        // SAFETY: both are open.
        let fd = unsafe { libc::dup2(self.0.as_raw_fd(), libc::STDERR_FILENO) };
        assert_eq!(fd, libc::STDERR_FILENO);
    }
}

impl Reader {
    /// Whether something was written. Does not wait.
    pub(crate) fn has_something(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: it is one descriptor.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 && poll.revents & libc::POLLIN != 0 }
    }

    /// All that was written; nobody writes any more.
    pub(crate) fn text(mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).expect("UTF-8");
        text
    }
}
