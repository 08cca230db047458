//! AArch64 (ELF for the Arm 64-bit Architecture, chapter 5.7).

use object::elf::{
    R_AARCH64_ABS64, R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_GOT_PAGE, R_AARCH64_ADR_PREL_PG_HI21,
    R_AARCH64_CALL26, R_AARCH64_CONDBR19, R_AARCH64_JUMP26, R_AARCH64_LD64_GOT_LO12_NC,
    R_AARCH64_LDST8_ABS_LO12_NC, R_AARCH64_LDST16_ABS_LO12_NC, R_AARCH64_LDST32_ABS_LO12_NC,
    R_AARCH64_LDST64_ABS_LO12_NC, R_AARCH64_LDST128_ABS_LO12_NC, R_AARCH64_PREL32,
    R_AARCH64_PREL64, RelocationType,
};

use super::{FarJump, Form, Patch};

/// `brk #0`
pub(super) const TRAP: [u8; 4] = 0xd420_0000u32.to_le_bytes();

/// `ldr x16, .+8; br x16`, the address behind it. Calls may clobber x16.
const JUMP: [u8; 16] = [
    0x50, 0x00, 0x00, 0x58, 0x00, 0x02, 0x1f, 0xd6, 0, 0, 0, 0, 0, 0, 0, 0,
];

pub(super) const FAR_JUMP: FarJump = FarJump {
    bytes: &JUMP,
    offset: 8,
    patch: Patch::Absolute64,
    by_slot: false,
    addend: 0,
};

pub(super) fn form(r_type: RelocationType) -> Option<Form> {
    let low = |scale| Form::Direct(Patch::PageOffset12 { scale });
    let slot = |patch| Form::Slot {
        patch,
        relaxable: false,
    };
    match r_type {
        R_AARCH64_ABS64 => Some(Form::Direct(Patch::Absolute64)),
        R_AARCH64_PREL64 => Some(Form::Direct(Patch::Relative64)),
        R_AARCH64_PREL32 => Some(Form::Direct(Patch::Relative32)),
        R_AARCH64_CALL26 | R_AARCH64_JUMP26 => Some(Form::Branch(Patch::Branch26)),
        R_AARCH64_CONDBR19 => Some(Form::Direct(Patch::Branch19)),
        R_AARCH64_ADR_PREL_PG_HI21 => Some(Form::Direct(Patch::Page21)),
        R_AARCH64_ADD_ABS_LO12_NC | R_AARCH64_LDST8_ABS_LO12_NC => Some(low(0)),
        R_AARCH64_LDST16_ABS_LO12_NC => Some(low(1)),
        R_AARCH64_LDST32_ABS_LO12_NC => Some(low(2)),
        R_AARCH64_LDST64_ABS_LO12_NC => Some(low(3)),
        R_AARCH64_LDST128_ABS_LO12_NC => Some(low(4)),
        R_AARCH64_ADR_GOT_PAGE => Some(slot(Patch::Page21)),
        R_AARCH64_LD64_GOT_LO12_NC => Some(slot(Patch::PageOffset12 { scale: 3 })),
        _ => None,
    }
}

/// Applies a patch that changes some bits of an instruction.
pub(super) fn patch_instruction(patch: Patch, at: &mut [u8], here: i64, target: i64) {
    let words = (target.wrapping_sub(here) >> 2) as u32;
    let (mask, bits) = match patch {
        Patch::Branch26 => (0x03ff_ffff, words),
        Patch::Branch19 => (0x00ff_ffe0, words << 5),
        Patch::Page21 => {
            let pages = ((target >> 12) - (here >> 12)) as u32;
            (
                0x60ff_ffe0,
                (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5,
            )
        }
        Patch::PageOffset12 { scale } => (0x003f_fc00, ((target as u32 & 0xfff) >> scale) << 10),
        Patch::Absolute64 | Patch::Relative32 | Patch::Relative64 => {
            unreachable!("{patch:?} writes plain bytes")
        }
    };
    let word: &mut [u8; 4] = at.try_into().expect("an instruction has four bytes");
    *word = (u32::from_le_bytes(*word) & !mask | bits & mask).to_le_bytes();
}

/// `adrp x16, cell; ldr x16, [x16, :lo12:cell]; br x16`
pub(super) fn cell_stub(here: usize, cell: usize) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (at, word) in bytes
        .chunks_exact_mut(4)
        .zip([0x9000_0010, 0xf940_0210, 0xd61f_0200u32])
    {
        at.copy_from_slice(&word.to_le_bytes());
    }
    bytes[12..].copy_from_slice(&TRAP);
    let (here, cell) = (here.cast_signed() as i64, cell.cast_signed() as i64);
    patch_instruction(Patch::Page21, &mut bytes[..4], here, cell);
    patch_instruction(
        Patch::PageOffset12 { scale: 3 },
        &mut bytes[4..8],
        here,
        cell,
    );
    bytes
}

/// `ldr x16, .+8; br x16`, and the address behind it.
pub(super) fn jump_to(target: usize) -> [u8; 16] {
    let mut bytes = JUMP;
    bytes[8..].copy_from_slice(&(target as u64).to_le_bytes());
    bytes
}

/// `b target`
pub(super) fn patched_stub(here: usize, target: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&0x1400_0000u32.to_le_bytes());
    bytes[4..].copy_from_slice(&TRAP);
    let (here, target) = (here.cast_signed() as i64, target.cast_signed() as i64);
    patch_instruction(Patch::Branch26, &mut bytes[..4], here, target);
    u64::from_le_bytes(bytes)
}
