//! Tiny x86-64 functions, assembled by hand and wrapped into ELF objects.
#![allow(dead_code, reason = "each test uses its own part of it")]

pub(crate) mod process;

use std::sync::atomic::{AtomicBool, Ordering};

use martlet_machine_code::{
    Bytes, Code, CodeId, DefaultTarget, Entry, EntryKey, Object, Runtime, Source, Strategy, Table,
};
use object::elf::RelocationType;
use object::write::{self, Relocation, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SymbolFlags, SymbolKind, SymbolScope,
};

/// The name of the entry symbol in all objects.
pub(crate) const ENTRY: &str = "body";

/// What an object is made of.
pub(crate) struct Elf(pub(crate) write::Object<'static>);

impl Elf {
    /// An object whose `.text` holds `code`, entered at its start.
    pub(crate) fn new(code: &[u8]) -> Self {
        let mut object =
            write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let text = object.section_id(write::StandardSection::Text);
        let start = object.append_section_data(text, code, 16);
        object.add_symbol(symbol(ENTRY, start, SymbolSection::Section(text)));
        Self(object)
    }

    /// Adds `data` to a section, under a name.
    pub(crate) fn define(
        &mut self,
        section: write::StandardSection,
        name: &str,
        data: &[u8],
    ) -> write::SectionId {
        let section = self.0.section_id(section);
        let start = if section == self.0.section_id(write::StandardSection::UninitializedData) {
            self.0.append_section_bss(section, data.len() as u64, 8)
        } else {
            self.0.append_section_data(section, data, 8)
        };
        self.0
            .add_symbol(symbol(name, start, SymbolSection::Section(section)));
        section
    }

    /// Adds a relocation of `.text` against a symbol, undefined unless it was defined before.
    pub(crate) fn fix(self, offset: u64, name: &str, r_type: RelocationType, addend: i64) -> Self {
        let mut this = self;
        let text = this.0.section_id(write::StandardSection::Text);
        this.fix_in(text, offset, name, r_type, addend);
        this
    }

    /// Adds a relocation of any section.
    pub(crate) fn fix_in(
        &mut self,
        section: write::SectionId,
        offset: u64,
        name: &str,
        r_type: RelocationType,
        addend: i64,
    ) {
        let symbol = match self.0.symbol_id(name.as_bytes()) {
            Some(symbol) => symbol,
            None => self.0.add_symbol(symbol(name, 0, SymbolSection::Undefined)),
        };
        let flags = RelocationFlags::Elf { r_type };
        let relocation = Relocation {
            offset,
            symbol,
            addend,
            flags,
        };
        self.0
            .add_relocation(section, relocation)
            .expect("a relocation of a known form");
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.write().expect("a small object")
    }
}

fn symbol(name: &str, value: u64, section: SymbolSection) -> Symbol {
    Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section,
        flags: SymbolFlags::None,
    }
}

/// `mov eax, n; ret`
pub(crate) fn returns(n: u32) -> Vec<u8> {
    let mut code = vec![0xb8];
    code.extend(n.to_le_bytes());
    code.push(0xc3);
    Elf::new(&code).bytes()
}

/// Calls its second argument with its first, and then returns `n`.
pub(crate) fn calls_back(n: u32) -> Vec<u8> {
    // push rbp; mov rbp, rsp; call rsi; mov eax, n; pop rbp; ret
    let mut code = vec![0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0xb8];
    code.extend(n.to_le_bytes());
    code.extend([0x5d, 0xc3]);
    Elf::new(&code).bytes()
}

/// Returns its own address.
pub(crate) fn where_am_i() -> Vec<u8> {
    // lea rax, [rip - 7]; ret
    Elf::new(&[0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, 0xc3]).bytes()
}

pub(crate) type Returns = extern "C" fn() -> u64;

/// The default target of functions without arguments.
pub(crate) extern "C" fn nothing() -> u64 {
    0
}

/// A runtime in which memory is used again as soon as it is free.
pub(crate) fn thrifty_runtime() -> Runtime {
    Runtime::builder()
        .reserve(16 << 20)
        .build()
        .expect("executable memory")
}

/// A runtime with all aids: whoever enters freed code is told of.
pub(crate) fn runtime() -> Runtime {
    let builder = Runtime::builder()
        .reserve(16 << 20)
        .quarantine(64 << 10)
        .trap_handler(true)
        .events(1_000);
    // SAFETY: the tests' objects have none, or a compiler's.
    let builder = unsafe { builder.unwind_tables(true) };
    builder.build().expect("executable memory")
}

pub(crate) fn id(identity: u64, version: u32) -> CodeId {
    CodeId { identity, version }
}

/// Publishes [`returns`] of `n` without the detour by an object file, for those who do that many times.
pub(crate) fn publish_returning(runtime: &Runtime, id: CodeId, n: u32) -> Code {
    let mut code = [0xb8, 0, 0, 0, 0, 0xc3];
    code[1..5].copy_from_slice(&n.to_le_bytes());
    let bytes = Bytes {
        code: &code,
        ..Bytes::default()
    };
    let object = Object::new(id, Source::Bytes(bytes), ENTRY);
    runtime.publish(&object).expect("good bytes")
}

/// Publishes an object without tables or undefined symbols.
pub(crate) fn publish(runtime: &Runtime, id: CodeId, bytes: &[u8]) -> Code {
    publish_with(runtime, id, bytes, &[], &|_| None)
}

pub(crate) fn publish_with(
    runtime: &Runtime,
    id: CodeId,
    bytes: &[u8],
    tables: &[Table<'_>],
    resolve: &dyn Fn(&str) -> Option<usize>,
) -> Code {
    runtime
        .publish(&object(id, bytes, tables, resolve))
        .expect("a good object")
}

pub(crate) fn object<'a>(
    id: CodeId,
    bytes: &'a [u8],
    tables: &'a [Table<'a>],
    resolve: &'a dyn Fn(&str) -> Option<usize>,
) -> Object<'a> {
    Object {
        name: "test",
        tables,
        resolve,
        ..Object::new(id, Source::Elf(bytes), ENTRY)
    }
}

/// The entry of an identity, signature 0, that leads to [`nothing`].
pub(crate) fn entry(runtime: &Runtime, identity: u64, strategy: Strategy) -> Entry {
    // SAFETY: `nothing` is never unloaded, and takes no arguments.
    let default = unsafe { DefaultTarget::new(nothing as *const ()) };
    let key = EntryKey {
        identity,
        signature: 0,
    };
    runtime.entry(key, strategy, default).expect("a new entry")
}

/// Calls an entry of functions without arguments, none of which is freed meanwhile.
pub(crate) fn call(entry: &Entry) -> u64 {
    // SAFETY: the tests that use this relink to functions without arguments only, and free none during the call.
    let function = unsafe { entry.as_fn::<Returns>() };
    function()
}

/// Reads `len` bytes of readable memory.
pub(crate) fn peek(address: usize, len: usize) -> Vec<u8> {
    let start = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the tests pass addresses inside a live arena's committed code.
    unsafe { std::slice::from_raw_parts(start, len) }.to_vec()
}

pub(crate) const STRATEGIES: [Strategy; 2] = [Strategy::IndirectCell, Strategy::PatchedStub];

/// Lets the other threads go, also when an assertion fails.
pub(crate) struct StopOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Pages of memory that this process has.
pub(crate) fn resident_pages() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    statm
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse().ok())
        .expect("a number of pages")
}
