//! A counter function that is replaced a thousand times while threads call it, and what became of each version.
//!
//! Run it with `cargo run --release -p martlet-machine-code --example hot_reload`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use martlet_machine_code::{
    Bytes, Code, CodeId, DefaultTarget, Entry, EntryKey, Error, Event, Object, Runtime, Source,
    Strategy,
};

/// Adds the version's step to a counter, and returns the step.
type Count = extern "C" fn(&AtomicU64) -> u64;

const REPLACEMENTS: u32 = 1_000;
const CALLERS: usize = 3;

/// Counts nothing yet.
extern "C" fn not_compiled(_: &AtomicU64) -> u64 {
    0
}

/// Assembles `mov eax, step; lock add [rdi], rax; ret`.
fn assemble(step: u32) -> Vec<u8> {
    let mut code = vec![0xb8];
    code.extend(step.to_le_bytes());
    code.extend([0xf0, 0x48, 0x01, 0x07, 0xc3]);
    code
}

/// Makes a version that counts in steps of its own number, and leads callers to it.
fn replace(runtime: &Runtime, entry: &Entry, version: u32) -> Result<Code, Error> {
    let code = assemble(version);
    let bytes = Bytes {
        code: &code,
        ..Bytes::default()
    };
    let id = CodeId {
        identity: entry.key().identity,
        version,
    };
    let code = runtime.publish(&Object::new(id, Source::Bytes(bytes), "count"))?;
    entry.relink(&code)?;
    Ok(code)
}

/// Calls until it is told to stop. Answers the sum of the steps it was told of.
fn call(runtime: &Runtime, entry: &Entry, counter: &AtomicU64, stop: &AtomicBool) -> u64 {
    let thread = runtime.attach();
    let mut sum = 0;
    while !stop.load(Ordering::Relaxed) {
        let activation = thread.enter(entry);
        // SAFETY: the default target and all versions are `Count`.
        let count = unsafe { activation.as_fn::<Count>() };
        sum += count(counter);
    }
    sum
}

fn main() -> Result<(), Error> {
    let runtime = Runtime::builder()
        .events(10_000)
        .quarantine(4096)
        .trap_handler(true)
        .build()?;
    // SAFETY: a function of this program, called as `Count`.
    let default = unsafe { DefaultTarget::new(not_compiled as *const ()) };
    let key = EntryKey {
        identity: 1,
        signature: 0,
    };
    let entry = runtime.entry(key, Strategy::PatchedStub, default)?;
    let (counter, stop) = (AtomicU64::new(0), AtomicBool::new(false));

    let told = std::thread::scope(|scope| -> Result<u64, Error> {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| scope.spawn(|| call(&runtime, &entry, &counter, &stop)))
            .collect();
        let replaced = (1..=REPLACEMENTS).try_for_each(|version| {
            // The one before was dropped, and is freed as soon as nobody is inside. Dropping this one at the end of
            // the round leads callers to the default target until the next is there.
            let _code = replace(&runtime, &entry, version)?;
            runtime.collect(&|_| false);
            std::thread::yield_now();
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        let told = callers.into_iter().map(|caller| match caller.join() {
            Ok(sum) => sum,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let told = told.sum();
        replaced.map(|()| told)
    })?;
    runtime.collect(&|_| false);

    print_log(&runtime.take_events());
    println!("\n{}", runtime.ledger());
    let counted = counter.load(Ordering::Relaxed);
    println!("counted {counted}, and the callers were told of {told}");
    assert_eq!(counted, told);
    assert_eq!(runtime.ledger().freed.units, u64::from(REPLACEMENTS));
    Ok(())
}

/// The first and the last events.
fn print_log(events: &[Event]) {
    const SHOWN: usize = 8;
    let (first, rest) = events.split_at(events.len().min(SHOWN));
    let (between, last) = rest.split_at(rest.len().saturating_sub(SHOWN));
    let print = |events: &[Event]| events.iter().for_each(|event| println!("{event}"));
    print(first);
    println!("     ... and {} more", between.len());
    print(last);
}
