//! The side that asks.

use std::collections::hash_map::RandomState;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, scope};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::wire::{self, Greeting};
use crate::{Error, raw};

/// Connecting is tried so often: a process may be about to end, or to be started by another.
const ATTEMPTS: u32 = 10;
/// A thread is off the system's list some microseconds after it was joined; after this long something else is the matter.
const PATIENCE: Duration = Duration::from_millis(20);

/// What the process is.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The path of what is executed: it calls [`serve`](crate::serve).
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// All of its environment: names and values. The program's own would have to be read while it may change.
    pub environment: Vec<(OsString, OsString)>,
    /// What both sides must agree on.
    pub version: u64,
}

/// Whether an exchange may start the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Yes, if there is none.
    IfNeeded,
    /// No: [`Error::Absent`] then.
    Never,
}

/// A process beside this one, whether it is there at the moment or not. May be used by any thread, also at the same time,
/// and in children of this process.
#[derive(Debug)]
pub struct Sidecar {
    spec: Spec,
    /// What tells it from those of others.
    family: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    backoff: Backoff,
    /// The process that answered last, unless it has failed since.
    process: Option<u32>,
}

/// Whether a process can be had that is nobody's child and shares no descriptor.
///
/// # Errors
/// [`Error::Impossible`], with the reason.
pub fn is_possible() -> Result<(), Error> {
    raw::probe_close_range().map_err(Error::Impossible)?;
    if raw::adopts_orphans() {
        let text = "what it leaves behind becomes a child of this process";
        return Err(Error::Impossible(io::Error::other(text)));
    }
    Ok(())
}

impl Sidecar {
    /// Makes a name, and starts nothing. Children of this process that are forked from now on share it.
    pub fn new(spec: Spec) -> Self {
        Self {
            spec,
            // Keys of hash maps are random.
            family: RandomState::new().build_hasher().finish(),
            state: Mutex::default(),
        }
    }

    /// The process that answered last, unless it has failed since.
    pub fn process(&self) -> Option<u32> {
        self.lock().process
    }

    /// Gives an order and waits for the answer.
    ///
    /// # Errors
    /// Whatever the reason is why there is no answer.
    pub fn exchange(&self, order: &[u8], beginning: Beginning) -> Result<Vec<u8>, Error> {
        self.lock().backoff.check(Instant::now())?;
        let result = on_own_descriptors(|| self.ask(order, beginning));
        let mut state = self.lock();
        match result {
            Ok((process, answer)) => {
                state.backoff.succeeded();
                state.process = Some(process);
                Ok(answer)
            }
            Err(error) => {
                state.process = None;
                if !matches!(error, Error::Absent) {
                    state.backoff.failed(Instant::now());
                }
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, order: &[u8], beginning: Beginning) -> Result<(u32, Vec<u8>), Error> {
        let (stream, greeting) = self.connect(beginning)?;
        // What it had begun is lost with it, and what it had not begun cannot be told from that.
        let answer = wire::send(&stream, order).and_then(|()| wire::receive(&stream));
        let answer = answer.map_err(|_| Error::Ended)?;
        Ok((greeting.process, answer))
    }

    /// A connection to a process of the right version that is about to take an order.
    fn connect(&self, beginning: Beginning) -> Result<(UnixStream, Greeting), Error> {
        let mut started = false;
        for _ in 0..ATTEMPTS {
            let stream = match UnixStream::connect_addr(&self.address()?) {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    if beginning == Beginning::Never {
                        return Err(Error::Absent);
                    }
                    // One that ends before it greets does so each time.
                    if started {
                        break;
                    }
                    started = self.start()?;
                    continue;
                }
                Err(error) => return Err(Error::Impossible(error)),
            };
            check_user(&stream)?;
            let Ok(greeting) = Greeting::receive(&stream) else {
                // It was just ending, or never got so far.
                continue;
            };
            if greeting.version != self.spec.version {
                return Err(Error::WrongVersion {
                    program: self.spec.program.clone(),
                    found: greeting.version,
                    wanted: self.spec.version,
                });
            }
            return Ok((stream, greeting));
        }
        Err(Error::Mute(self.spec.program.clone()))
    }

    /// Starts the process, unless somebody else just does; answers whether it was us. Who has the name may connect at once.
    fn start(&self) -> Result<bool, Error> {
        let listener = match UnixListener::bind_addr(&self.address()?) {
            Ok(listener) => listener,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Ok(false),
            Err(error) => return Err(Error::Impossible(error)),
        };
        let null = File::options().read(true).write(true).open("/dev/null");
        let null = null.map_err(Error::Impossible)?;
        let command = self.command();
        let result = command
            .and_then(|command| raw::start_detached(&command, listener.as_fd(), null.as_fd()));
        result.map_err(|error| Error::NotExecuted {
            program: self.spec.program.clone(),
            error,
        })?;
        Ok(true)
    }

    fn command(&self) -> io::Result<raw::Command> {
        let spec = &self.spec;
        let program = std::path::absolute(&spec.program)?.into_os_string();
        let arguments = [program].into_iter().chain(spec.arguments.iter().cloned());
        let environment = spec.environment.iter().map(|(name, value)| {
            let mut entry = name.clone();
            entry.push("=");
            entry.push(value);
            entry
        });
        let strings = |list: Vec<OsString>| -> io::Result<Vec<CString>> {
            let list = list.into_iter().map(|it| CString::new(it.into_vec()));
            Ok(list.collect::<Result<_, _>>()?)
        };
        Ok(raw::Command::new(
            strings(arguments.collect())?,
            strings(environment.collect())?,
        ))
    }

    /// The socket of this family, for this user and this version: a process that has become another user's has one of
    /// its own.
    fn address(&self) -> Result<SocketAddr, Error> {
        let user = rustix::process::geteuid().as_raw();
        let (family, version) = (self.family, self.spec.version);
        let name = format!("martlet-sidecar-{family:016x}-{user}-{version:016x}");
        SocketAddr::from_abstract_name(name).map_err(Error::Impossible)
    }
}

/// What comes back is believed, so it must come from a process that could do anyway whatever it makes us do.
fn check_user(stream: &UnixStream) -> Result<(), Error> {
    let peer = raw::peer_of(stream).map_err(Error::Impossible)?;
    if peer.user == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(Error::Stranger(peer.user))
    }
}

/// Does it on a thread with descriptors of its own, and waits until that thread is no more.
fn on_own_descriptors<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let body = || {
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let result = raw::leave_shared_table()
            .map_err(Error::Impossible)
            .and_then(|()| work());
        (thread, result)
    };
    scope(|scope| {
        let builder = Builder::new().name("martlet-sidecar".to_owned());
        let thread = builder.spawn_scoped(scope, body);
        let joined = thread.map_err(Error::Impossible)?.join();
        let (thread, result) = joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        await_gone(&PathBuf::from(format!("/proc/self/task/{thread}")));
        result
    })
}

/// Waits, after a join, until the system has forgotten the thread: some count threads before they fork.
fn await_gone(task: &Path) {
    let until = Instant::now() + PATIENCE;
    while task.exists() && Instant::now() < until {
        std::thread::yield_now();
    }
}
