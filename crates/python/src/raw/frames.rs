//! Frames of running threads.

use std::collections::HashSet;
use std::ffi::c_void;

use martlet_snapshot::Seen;

use super::objects::seen;
use super::{Addr, Gil, c};

/// One frame of the current thread, good for as long as no Python code runs.
#[derive(Clone, Copy)]
pub(crate) struct Sight(c::Sight);

impl Sight {
    pub(crate) fn code(&self) -> Addr {
        Addr::from_ptr(self.0.code)
    }

    /// Its function is entered from now on, if the code wants it.
    pub(crate) fn enter_function(&self, gil: Gil<'_>) {
        if !self.0.func.is_null() {
            super::functions::enter_function(gil, Addr::from_ptr(self.0.func));
        }
    }

    /// The code-unit offset of the instruction at which the frame stands.
    pub(crate) fn offset(&self) -> u32 {
        self.0.offset
    }

    /// Whether machine code runs in it.
    pub(crate) fn in_machine_code(&self) -> bool {
        self.0.mark != 0
    }

    /// The mark of the version whose machine code runs in it; 0 for none.
    pub(crate) fn mark(&self) -> u16 {
        self.0.mark
    }

    /// Whether it is an ordinary frame of which no frame object exists.
    pub(crate) fn is_enterable(&self) -> bool {
        self.0.plain != 0 && self.0.observed == 0
    }

    /// Whether it is a generator's that the interpreter has gone into from the frame below, without calling anything, or
    /// that waits for another one.
    pub(crate) fn is_resumed_in_place(&self) -> bool {
        self.0.in_place != 0
    }

    /// Whether it was only just entered, or goes on.
    pub(crate) fn at_start(&self) -> bool {
        self.0.at_start != 0
    }

    /// Tells activations apart while they last.
    pub(crate) fn activation(&self) -> usize {
        self.0.frame as usize
    }

    pub(crate) fn globals(&self) -> Addr {
        // SAFETY: the frame is alive, see the type.
        Addr::from_ptr(unsafe { c::martlet_frame_globals(self.0.frame) })
    }

    pub(crate) fn builtins(&self) -> Addr {
        // SAFETY: the frame is alive, see the type.
        Addr::from_ptr(unsafe { c::martlet_frame_builtins(self.0.frame) })
    }

    /// The classes of its locals.
    pub(crate) fn seen_locals(&self, n_locals: u32) -> Vec<Seen> {
        // SAFETY: the frame is alive and has so many locals, each NULL or an object.
        let local = |i| unsafe { c::martlet_frame_local(self.0.frame, i) };
        (0..n_locals)
            .map(|i| seen(Addr::from_ptr(local(i))))
            .collect()
    }

    /// The locals that hold objects of Python's classes, each with the class's version, if it has one.
    pub(crate) fn local_classes(&self, n_locals: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        // SAFETY: the frame is alive and has so many locals, each NULL or an object.
        let version = |i| unsafe { c::martlet_class_seen(c::martlet_frame_local(self.0.frame, i)) };
        (0..n_locals)
            .map(move |i| (i, version(i)))
            .filter(|it| it.1 != 0)
    }

    /// The classes of what stands on its value stack; empty where the depth is not known.
    pub(crate) fn seen_stack(&self, n_locals: u32, stack_size: u32) -> Vec<Seen> {
        // SAFETY: the frame is alive.
        let depth = unsafe { c::martlet_frame_depth(self.0.frame) };
        match u32::try_from(depth) {
            Ok(depth) if depth <= stack_size => {
                // SAFETY: so many items are on the stack, which lies behind the locals.
                let item = |i| unsafe { c::martlet_frame_local(self.0.frame, n_locals + i) };
                (0..depth).map(|i| seen(Addr::from_ptr(item(i)))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The current thread's frames, innermost first, at most `N`.
pub(crate) fn look<const N: usize>(gil: Gil<'_>) -> Vec<Sight> {
    look_from::<N>(gil, false)
}

/// The same from the innermost on whose machine code could run: generators that the interpreter goes into without a call
/// are left out, for it is he who lets them go on that is to be compiled.
pub(crate) fn look_at_responsible<const N: usize>(gil: Gil<'_>) -> Vec<Sight> {
    look_from::<N>(gil, true)
}

fn look_from<const N: usize>(_gil: Gil<'_>, responsible: bool) -> Vec<Sight> {
    let mut sights = [c::Sight {
        code: std::ptr::null_mut(),
        func: std::ptr::null_mut(),
        frame: std::ptr::null_mut(),
        offset: 0,
        mark: 0,
        plain: 0,
        observed: 0,
        at_start: 0,
        in_place: 0,
    }; N];
    // SAFETY: room for N sights.
    let n = unsafe { c::martlet_look(sights.as_mut_ptr(), N as u32, responsible) };
    sights[..n as usize].iter().copied().map(Sight).collect()
}

/// The versions that some frame of some thread is inside of: code object and mark.
pub(crate) fn inside(_gil: Gil<'_>) -> HashSet<(Addr, u16)> {
    unsafe extern "C" fn found(context: *mut c_void, code: *mut pyo3::ffi::PyObject, mark: u16) {
        // SAFETY: the context passed below, which nobody else touches meanwhile.
        let set = unsafe { &mut *context.cast::<HashSet<(Addr, u16)>>() };
        set.insert((Addr::from_ptr(code), mark));
    }
    let mut set = HashSet::new();
    // SAFETY: the GIL is held; `found` gets what it expects.
    unsafe { c::martlet_walk_inside(found, (&raw mut set).cast()) };
    set
}

/// The interpreter, by a number that is good until its end.
#[derive(Clone, Copy)]
pub(crate) struct Interpreter(usize);

impl Interpreter {
    pub(crate) fn current(_gil: Gil<'_>) -> Self {
        // SAFETY: a thread state is current.
        Interpreter(unsafe { c::martlet_interpreter() } as usize)
    }

    /// Asks for a call of the sample hook, soon, by whatever thread runs Python code. Needs no GIL; the interpreter must
    /// not have been finalised.
    pub(crate) fn ask_for_sample(self) -> bool {
        // SAFETY: see above.
        unsafe { c::martlet_ask_for_sample(self.0 as *mut c_void, std::ptr::null_mut()) == 0 }
    }
}

/// Whether a tracer, a profiler or a foreign monitoring tool is at work.
pub(crate) fn tools_are_on(_gil: Gil<'_>) -> bool {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_tools_are_on() }
}

/// Remembers where this thread stands, for [`fork_is_over`].
pub(crate) fn remember_fork(_gil: Gil<'_>) {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_remember_fork() }
}

/// Whether the thread that forked has come out of the call in which it forked.
pub(crate) fn fork_is_over(_gil: Gil<'_>) -> bool {
    // SAFETY: the GIL is held.
    unsafe { c::martlet_fork_is_over() }
}
