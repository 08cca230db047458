//! What only the system's bare calls do: a table of descriptors for one thread, and a process that is nobody's child.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::ptr;

use rustix::net::sockopt;

/// Who is at the other end of a connection.
pub(crate) struct Peer {
    /// Its process, as this one's namespace numbers it; 0 where that does not see it.
    pub(crate) process: i32,
    /// Its user.
    pub(crate) user: u32,
}

/// Who is, or was, at the other end; of a socket that was listened on, who began to listen.
///
/// # Errors
/// The system's.
pub(crate) fn peer_of(stream: &UnixStream) -> io::Result<Peer> {
    let mut peer = MaybeUninit::<libc::ucred>::zeroed();
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: a socket, and room for the answer.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            peer.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: numbers, filled or zero.
    let peer = unsafe { peer.assume_init() };
    Ok(Peer {
        process: peer.pid,
        user: peer.uid,
    })
}

/// The descriptor on which a process that is started finds the socket to listen on.
const LISTENER: c_int = 3;
/// Descriptors are out of the way from here on.
const ABOVE: c_int = 10;
/// Stack of the middle process, and of the other until it executes its program. Little happens there.
const STACK: usize = 64 << 10;
/// The highest signal number there is.
const LAST_SIGNAL: c_int = 64;

/// Whether [`leave_shared_table`] can work.
///
/// # Errors
/// The system's.
pub(crate) fn probe_close_range() -> io::Result<()> {
    // SAFETY: there is no descriptor of that number.
    unsafe { close_range(c_uint::MAX, 0) }
}

/// From here on the calling thread has descriptors of its own: none. Signals are blocked on it. Standard output and
/// error are gone with the rest, so nothing may be printed.
///
/// The caller is a thread that was just made, so that others have the old table: the first of a process would lose its
/// own.
///
/// # Errors
/// The system's.
pub(crate) fn leave_shared_table() -> io::Result<()> {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the set is filled before it is used.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), ptr::null_mut());
    }
    // SAFETY: this thread has opened nothing, and who made it keeps its own table.
    unsafe { close_range(0, libc::CLOSE_RANGE_UNSHARE) }
}

/// # Safety
/// Nobody uses what this closes.
unsafe fn close_range(first: c_uint, flags: c_uint) -> io::Result<()> {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, c_uint::MAX, flags) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether orphans among this process's descendants become its children.
pub(crate) fn adopts_orphans() -> bool {
    let mut is_subreaper: c_int = 0;
    // SAFETY: room for the answer.
    unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut is_subreaper) };
    is_subreaper != 0 || std::process::id() == 1
}

/// What is executed. C strings, each list with a NULL at its end.
pub(crate) struct Command {
    strings: Vec<CString>,
    n_arguments: usize,
}

impl Command {
    /// The program's path is the first argument, too. `environment` holds entries `NAME=VALUE`.
    pub(crate) fn new(arguments: Vec<CString>, environment: Vec<CString>) -> Self {
        let n_arguments = arguments.len();
        let strings = arguments.into_iter().chain(environment).collect();
        Self {
            strings,
            n_arguments,
        }
    }

    fn lists(&self) -> [Vec<*const c_char>; 2] {
        let (arguments, environment) = self.strings.split_at(self.n_arguments);
        [arguments, environment].map(|list| {
            let pointers = list.iter().map(|it| it.as_ptr());
            pointers.chain([ptr::null()]).collect()
        })
    }
}

/// What the two new processes need. They share this memory, while the thread that made them waits.
struct Plan {
    arguments: *const *const c_char,
    environment: *const *const c_char,
    listener: c_int,
    null: c_int,
    /// Where the second stack begins, which grows downwards.
    stack: *mut c_void,
    /// What failed, as the system numbers it, or 0.
    error: c_int,
}

/// Starts a program that is no child of this process, in a session of its own, in the root folder, with the listener and
/// nothing else of ours. The calling thread has its signals blocked.
///
/// # Errors
/// The system's, the reason why the program cannot be executed included.
pub(crate) fn start_detached(
    command: &Command,
    listener: BorrowedFd<'_>,
    null: BorrowedFd<'_>,
) -> io::Result<()> {
    let [arguments, environment] = command.lists();
    let mut stacks = [vec![0_u128; STACK / 16], vec![0_u128; STACK / 16]];
    let [first, second] = stacks
        .each_mut()
        .map(|it| it.as_mut_ptr_range().end.cast::<c_void>());
    let mut plan = Plan {
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        listener: listener.as_raw_fd(),
        null: null.as_raw_fd(),
        stack: second,
        error: 0,
    };
    let plan_ptr = (&raw mut plan).cast::<c_void>();
    // Without a signal in the flags, its end is told to nobody.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK;
    // SAFETY: this thread stands still until `middle` has returned; that has a stack of its own, and plan, lists and
    // strings live until then.
    let pid = unsafe { libc::clone(middle, first, flags, plan_ptr) };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: no status is wanted. It has ended already, and nobody else waits for children of this kind.
    while unsafe { libc::waitpid(pid, ptr::null_mut(), libc::__WCLONE) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
    // SAFETY: a place of this function, which others have written to by its address.
    match unsafe { (&raw const plan.error).read_volatile() } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The middle process: its end makes the other an orphan.
extern "C" fn middle(plan: *mut c_void) -> c_int {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: as in `start_detached`, one further on.
    unsafe {
        let it = plan.cast::<Plan>();
        if libc::clone(execute, (*it).stack, flags, plan) < 0 {
            (*it).error = *libc::__errno_location();
        }
    }
    0
}

/// The process that becomes the program. Only calls of the system, as after any fork.
extern "C" fn execute(plan: *mut c_void) -> c_int {
    // SAFETY: the plan lives as long as `middle` stands still. Dispositions, mask and descriptors are this process's own.
    unsafe {
        let it = &mut *plan.cast::<Plan>();
        for signal in 1..=LAST_SIGNAL {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::setsid();
        let listener = libc::fcntl(it.listener, libc::F_DUPFD_CLOEXEC, ABOVE);
        let null = libc::fcntl(it.null, libc::F_DUPFD_CLOEXEC, ABOVE);
        let is_laid_out = listener >= 0
            && null >= 0
            && (0..LISTENER).all(|stream| libc::dup2(null, stream) >= 0)
            && libc::dup2(listener, LISTENER) >= 0
            && libc::chdir(c"/".as_ptr()) == 0;
        if is_laid_out {
            libc::execve(*it.arguments, it.arguments, it.environment);
        }
        it.error = *libc::__errno_location();
        libc::_exit(127)
    }
}

/// The socket that whoever started this process listened on for it.
///
/// # Errors
/// Where there is none: the process was started by somebody else.
pub(crate) fn take_listener() -> io::Result<UnixListener> {
    // SAFETY: whether there is such a descriptor is asked; nothing else of this process has opened it.
    let given = unsafe { BorrowedFd::borrow_raw(LISTENER) };
    if !sockopt::socket_acceptconn(given)? {
        return Err(io::ErrorKind::NotConnected.into());
    }
    rustix::io::fcntl_setfd(given, rustix::io::FdFlags::CLOEXEC)?;
    // SAFETY: it is open, a socket, and handed over by who started this process.
    Ok(unsafe { UnixListener::from_raw_fd(LISTENER) })
}
