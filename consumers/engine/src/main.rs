//! Prices are linear rules that change while a shop is open. Each rule is compiled in the background; what was compiled
//! for an old rule is never charged once a new one is there. No LLVM: the compiler writes eleven bytes by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use martlet_engine::machine_code::{DefaultTarget, Runtime};
use martlet_engine::{
    Compiled, Compiler, Engine, Finished, Function, InstallHooks, Options, Refusal, Request, State,
    Work,
};
use object::write::{Object, StandardSection, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolKind, SymbolScope};

/// The price of so many pieces.
type Price = extern "C" fn(u32) -> u32;

/// `pieces * factor`, as of one edition of the price list.
#[derive(Clone)]
struct Rule {
    factor: u32,
}

struct Rules;

impl Compiler for Rules {
    type Source = Rule;
    type Meta = u32;

    fn compile(&self, request: &Request<Rule>) -> Result<Compiled<u32>, Refusal> {
        let factor = request.source.factor;
        if factor == 0 {
            return Err(Refusal::new("for nothing", request.name.to_string()));
        }
        // imul eax, edi, factor; ret
        let mut code = vec![0x69, 0xc7];
        code.extend(factor.to_le_bytes());
        code.push(0xc3);
        Ok(Compiled::new(elf(&code), "price", factor))
    }
}

/// Without a compiled rule the price has to be asked for.
extern "C" fn ask(_pieces: u32) -> u32 {
    u32::MAX
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Runtime::builder().build()?, Options::default(), || {
        Ok(Arc::new(Rules))
    });
    // SAFETY: a function of this program, called as a `Price`.
    let default = unsafe { DefaultTarget::new(ask as *const ()) };
    let bread = engine.function("bread", default)?;
    let (is_closed, latest) = (AtomicBool::new(false), AtomicU32::new(0));
    let sold = std::thread::scope(|shop| {
        let customer = shop.spawn(|| {
            let thread = engine.runtime().attach();
            let mut sold = 0_u64;
            while !is_closed.load(Ordering::Relaxed) || sold == 0 {
                let at_least = latest.load(Ordering::Acquire);
                let activation = thread.enter(bread.entry());
                // SAFETY: the default and all rules are a `Price`.
                let price = unsafe { activation.as_fn::<Price>() }(2);
                assert!(price >= 2 * at_least, "an old price: {price}");
                sold += u64::from(price != u32::MAX);
            }
            sold
        });
        for factor in 1..=200 {
            change(&engine, &bread, Rule { factor });
            latest.store(factor, Ordering::Release);
            // Whoever enters by a `Thread` is known to the runtime.
            engine.collect(&|_| false);
        }
        is_closed.store(true, Ordering::Relaxed);
        customer.join().expect("no old price")
    });
    // What makes no sense is refused, with a reason, and what there is stays.
    engine.request(&bread, Work::new(Rule { factor: 0 }))?;
    let refusal = install(&engine).unwrap_err();
    assert_eq!(refusal.reason, "for nothing");
    let last = bread.current().ok_or("no price")?;
    assert_eq!((*last.meta(), last.state()), (200, State::Published));
    drop(bread);
    engine.collect(&|_| false);
    assert_eq!(engine.stats().ledger.live.units, 0);
    println!("{sold} sold at 200 prices, none of them old");
    Ok(())
}

/// The old rule falls at once; when this returns, the new one is in force.
fn change(engine: &Engine<Rules>, function: &Function<u32>, rule: Rule) {
    function.invalidate("a new price list");
    engine
        .request(function, Work::new(rule))
        .expect("nothing is forbidden");
    install(engine).expect("nothing has changed since");
}

fn install(engine: &Engine<Rules>) -> Result<(), Refusal> {
    let mut hooks = InstallHooks::resolving(&|_| None);
    engine.install(await_finished(engine), &mut hooks)?;
    Ok(())
}

fn await_finished(engine: &Engine<Rules>) -> Finished<u32> {
    loop {
        if let Some(finished) = engine.take_finished() {
            return finished;
        }
        std::thread::yield_now();
    }
}

fn elf(code: &[u8]) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let text = object.section_id(StandardSection::Text);
    object.append_section_data(text, code, 16);
    object.add_symbol(Symbol {
        name: b"price".to_vec(),
        value: 0,
        size: code.len() as u64,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(text),
        flags: SymbolFlags::None,
    });
    object.write().expect("a small object")
}
