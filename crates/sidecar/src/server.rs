//! The side that answers.
//!
//! The first thread waits, for connections and for the end of clients. Each connection is one exchange, and has a thread
//! of its own, with a large stack.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::raw;
use crate::wire::{self, Greeting};

/// Stack of a thread that answers, of which only what is used is paid for.
const STACK: usize = 64 << 20;
/// So often it is looked whether the last order of a client that is gone is done.
const GLANCE: Duration = Duration::from_millis(100);

/// What a process beside another does. Called from many threads.
pub trait Service: Send + Sync + 'static {
    /// The answer to an order. A panic costs the order: its client hears that the process ended.
    fn answer(&self, client: u64, order: &[u8]) -> Vec<u8>;

    /// A process that gave orders is gone. Its number does not come again.
    fn forget(&self, client: u64);
}

/// Answers whoever shares the name under which this process was started, until none of them is there any more, or for
/// `idle` nobody has given an order. Then the process should end.
///
/// # Errors
/// Where the process was not started by a [`Sidecar`](crate::Sidecar); the system's.
pub fn serve(version: u64, idle: Duration, service: impl Service) -> io::Result<()> {
    let listener = raw::take_listener()?;
    listener.set_nonblocking(true)?;
    let server = Arc::new(Server {
        greeting: Greeting {
            version,
            process: std::process::id(),
        },
        service,
        activity: Mutex::new(Activity {
            under_way: 0,
            latest: Instant::now(),
        }),
    });
    let mut clients = Clients::default();
    let mut had_clients = false;
    loop {
        if server.accept_all(&listener, &mut clients)? {
            had_clients = true;
            continue;
        }
        clients.forget_gone(&server);
        // Somebody who connects between the look above and the end finds that nobody greets, and starts another.
        let quiet = server.quiet_for();
        let deserted = had_clients && clients.present.is_empty();
        if quiet.is_some_and(|quiet| deserted || quiet >= idle) {
            return Ok(());
        }
        let limit = match quiet {
            _ if deserted => GLANCE,
            Some(quiet) => idle.saturating_sub(quiet),
            // An order of somebody who is there: when it is done, the time begins.
            None => idle.max(GLANCE),
        };
        clients.wait(&listener, limit)?;
    }
}

thread_local! {
    /// The connection that this thread serves.
    static CONNECTION: RefCell<Option<UnixStream>> = const { RefCell::new(None) };
}

/// Answers the order that the calling thread works at, for a process that is about to die over it: its own answer, if it
/// comes to that, is not sent any more.
pub fn answer_at_once(answer: &[u8]) {
    // It may be called from wherever, even while the cell is borrowed; who hears nothing sees the process's end.
    let stream = CONNECTION.try_with(|it| it.try_borrow_mut().ok()?.take());
    if let Some(stream) = stream.ok().flatten() {
        let _ = wire::send(&stream, answer);
    }
}

struct Server<S> {
    greeting: Greeting,
    service: S,
    activity: Mutex<Activity>,
}

struct Activity {
    /// Connections that have a thread.
    under_way: usize,
    /// When the latest ended.
    latest: Instant,
}

impl<S: Service> Server<S> {
    /// Takes what connections there are; answers whether there was one.
    fn accept_all(
        self: &Arc<Self>,
        listener: &UnixListener,
        clients: &mut Clients,
    ) -> io::Result<bool> {
        let mut any = false;
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(any),
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                    _ => return Err(error),
                },
            };
            // Whoever is refused, or gone already, sees that the connection ends.
            if let Ok(client) = clients.number_of(&stream) {
                any = true;
                self.begin(stream, client);
            }
        }
    }

    fn begin(self: &Arc<Self>, stream: UnixStream, client: u64) {
        self.lock().under_way += 1;
        let server = self.clone();
        let thread = Builder::new().stack_size(STACK).spawn(move || {
            let done = Done(&server);
            // The client sees for itself that the connection ends.
            let _ = server.exchange(stream, client);
            drop(done);
        });
        if thread.is_err() {
            drop(Done(self));
        }
    }

    fn exchange(&self, stream: UnixStream, client: u64) -> io::Result<()> {
        self.greeting.send(&stream)?;
        let order = wire::receive(&stream)?;
        CONNECTION.replace(Some(stream));
        let answer = self.service.answer(client, &order);
        match CONNECTION.take() {
            Some(stream) => wire::send(&stream, &answer),
            None => Ok(()),
        }
    }

    /// For how long nothing has been under way.
    fn quiet_for(&self) -> Option<Duration> {
        let activity = self.lock();
        (activity.under_way == 0).then(|| activity.latest.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An exchange is over, also by a panic.
struct Done<'a, S: Service>(&'a Server<S>);

impl<S: Service> Drop for Done<'_, S> {
    fn drop(&mut self) {
        let mut activity = self.0.lock();
        activity.under_way -= 1;
        activity.latest = Instant::now();
    }
}

/// The processes that have connected.
#[derive(Default)]
struct Clients {
    present: Vec<Client>,
    /// Those that are gone, of which an order may still be under way.
    gone: Vec<u64>,
}

struct Client {
    process: Pid,
    /// Can be read when it has ended.
    end: OwnedFd,
    number: u64,
}

impl Clients {
    /// The number of the process at the other end: one of the same user that is there.
    fn number_of(&mut self, stream: &UnixStream) -> io::Result<u64> {
        static LATEST: AtomicU64 = AtomicU64::new(0);
        let peer = raw::peer_of(stream)?;
        let process = Pid::from_raw(peer.process);
        let process = process.filter(|_| peer.user == rustix::process::geteuid().as_raw());
        let process = process.ok_or(io::ErrorKind::PermissionDenied)?;
        self.drop_ended();
        if let Some(known) = self.present.iter().find(|it| it.process == process) {
            return Ok(known.number);
        }
        let client = Client {
            process,
            end: pidfd_open(process, PidfdFlags::empty())?,
            // Relaxed: only uniqueness matters.
            number: LATEST.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let number = client.number;
        self.present.push(client);
        Ok(number)
    }

    fn drop_ended(&mut self) {
        let ended = self.present.extract_if(.., |it| has_ended(&it.end));
        self.gone.extend(ended.map(|it| it.number));
    }

    /// Those that are gone, as soon as no order of theirs can be under way.
    fn forget_gone<S: Service>(&mut self, server: &Server<S>) {
        self.drop_ended();
        if server.quiet_for().is_some() {
            for client in self.gone.drain(..) {
                server.service.forget(client);
            }
        }
    }

    /// Waits for a connection or the end of a client.
    fn wait(&self, listener: &UnixListener, limit: Duration) -> io::Result<()> {
        let ends = self.present.iter().map(|it| it.end.as_fd());
        let watched = std::iter::once(listener.as_fd()).chain(ends);
        let mut watched: Vec<_> = watched
            .map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN))
            .collect();
        match poll(&mut watched, Some(&timespec(limit))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn has_ended(end: &OwnedFd) -> bool {
    let mut watched = [PollFd::new(end, PollFlags::IN)];
    poll(&mut watched, Some(&Timespec::default())).is_ok_and(|n| n > 0)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec {
        tv_sec: i64::MAX,
        tv_nsec: 0,
    })
}
