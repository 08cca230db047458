//! Instruction sets: how relocations are read and applied, and the few instructions that this library writes itself.
//!
//! Each set is a module with the same functions; [`Isa`] picks one. Code of the processor that the program runs on can
//! be published; the other set is linked by tests, which run what comes out under an emulator.

mod aarch64;
mod x86_64;

use object::Architecture;
use object::elf::{self, EM_AARCH64, EM_X86_64, RelocationType};

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    X86_64,
    Aarch64,
}

/// The processor this program runs on. Where that is neither, nothing is ever published.
pub(crate) const NATIVE: Isa = if cfg!(target_arch = "aarch64") {
    Isa::Aarch64
} else {
    Isa::X86_64
};

/// What a relocation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The symbol itself.
    Direct(Patch),
    /// The symbol, by a direct call or jump, which may go by a jump of the unit.
    Branch(Patch),
    /// A slot that holds the symbol's address.
    Slot {
        patch: Patch,
        /// The instruction may be rewritten when the symbol is near.
        relaxable: bool,
    },
}

impl Form {
    pub(crate) fn patch(self) -> Patch {
        match self {
            Self::Direct(patch) | Self::Branch(patch) | Self::Slot { patch, .. } => patch,
        }
    }
}

/// What is written where a relocation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patch {
    /// 8 bytes: the target's address.
    Absolute64,
    /// 4 bytes: the distance from here to the target.
    Relative32,
    /// 8 bytes: the distance from here to the target.
    Relative64,
    /// The 26-bit displacement of an AArch64 `b` or `bl`, in words.
    Branch26,
    /// The 19-bit displacement of an AArch64 `b.cond`, `cbz` or literal load, in words.
    Branch19,
    /// The 21-bit distance of an AArch64 `adrp`, in pages of 4 KB.
    Page21,
    /// The low 12 bits of the target's address, in units of `1 << scale` bytes, of an AArch64 `add`, load or store.
    PageOffset12 { scale: u8 },
}

impl Patch {
    /// Bytes that are written.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Absolute64 | Self::Relative64 => 8,
            _ => 4,
        }
    }

    /// How far the target may be, in bytes in either direction. `None`: anywhere.
    pub(crate) fn reach(self) -> Option<i64> {
        match self {
            Self::Absolute64 | Self::Relative64 | Self::PageOffset12 { .. } => None,
            Self::Relative32 => Some(i64::from(i32::MAX)),
            Self::Branch26 => Some((1 << 27) - 4),
            Self::Branch19 => Some((1 << 20) - 4),
            // Both ends are rounded down to pages.
            Self::Page21 => Some((1 << 32) - 8192),
        }
    }

    /// Writes to `at`, whose address is `here`, what leads to `target`, which is within reach.
    pub(crate) fn apply(self, at: &mut [u8], here: i64, target: i64) {
        let distance = target.wrapping_sub(here);
        match self {
            Self::Absolute64 => at.copy_from_slice(&target.to_le_bytes()),
            Self::Relative64 => at.copy_from_slice(&distance.to_le_bytes()),
            Self::Relative32 => {
                let distance = i32::try_from(distance).expect("planned to be near");
                at.copy_from_slice(&distance.to_le_bytes());
            }
            _ => aarch64::patch_instruction(self, at, here, target),
        }
    }
}

/// A jump that reaches an address however far it is.
pub(crate) struct FarJump {
    /// The instructions, their fixup to be applied.
    pub(crate) bytes: &'static [u8],
    /// Where the patch below is applied.
    pub(crate) offset: usize,
    pub(crate) patch: Patch,
    /// Whether the patch leads to a slot with the target's address, or to the target.
    pub(crate) by_slot: bool,
    /// Added to the target of the patch.
    pub(crate) addend: i64,
}

impl Isa {
    pub(crate) fn of(architecture: Architecture) -> Option<Self> {
        match architecture {
            Architecture::X86_64 => Some(Self::X86_64),
            Architecture::Aarch64 => Some(Self::Aarch64),
            _ => None,
        }
    }

    #[cfg(feature = "gdb")]
    pub(crate) fn architecture(self) -> Architecture {
        match self {
            Self::X86_64 => Architecture::X86_64,
            Self::Aarch64 => Architecture::Aarch64,
        }
    }

    /// An instruction of 4 bytes, or four of one byte, that trap.
    pub(crate) const fn trap(self) -> [u8; 4] {
        match self {
            Self::X86_64 => x86_64::TRAP,
            Self::Aarch64 => aarch64::TRAP,
        }
    }

    /// The form of a relocation of an ELF file, or its name when it has none here.
    pub(crate) fn form(self, r_type: RelocationType) -> Result<Form, &'static str> {
        let form = match self {
            Self::X86_64 => x86_64::form(r_type),
            Self::Aarch64 => aarch64::form(r_type),
        };
        form.ok_or_else(|| self.name(r_type))
    }

    /// The psABI's name of a relocation.
    pub(crate) fn name(self, r_type: RelocationType) -> &'static str {
        let machine = match self {
            Self::X86_64 => EM_X86_64,
            Self::Aarch64 => EM_AARCH64,
        };
        let names = elf::machine_names(machine);
        names.r.name(r_type).unwrap_or("unknown")
    }

    /// The form of a direct call or jump.
    pub(crate) fn call(self) -> Form {
        Form::Branch(match self {
            Self::X86_64 => Patch::Relative32,
            Self::Aarch64 => Patch::Branch26,
        })
    }

    /// Whether what follows `before` is the displacement of an instruction that loads a slot, and that can as well
    /// compute the address in it.
    pub(crate) fn is_relaxable_load(self, before: &[u8]) -> bool {
        self == Self::X86_64 && x86_64::is_load(before)
    }

    pub(crate) fn far_jump(self) -> FarJump {
        match self {
            Self::X86_64 => x86_64::FAR_JUMP,
            Self::Aarch64 => aarch64::FAR_JUMP,
        }
    }

    /// A stub at `here` that jumps through the cell.
    pub(crate) fn cell_stub(self, here: usize, cell: usize) -> [u8; 16] {
        match self {
            Self::X86_64 => x86_64::cell_stub(here, cell),
            Self::Aarch64 => aarch64::cell_stub(here, cell),
        }
    }

    /// A jump to an address however far it is.
    pub(crate) fn jump_to(self, target: usize) -> [u8; 16] {
        match self {
            Self::X86_64 => x86_64::jump_to(target),
            Self::Aarch64 => aarch64::jump_to(target),
        }
    }

    /// The word of a patched stub at `here`: a direct jump, and traps.
    pub(crate) fn patched_stub(self, here: usize, target: usize) -> u64 {
        match self {
            Self::X86_64 => x86_64::patched_stub(here, target),
            Self::Aarch64 => aarch64::patched_stub(here, target),
        }
    }

    /// Bytes that an arena may span at most, so that everything in it reaches everything else.
    pub(crate) const fn max_reserve(self) -> usize {
        match self {
            // 32-bit displacements.
            Self::X86_64 => 1 << 30,
            // Displacements of 26 bits, in words, from patched stubs.
            Self::Aarch64 => 1 << 26,
        }
    }
}
