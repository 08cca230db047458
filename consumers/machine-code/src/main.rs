//! A calculator that compiles its formulas: `calculator '2 * x + 1' 20` prints 41.
//!
//! A formula is a sum of products of `x` and integers. It is interpreted at first, then compiled to x86-64 by hand,
//! and once more when it is edited, while another thread goes on evaluating it. Neither LLVM nor any other compiler
//! is needed to build or to run this.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

use martlet_machine_code::{
    Bytes, Code, CodeId, DefaultTarget, Entry, EntryKey, Fixup, FixupKind, Object, Runtime, Source,
    Strategy,
};

type Formula = extern "C" fn(i64) -> i64;

/// The value of a formula that was not compiled yet.
extern "C" fn zero(_: i64) -> i64 {
    0
}

/// Called by compiled formulas: shows that they reach the program's own functions.
extern "C" fn count_evaluation() {
    EVALUATIONS.fetch_add(1, Ordering::Relaxed);
}

static EVALUATIONS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// A factor of a product.
enum Factor {
    X,
    Number(i32),
}

fn parse(text: &str) -> Result<Vec<Vec<Factor>>, Box<dyn Error>> {
    let factor = |text: &str| match text.trim() {
        "x" => Ok(Factor::X),
        number => Ok(Factor::Number(number.parse()?)),
    };
    text.split('+')
        .map(|product| product.split('*').map(factor).collect())
        .collect()
}

/// Machine code, and where in it the counter is called.
fn compile(sum: &[Vec<Factor>]) -> (Vec<u8>, usize) {
    // push rbx; push r12; push rax (aligns the stack); mov rbx, rdi; xor r12d, r12d
    let mut code = vec![0x53, 0x41, 0x54, 0x50, 0x48, 0x89, 0xfb, 0x45, 0x31, 0xe4];
    code.push(0xe8);
    let call = code.len();
    code.extend([0; 4]);
    for product in sum {
        // mov eax, 1
        code.extend([0xb8, 1, 0, 0, 0]);
        for factor in product {
            match factor {
                // imul rax, rbx
                Factor::X => code.extend([0x48, 0x0f, 0xaf, 0xc3]),
                // imul rax, rax, number
                Factor::Number(number) => {
                    code.extend([0x48, 0x69, 0xc0]);
                    code.extend(number.to_le_bytes());
                }
            }
        }
        // add r12, rax
        code.extend([0x49, 0x01, 0xc4]);
    }
    // mov rax, r12; pop rcx; pop r12; pop rbx; ret
    code.extend([0x4c, 0x89, 0xe0, 0x59, 0x41, 0x5c, 0x5b, 0xc3]);
    (code, call)
}

fn publish(
    runtime: &Runtime,
    entry: &Entry,
    version: u32,
    text: &str,
) -> Result<Code, Box<dyn Error>> {
    let (code, call) = compile(&parse(text)?);
    let fixups = [Fixup {
        offset: call,
        kind: FixupKind::Call,
        symbol: "count_evaluation",
        addend: -4,
    }];
    let bytes = Bytes {
        code: &code,
        fixups: &fixups,
        ..Bytes::default()
    };
    let id = CodeId {
        identity: entry.key().identity,
        version,
    };
    let code = runtime.publish(&Object {
        name: text,
        resolve: &|name| {
            (name == "count_evaluation").then_some(count_evaluation as *const () as usize)
        },
        ..Object::new(id, Source::Bytes(bytes), "formula")
    })?;
    entry.relink(&code)?;
    Ok(code)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let text = arguments.next().unwrap_or_else(|| "2 * x + 1".to_owned());
    let x: i64 = arguments.next().map_or(Ok(20), |it| it.parse())?;

    let runtime = Runtime::builder().build()?;
    let key = EntryKey {
        identity: 1,
        signature: 0,
    };
    // SAFETY: a function of this program, called as `Formula`.
    let default = unsafe { DefaultTarget::new(zero as *const ()) };
    let entry = runtime.entry(key, Strategy::IndirectCell, default)?;
    let evaluate = |thread: &martlet_machine_code::Thread, x| {
        let activation = thread.enter(&entry);
        // SAFETY: the default target and all versions are `Formula`.
        let formula = unsafe { activation.as_fn::<Formula>() };
        formula(x)
    };

    let main_thread = runtime.attach();
    assert_eq!(evaluate(&main_thread, x), 0);
    let mut current = publish(&runtime, &entry, 1, &text)?;
    println!("{text} = {} for x = {x}", evaluate(&main_thread, x));

    // Edited many times, under an evaluator.
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        let evaluator = scope.spawn(|| {
            let thread = runtime.attach();
            let (mut last, mut n) = (i64::MIN, 0u64);
            while !stop.load(Ordering::Relaxed) {
                let value = evaluate(&thread, 0);
                // Of edited formulas nothing but 0 comes out for 0.
                assert!(value == 0 || last != 0, "{value} after {last}");
                (last, n) = (value, n + 1);
            }
            n
        });
        for version in 2..1_000 {
            let next = publish(&runtime, &entry, version, &format!("{version} * x"));
            drop(std::mem::replace(&mut current, next?));
            runtime.collect(&|_| false);
        }
        stop.store(true, Ordering::Relaxed);
        let n = evaluator.join().map_err(|_| "the evaluator panicked")?;
        println!("evaluated {n} times meanwhile");
        Ok(())
    })?;
    assert_eq!(evaluate(&main_thread, 3), 999 * 3);
    runtime.collect(&|_| false);
    let ledger = runtime.ledger();
    assert_eq!((ledger.live.units, ledger.freed.units), (1, 998));
    assert!(EVALUATIONS.load(Ordering::Relaxed) > 0);
    print!("{ledger}");
    Ok(())
}
