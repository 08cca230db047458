//! The benchmark's functions, assembled by hand and wrapped into ELF objects.

use object::elf::{R_X86_64_PC32, R_X86_64_PLT32};
use object::write::{self, Relocation, StandardSection, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SymbolFlags, SymbolKind, SymbolScope,
};

/// The entry symbol of all objects.
pub(crate) const ENTRY: &str = "entry";

/// How a loop calls.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    /// `call callee`
    Direct,
    /// `call *callee(%rip)`
    Indirect,
}

// lea rax, [rdi + 1]; ret
pub(crate) const BODY: [u8; 5] = [0x48, 0x8d, 0x47, 0x01, 0xc3];
const TRAP: u8 = 0xcc;

/// `x + 1`
pub(crate) fn body() -> Vec<u8> {
    object(&BODY, 0, &[])
}

/// `x + 1`, with 195 bytes behind it.
pub(crate) fn code_of_200_bytes() -> Vec<u8> {
    code_of(200)
}

fn code_of(len: usize) -> Vec<u8> {
    let mut code = BODY.to_vec();
    code.resize(len, TRAP);
    code
}

/// `x + 1`, in so many bytes.
pub(crate) fn body_of(len: usize) -> Vec<u8> {
    object(&code_of(len), 0, &[])
}

/// The same as an object.
pub(crate) fn body_of_200_bytes() -> Vec<u8> {
    object(&code_of_200_bytes(), 0, &[])
}

/// The same, under another name.
#[cfg(feature = "llvm")]
pub(crate) fn body_of_200_bytes_named(name: &str) -> Vec<u8> {
    object_named(name, &code_of_200_bytes(), 0, &[])
}

/// Loops call so many times a turn.
///
/// With a single call a turn, three taken branches follow each other as fast as they can be predicted at all, and half
/// of the time one of them costs a cycle and a half more, depending on where the loop and the body lie and on what ran
/// before: that says something of the processor's predictor, not of the call.
pub(crate) const CALLS_A_TURN: u64 = 4;

/// A function that runs a loop as many turns as its argument says, each of which calls the body [`CALLS_A_TURN`] times.
/// The body is the undefined symbol `callee`, or, if `own`, a function of the same object.
pub(crate) fn calls(call: Call, own: bool) -> Vec<u8> {
    // The body first, then the function, its loop at a multiple of 64.
    let mut code = BODY.to_vec();
    code.resize(32, TRAP);
    // push rbx; mov rbx, rdi
    code.extend([0x53, 0x48, 0x89, 0xfb]);
    code.resize(64, 0x90);
    let (opcode, r_type): (&[u8], _) = match call {
        Call::Direct => (&[0xe8], R_X86_64_PLT32),
        Call::Indirect => (&[0xff, 0x15], R_X86_64_PC32),
    };
    let mut displacements = Vec::new();
    for _ in 0..CALLS_A_TURN {
        // mov edi, 1; call
        code.extend([0xbf, 1, 0, 0, 0]);
        code.extend(opcode);
        displacements.push(code.len());
        code.extend([0; 4]);
    }
    // dec rbx; jnz
    code.extend([0x48, 0xff, 0xcb, 0x0f, 0x85]);
    let back = 64 - i32::try_from(code.len() + 4).expect("a short loop");
    code.extend(back.to_le_bytes());
    // pop rbx; ret
    code.extend([0x5b, 0xc3]);
    if own {
        for at in displacements {
            let distance = -i32::try_from(at + 4).expect("a short loop");
            code[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        }
        return object(&code, 32, &[]);
    }
    let relocations: Vec<_> = displacements
        .iter()
        .map(|&at| (at as u64, RelocationFlags::Elf { r_type }))
        .collect();
    object(&code, 32, &relocations)
}

/// An object of this code, entered at an offset, with relocations against `callee`.
fn object(code: &[u8], entry: u64, relocations: &[(u64, RelocationFlags)]) -> Vec<u8> {
    object_named(ENTRY, code, entry, relocations)
}

fn object_named(
    name: &str,
    code: &[u8],
    entry: u64,
    relocations: &[(u64, RelocationFlags)],
) -> Vec<u8> {
    let mut object =
        write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let text = object.section_id(StandardSection::Text);
    object.append_section_data(text, code, 64);
    let symbol = |name: &str, value, section| Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section,
        flags: SymbolFlags::None,
    };
    object.add_symbol(symbol(name, entry, SymbolSection::Section(text)));
    if relocations.is_empty() {
        return object.write().expect("a small object");
    }
    let callee = object.add_symbol(symbol("callee", 0, SymbolSection::Undefined));
    for &(offset, flags) in relocations {
        let relocation = Relocation {
            offset,
            symbol: callee,
            addend: -4,
            flags,
        };
        object
            .add_relocation(text, relocation)
            .expect("a relocation of a known form");
    }
    object.write().expect("a small object")
}
