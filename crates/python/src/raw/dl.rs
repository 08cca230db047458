//! Shared objects: symbols of this process, and the compiler's own object.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use martlet_engine::machine_code::DefaultTarget;
use martlet_helpers::SEAL;
use martlet_snapshot::interface;

use super::c;

type AbiFn = unsafe extern "C" fn() -> u64;
type NewFn = unsafe extern "C" fn() -> *mut c_void;
type CompileFn =
    unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut *mut u8, *mut usize) -> i32;
type BufferFreeFn = unsafe extern "C" fn(*mut u8, usize);
type ReleaseFn = unsafe extern "C" fn(*mut c_void, u64) -> i32;
type LiveFn = unsafe extern "C" fn(*mut c_void) -> u64;
type MaintainFn = unsafe extern "C" fn(*mut c_void, *mut [u64; 7]) -> i32;

/// The compiler's shared object, and one compiler made by it. Never unloaded.
pub(crate) struct Library {
    compiler: *mut c_void,
    compile: CompileFn,
    buffer_free: BufferFreeFn,
    release: ReleaseFn,
    live: LiveFn,
    maintain: MaintainFn,
}

// SAFETY: the compiler's interface says that its functions may be called from any thread; `Compiler` in `compiler.rs`
// makes one call at a time.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Opens the shared object, apart from whatever else is in this process.
    ///
    /// # Errors
    /// What the loader says; another interface than this extension's.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|it| it.to_string())?;
        // SAFETY: a C string. The object's initialisers are LLVM's and ours.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            return Err(loader_error());
        }
        let symbol = |name: &CStr| -> Result<*mut c_void, String> {
            // SAFETY: an open object and a C string.
            let at = unsafe { libc::dlsym(handle, name.as_ptr()) };
            (!at.is_null()).then_some(at).ok_or_else(loader_error)
        };
        // SAFETY: (all) the functions that the compiler exports under these names have these types.
        let abi: AbiFn = unsafe { std::mem::transmute(symbol(c"martlet_compiler_abi")?) };
        // SAFETY: no condition.
        let found = unsafe { abi() };
        if found != interface(SEAL.bitcode) {
            return Err(format!(
                "{} was built from other sources than this extension: build both anew, together",
                path.display()
            ));
        }
        // SAFETY: as above.
        let new: NewFn = unsafe { std::mem::transmute(symbol(c"martlet_compiler_new")?) };
        let library = Library {
            // SAFETY: as above.
            compile: unsafe {
                std::mem::transmute::<*mut c_void, CompileFn>(symbol(c"martlet_compiler_compile")?)
            },
            // SAFETY: as above.
            buffer_free: unsafe {
                std::mem::transmute::<*mut c_void, BufferFreeFn>(symbol(
                    c"martlet_compiler_buffer_free",
                )?)
            },
            // SAFETY: as above.
            release: unsafe {
                std::mem::transmute::<*mut c_void, ReleaseFn>(symbol(c"martlet_compiler_release")?)
            },
            // SAFETY: as above.
            live: unsafe {
                std::mem::transmute::<*mut c_void, LiveFn>(symbol(
                    c"martlet_compiler_live_functions",
                )?)
            },
            // SAFETY: as above; what it writes is seven words.
            maintain: unsafe {
                std::mem::transmute::<*mut c_void, MaintainFn>(symbol(
                    c"martlet_compiler_maintain",
                )?)
            },
            // SAFETY: no condition.
            compiler: unsafe { new() },
        };
        if library.compiler.is_null() {
            return Err(format!("{}: no compiler could be made", path.display()));
        }
        Ok(library)
    }

    /// Sends a request; answers the encoded reply.
    ///
    /// # Errors
    /// The code by which the compiler refused to answer at all.
    pub(crate) fn compile(&self, request: &[u8]) -> Result<Vec<u8>, i32> {
        let (mut out, mut len) = (std::ptr::null_mut(), 0);
        // SAFETY: a live compiler, `request.len()` readable bytes, room for the answer.
        let code = unsafe {
            (self.compile)(
                self.compiler,
                request.as_ptr(),
                request.len(),
                &mut out,
                &mut len,
            )
        };
        if code != 0 || out.is_null() {
            return Err(code);
        }
        // SAFETY: the compiler gave `len` bytes, ours until they are given back.
        let reply = unsafe { std::slice::from_raw_parts(out, len) }.to_vec();
        // SAFETY: given back once.
        unsafe { (self.buffer_free)(out, len) };
        Ok(reply)
    }

    /// The intermediate code of a function may go.
    pub(crate) fn release(&self, function: u64) {
        // SAFETY: a live compiler.
        unsafe { (self.release)(self.compiler, function) };
    }

    /// Runs passes over all that the compiler holds; answers what they did, in the order of its `Maintenance`.
    ///
    /// # Errors
    /// The code by which they failed.
    pub(crate) fn maintain(&self) -> Result<[u64; 7], i32> {
        let mut maintenance = [0; 7];
        // SAFETY: a live compiler, room for the answer.
        match unsafe { (self.maintain)(self.compiler, &mut maintenance) } {
            0 => Ok(maintenance),
            code => Err(code),
        }
    }

    /// How many functions the compiler holds intermediate code of.
    pub(crate) fn live_functions(&self) -> u64 {
        // SAFETY: a live compiler.
        unsafe { (self.live)(self.compiler) }
    }
}

fn loader_error() -> String {
    // SAFETY: the loader's own string or NULL.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "the loader gives no reason".to_owned();
    }
    // SAFETY: not NULL.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// The address of a symbol that machine code names: a helper's, the runtime's, or one of the interpreter and the C
/// library.
pub(crate) fn address_of(symbol: &str) -> Option<usize> {
    match symbol {
        "martlet_exit" => return Some(c::martlet_exit as *const () as usize),
        "martlet_exit_due" => return Some(c::martlet_exit_due as *const () as usize),
        "martlet_interpret" => return Some(c::martlet_interpret as *const () as usize),
        _ => {}
    }
    let helpers = martlet_helpers::native_symbols();
    if let Ok(i) = helpers.binary_search_by_key(&symbol, |it| it.0) {
        return Some(helpers[i].1);
    }
    let name = CString::new(symbol).ok()?;
    // SAFETY: a C string.
    let at = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!at.is_null()).then_some(at as usize)
}

/// The file that this extension module was loaded from.
pub(crate) fn own_path() -> Option<PathBuf> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let here = own_path as *const () as *const c_void;
    // SAFETY: room for the answer.
    let found: c_int = unsafe { libc::dladdr(here, info.as_mut_ptr()) };
    if found == 0 {
        return None;
    }
    // SAFETY: filled, or still zero, which is valid too.
    let name: *const c_char = unsafe { info.assume_init() }.dli_fname;
    if name.is_null() {
        return None;
    }
    // SAFETY: the loader's own string.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())))
}

/// Where an entry leads while nothing is compiled.
pub(crate) fn default_target() -> DefaultTarget {
    // SAFETY: `martlet_interpret` has the type of a body, and this extension is never unloaded.
    unsafe { DefaultTarget::new(c::martlet_interpret as *const ()) }
}

/// Where the entry of a loop, or of what goes on in the middle, leads while nothing is compiled.
pub(crate) fn default_resume_target() -> DefaultTarget {
    // SAFETY: as above.
    unsafe { DefaultTarget::new(c::martlet_stay as *const ()) }
}

/// Ends the process as its last thread's return would, but for static destructors: a compile may be under way.
pub(crate) fn end_process() -> ! {
    // SAFETY: flushing takes locks of its own.
    unsafe { libc::fflush(std::ptr::null_mut()) };
    // SAFETY: always.
    unsafe { libc::_exit(0) }
}

/// Processor time of this thread since its start.
pub(crate) fn thread_time() -> Duration {
    time_of(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time of this process, with all its threads.
pub(crate) fn process_time() -> Duration {
    time_of(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Time since some moment before the start of the process.
pub(crate) fn clock() -> Duration {
    time_of(libc::CLOCK_MONOTONIC)
}

fn time_of(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes the time that is passed.
    unsafe { libc::clock_gettime(clock, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Blocks all signals on a thread of ours: they are for the program's threads.
pub(crate) fn block_signals() {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: the set is filled before it is used.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut());
    }
}
