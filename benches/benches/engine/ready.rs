//! An engine whose compiler has its answer ready.

use std::sync::Arc;

use martlet_engine::machine_code::{DefaultTarget, Runtime};
use martlet_engine::{
    AssumptionKey, Compiled, Compiler, Engine, Function, InstallHooks, Options, Refusal, Request,
    Work,
};

use crate::elf;

/// `x + 1`
type Body = extern "C" fn(u64) -> u64;

/// Answers the same object always. Sources are what the code is said to rely on.
pub(crate) struct Ready(Vec<u8>);

impl Compiler for Ready {
    type Source = Vec<AssumptionKey>;
    type Meta = ();

    fn compile(&self, request: &Request<Self::Source>) -> Result<Compiled<()>, Refusal> {
        Ok(Compiled {
            assumptions: request.source.clone(),
            ..Compiled::new(self.0.clone(), elf::ENTRY, ())
        })
    }
}

pub(crate) struct House {
    pub(crate) engine: Engine<Ready>,
    default: DefaultTarget,
}

extern "C" fn uncompiled(_: u64) -> u64 {
    0
}

pub(crate) fn key(key: u64) -> AssumptionKey {
    AssumptionKey(key)
}

impl House {
    pub(crate) fn new(max_threads: usize) -> Self {
        let mut options = Options::default();
        options.max_threads = max_threads;
        let runtime = Runtime::builder().build().expect("executable memory");
        House {
            engine: Engine::new(runtime, options, || {
                Ok(Arc::new(Ready(elf::body_of_200_bytes())))
            }),
            // SAFETY: a function of this program, of the type that `call` calls.
            default: unsafe { DefaultTarget::new(uncompiled as *const ()) },
        }
    }

    pub(crate) fn function(&self) -> Function<()> {
        let function = self.engine.function("f", self.default);
        function.expect("memory for an entry")
    }

    /// On the caller's thread.
    pub(crate) fn compile(&self, function: &Function<()>, keys: &[AssumptionKey]) {
        let mut hooks = InstallHooks::resolving(&|_| None);
        let work = Work::new(keys.to_vec());
        let compiled = self.engine.compile_now(function, work, &mut hooks);
        compiled.expect("nothing is broken");
    }

    /// By a compile thread; the caller polls.
    pub(crate) fn compile_behind(&self, function: &Function<()>) {
        let asked = self.engine.request(function, Work::new(Vec::new()));
        asked.expect("nothing is forbidden");
        let finished = loop {
            if self.engine.has_finished()
                && let Some(finished) = self.engine.take_finished()
            {
                break finished;
            }
            std::thread::yield_now();
        };
        let mut hooks = InstallHooks::resolving(&|_| None);
        let installed = self.engine.install(finished, &mut hooks);
        installed.expect("nothing is broken");
    }

    pub(crate) fn call(function: &Function<()>) -> u64 {
        // SAFETY: all that its entry leads to is a `Body`, and nobody collects meanwhile.
        let body = unsafe { function.entry().as_fn::<Body>() };
        body(1)
    }
}
