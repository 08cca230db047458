//! The compiler as a process of its own, for all processes that share it.

use crate::{Compiler, Maintenance, raw};
use martlet_helpers::SEAL;
use martlet_sidecar::{Service, answer_at_once};
use martlet_snapshot::{Answer, Ask, Order, Reply, decode, encode, interface};
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::thread::available_parallelism;
use std::time::Duration;

/// At most so many functions are compiled at the same time; each such compiler has what LLVM needs for itself.
const MAX_COMPILERS: usize = 2;

/// Compiles for the processes that the start of this one was for, until they are gone, or none has asked for `idle`.
///
/// # Errors
/// Where it was not started by the extension; the system's.
pub fn serve(idle: Duration) -> io::Result<()> {
    // What LLVM says when it gives up is the reason of the function that it gave up on.
    raw::install_with(|said| {
        let outcome = Err(("LLVM gave up".to_owned(), said.to_owned()));
        let dumps = Vec::new();
        answer_at_once(&encode(&compiled(encode(&Reply { outcome, dumps }), 0)));
    });
    let n_cpus = available_parallelism().map_or(1, usize::from);
    let n_compilers = n_cpus.saturating_sub(1).clamp(1, MAX_COMPILERS);
    let compilers = (0..n_compilers).map(|_| Compiler::new()).collect();
    let press = Press { compilers };
    martlet_sidecar::serve(interface(SEAL.bitcode), idle, press)
}

/// The compilers, over which clients are spread.
struct Press {
    compilers: Vec<Compiler>,
}

impl Press {
    fn compiler_of(&self, client: u64) -> &Compiler {
        &self.compilers[client as usize % self.compilers.len()]
    }

    fn obey(&self, client: u64, order: &[u8]) -> Answer {
        let Ok(order) = decode::<Order>(order) else {
            return Answer::Malformed;
        };
        let compiler = self.compiler_of(client);
        if !order.released.is_empty() {
            compiler.release(client, &order.released);
        }
        match order.ask {
            Ask::Compile(request) => {
                let start = thread_time();
                let reply = compiler.compile(client, &request);
                let spent = thread_time().saturating_sub(start);
                reply.map_or(Answer::Malformed, |reply| compiled(reply, spent))
            }
            Ask::LiveFunctions => Answer::LiveFunctions(compiler.live_functions(client)),
            Ask::Maintain => Answer::Maintained(compiler.maintain().map(Maintenance::to_words)),
            Ask::Nothing => Answer::Done,
        }
    }
}

impl Service for Press {
    fn answer(&self, client: u64, order: &[u8]) -> Vec<u8> {
        encode(&self.obey(client, order))
    }

    fn forget(&self, client: u64) {
        self.compiler_of(client).forget(client);
    }
}

fn compiled(reply: Vec<u8>, spent_ns: u64) -> Answer {
    Answer::Compiled { reply, spent_ns }
}

/// Processor time of this thread, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
