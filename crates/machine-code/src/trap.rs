//! The handler of `SIGTRAP`: it says whose freed code was entered.
//!
//! It finds the place in the indexes of the runtimes that asked for it, as `find` does, and writes a line to standard
//! error. Whether the trap is in such a place or not, the signal then goes where it would have gone without it.

use std::sync::Arc;

use crate::Error;
use crate::index::Index;

/// Has the handler, which is installed if it is not there yet, look into this index until it is told to forget it.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]
pub(crate) fn watch(index: &Arc<Index>) -> Result<(), Error> {
    handler::install()?;
    handler::watch(index);
    Ok(())
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(loom))))]
pub(crate) fn watch(_: &Arc<Index>) -> Result<(), Error> {
    Err(Error::Unsupported("a handler of traps"))
}

/// In a child of a fork, where the threads that were in the handler do not exist.
pub(crate) fn forget_readers() {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]
    handler::forget_readers();
}

/// Ends that.
pub(crate) fn forget(index: &Arc<Index>) {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]
    handler::forget(index);
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(loom))))]
    let _ = index;
}

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(loom)))]
mod handler {
    use std::fmt::{self, Write as _};
    use std::sync::atomic::{AtomicPtr, Ordering};
    use std::sync::{Arc, Mutex, OnceLock, PoisonError};
    use std::time::Instant;
    use std::{mem, ptr};

    use libc::{SIG_DFL, SIG_IGN, SIGTRAP, c_int, c_void, siginfo_t, ucontext_t};

    use crate::Error;
    use crate::events::Target;
    use crate::index::{Buried, Grave, Index, Owner, Readers};

    /// A place in the list of indexes. Places are never freed; one whose runtime is gone is used again.
    struct Watched {
        index: AtomicPtr<Arc<Index>>,
        next: AtomicPtr<Watched>,
    }

    /// The handlers that are looking into an index.
    static READERS: Readers = Readers::new();
    static WATCHED: AtomicPtr<Watched> = AtomicPtr::new(ptr::null_mut());
    /// What handled the signal before.
    static EARLIER: OnceLock<libc::sigaction> = OnceLock::new();

    /// Installs the handler, once.
    pub(super) fn install() -> Result<(), Error> {
        static LOCK: Mutex<()> = Mutex::new(());
        let _guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        if EARLIER.get().is_some() {
            return Ok(());
        }
        // SAFETY: all zeroes is a valid sigaction.
        let mut earlier: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: it only reads what is there.
        if unsafe { libc::sigaction(SIGTRAP, ptr::null(), &raw mut earlier) } != 0 {
            return Err(Error::Unsupported("a handler of SIGTRAP"));
        }
        // Before the handler is there, which reads it.
        let _ = EARLIER.set(earlier);
        // SAFETY: all zeroes is a valid sigaction.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_trap as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handler is async-signal-safe.
        if unsafe { libc::sigaction(SIGTRAP, &raw const action, ptr::null_mut()) } != 0 {
            return Err(Error::Unsupported("a handler of SIGTRAP"));
        }
        Ok(())
    }

    /// Adds an index to the list.
    pub(super) fn watch(index: &Arc<Index>) {
        let index = Box::into_raw(Box::new(Arc::clone(index)));
        let free = ptr::null_mut();
        let take = |it: &&Watched| {
            let (success, failure) = (Ordering::SeqCst, Ordering::Relaxed);
            it.index
                .compare_exchange(free, index, success, failure)
                .is_ok()
        };
        if watched().find(take).is_some() {
            return;
        }
        let place = Box::leak(Box::new(Watched {
            index: AtomicPtr::new(index),
            next: AtomicPtr::new(free.cast()),
        }));
        let link = |first| {
            place.next.store(first, Ordering::Relaxed);
            Some(ptr::from_ref(place).cast_mut())
        };
        // Release: a handler that finds the place sees what is in it.
        let linked = WATCHED.fetch_update(Ordering::Release, Ordering::Relaxed, link);
        debug_assert!(linked.is_ok(), "there is always something to link");
    }

    pub(super) fn forget_readers() {
        READERS.forget();
    }

    /// Takes an index out of the list, and waits for the handlers that are looking into it.
    pub(super) fn forget(index: &Arc<Index>) {
        for place in watched() {
            let is_it = |it: &Arc<Index>| Arc::ptr_eq(it, index);
            if READERS.read(&place.index, is_it) == Some(true) {
                let share = READERS.replace(&place.index, None);
                while !READERS.are_gone() {
                    std::thread::yield_now();
                }
                drop(share);
                return;
            }
        }
    }

    fn watched() -> impl Iterator<Item = &'static Watched> {
        let at = |place: &AtomicPtr<Watched>| {
            // SAFETY: places are never freed.
            unsafe { place.load(Ordering::Acquire).as_ref() }
        };
        std::iter::successors(at(&WATCHED), move |it| at(&it.next))
    }

    extern "C" fn on_trap(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let Some(earlier) = EARLIER.get() else {
            return;
        };
        // SAFETY: the system passes the interrupted thread's registers.
        let registers = unsafe { &(*context.cast::<ucontext_t>()).uc_mcontext.gregs };
        // The trap is one byte long.
        let pc = (registers[libc::REG_RIP as usize] as usize).wrapping_sub(1);
        // SAFETY: the thread's error number is restored.
        let errno = unsafe { *libc::__errno_location() };
        report(pc);
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
        // SAFETY: these are the arguments that the system passed.
        unsafe { pass_on(earlier, signal, info, context) }
    }

    /// Writes a line if there is somebody's grave at `pc`.
    fn report(pc: usize) {
        for place in watched() {
            READERS.read(&place.index, |index| {
                index.look(pc, |span| {
                    if let Owner::Quarantine(grave) = &span.owner {
                        let mut line = Line::default();
                        // What does not fit is left out.
                        let _ = describe(&mut line, grave, pc);
                        line.write();
                    }
                });
            });
        }
    }

    fn describe(line: &mut Line, grave: &Grave, pc: usize) -> fmt::Result {
        // SAFETY: gettid takes nothing.
        let thread = unsafe { libc::gettid() };
        let ago = Instant::now().saturating_duration_since(grave.freed_at);
        write!(line, "machine-code: thread {thread} entered ")?;
        match &grave.what {
            Buried::Unit { name, versions } => {
                let after = versions.partition_point(|it| it.start <= pc);
                let Some(version) = after.checked_sub(1).and_then(|it| versions.get(it)) else {
                    return Ok(());
                };
                let offset = pc - version.start;
                let (id, next) = (version.id, Target(version.replaced_by));
                write!(
                    line,
                    "{id} `{name}` at offset {offset}, replaced by {next} and freed"
                )?;
            }
            Buried::Stub(key) => write!(line, "the stub of entry {key}, dropped")?,
        }
        writeln!(line, " {} us ago", ago.as_micros())
    }

    /// Gives the signal to the handler that was there before.
    ///
    /// # Safety
    /// The arguments are those of a handler of this signal.
    unsafe fn pass_on(
        earlier: &libc::sigaction,
        signal: c_int,
        info: *mut siginfo_t,
        context: *mut c_void,
    ) {
        // SAFETY: the system passes it.
        let is_sent = unsafe { (*info).si_code } <= 0;
        match earlier.sa_sigaction {
            // An ignored trap ends the process, as it does without a handler; an ignored message does not.
            SIG_IGN if is_sent => {}
            SIG_IGN | SIG_DFL => {
                // SAFETY: both are async-signal-safe. The signal arrives when this handler has returned.
                unsafe {
                    libc::signal(signal, SIG_DFL);
                    libc::raise(signal);
                }
            }
            handler if earlier.sa_flags & libc::SA_SIGINFO != 0 => {
                type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
                // SAFETY: the flag says that it is a function of this type.
                let handler = unsafe { mem::transmute::<usize, Handler>(handler) };
                handler(signal, info, context);
            }
            handler => {
                type Handler = extern "C" fn(c_int);
                // SAFETY: without the flag it is a function of this type.
                let handler = unsafe { mem::transmute::<usize, Handler>(handler) };
                handler(signal);
            }
        }
    }

    /// A line that needs no allocation.
    struct Line {
        bytes: [u8; 256],
        len: usize,
    }

    impl Default for Line {
        fn default() -> Self {
            Self {
                bytes: [0; 256],
                len: 0,
            }
        }
    }

    impl Line {
        fn write(&self) {
            // SAFETY: the bytes are initialised up to the length.
            unsafe { libc::write(libc::STDERR_FILENO, self.bytes.as_ptr().cast(), self.len) };
        }
    }

    impl fmt::Write for Line {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = &mut self.bytes[self.len..];
            let n = text.len().min(room.len());
            room[..n].copy_from_slice(&text.as_bytes()[..n]);
            self.len += n;
            Ok(())
        }
    }
}
