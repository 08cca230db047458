//! x86-64 (System V ABI, AMD64 supplement, chapter 4).

use object::elf::{
    R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_PC32, R_X86_64_PC64,
    R_X86_64_PLT32, R_X86_64_REX_GOTPCRELX, RelocationType,
};

use super::{FarJump, Form, Patch};

/// `int3`, four times.
pub(super) const TRAP: [u8; 4] = [0xcc; 4];

/// `jmp *slot(%rip)`
pub(super) const FAR_JUMP: FarJump = FarJump {
    bytes: &[0xff, 0x25, 0, 0, 0, 0, 0xcc, 0xcc],
    offset: 2,
    patch: Patch::Relative32,
    by_slot: true,
    addend: -4,
};

pub(super) fn form(r_type: RelocationType) -> Option<Form> {
    let slot = |relaxable| Form::Slot {
        patch: Patch::Relative32,
        relaxable,
    };
    match r_type {
        R_X86_64_64 => Some(Form::Direct(Patch::Absolute64)),
        R_X86_64_PC32 => Some(Form::Direct(Patch::Relative32)),
        R_X86_64_PC64 => Some(Form::Direct(Patch::Relative64)),
        R_X86_64_PLT32 => Some(Form::Branch(Patch::Relative32)),
        R_X86_64_GOTPCREL => Some(slot(false)),
        R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX => Some(slot(true)),
        _ => None,
    }
}

/// Whether the instruction whose displacement follows is `mov slot(%rip), %reg`.
pub(super) fn is_load(before: &[u8]) -> bool {
    matches!(before, [.., 0x8b, modrm] if modrm & 0b1100_0111 == 0b0000_0101)
}

/// `jmp *cell(%rip)`
pub(super) fn cell_stub(here: usize, cell: usize) -> [u8; 16] {
    let mut bytes = [0xcc; 16];
    bytes[..2].copy_from_slice(&[0xff, 0x25]);
    bytes[2..6].copy_from_slice(&displacement(here + 6, cell).to_le_bytes());
    bytes
}

/// `jmp *0(%rip)`, and the address behind it.
pub(super) fn jump_to(target: usize) -> [u8; 16] {
    let mut bytes = [0xcc; 16];
    bytes[..6].copy_from_slice(&[0xff, 0x25, 0, 0, 0, 0]);
    bytes[6..14].copy_from_slice(&target.to_le_bytes());
    bytes
}

/// `jmp target`
pub(super) fn patched_stub(here: usize, target: usize) -> u64 {
    let mut bytes = [0xe9, 0, 0, 0, 0, 0xcc, 0xcc, 0xcc];
    bytes[1..5].copy_from_slice(&displacement(here + 5, target).to_le_bytes());
    u64::from_le_bytes(bytes)
}

fn displacement(from: usize, to: usize) -> i32 {
    i32::try_from(to.wrapping_sub(from).cast_signed()).expect("an arena spans less than 2 GB")
}
