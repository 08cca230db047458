//! What this linker knows of ELF on x86-64 (System V ABI, AMD64 supplement, chapter 4).

use object::elf::{
    R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_PC32, R_X86_64_PC64,
    R_X86_64_PLT32, R_X86_64_REX_GOTPCRELX, RelocationType, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS,
    SHF_WRITE, SHT_NOBITS, SHT_NOTE, SHT_PROGBITS, SHT_X86_64_UNWIND, SectionFlags, SectionType,
};
use object::{Architecture, Object as _, ObjectKind};

use super::{File, bad};
use crate::Error;

/// What becomes of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Instructions,
    Constants,
    Variables,
    Zeroes,
}

/// What a relocation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Absolute64,
    Relative32,
    Relative64,
    /// A direct call or jump, which may go by a jump of the unit.
    Call,
    /// The distance to a slot that holds the symbol's address.
    Slot {
        /// The instruction may be rewritten when the symbol is near.
        relaxable: bool,
    },
}

impl Form {
    /// Bytes that the relocation writes.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Absolute64 | Self::Relative64 => 8,
            Self::Relative32 | Self::Call | Self::Slot { .. } => 4,
        }
    }
}

pub(super) fn check_header(file: &File<'_>) -> Result<(), Error> {
    match (file.architecture(), file.kind()) {
        (Architecture::X86_64, ObjectKind::Relocatable) => Ok(()),
        (architecture, kind) => Err(bad(format_args!(
            "{architecture:?} {kind:?}, not relocatable x86-64"
        ))),
    }
}

/// What becomes of a section of this type and these flags. `None`: it is left out.
pub(super) fn keep(
    name: &str,
    sh_type: SectionType,
    sh_flags: SectionFlags,
) -> Result<Option<Keep>, Error> {
    let has = |flag: SectionFlags| sh_flags.0 & flag.0 != 0;
    let unwind = sh_type == SHT_X86_64_UNWIND || name == ".eh_frame";
    if !has(SHF_ALLOC) || sh_type == SHT_NOTE || unwind {
        return Ok(None);
    }
    if has(SHF_TLS) {
        return Err(bad(format_args!("thread-local section `{name}`")));
    }
    let keep = match sh_type {
        SHT_NOBITS => Keep::Zeroes,
        SHT_PROGBITS if has(SHF_EXECINSTR) => Keep::Instructions,
        // Constant once relocated, and they are relocated before they become readable.
        SHT_PROGBITS if name.starts_with(".data.rel.ro") || !has(SHF_WRITE) => Keep::Constants,
        SHT_PROGBITS => Keep::Variables,
        other => return Err(bad(format_args!("section `{name}` of type {:#x}", other.0))),
    };
    Ok(Some(keep))
}

/// The form of a relocation, or its name when it has none here.
pub(super) fn form(r_type: RelocationType) -> Result<Form, &'static str> {
    match r_type {
        R_X86_64_64 => Ok(Form::Absolute64),
        R_X86_64_PC32 => Ok(Form::Relative32),
        R_X86_64_PC64 => Ok(Form::Relative64),
        R_X86_64_PLT32 => Ok(Form::Call),
        R_X86_64_GOTPCREL => Ok(Form::Slot { relaxable: false }),
        R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX => Ok(Form::Slot { relaxable: true }),
        other => Err(name(other)),
    }
}

/// Whether the instruction whose displacement follows is `mov slot(%rip), %reg`.
pub(super) fn is_load(before: &[u8]) -> bool {
    matches!(before, [.., 0x8b, modrm] if modrm & 0b1100_0111 == 0b0000_0101)
}

/// The psABI's name of a relocation.
pub(super) fn name(r_type: RelocationType) -> &'static str {
    NAMES.get(r_type.0 as usize).copied().unwrap_or("unknown")
}

/// Table 4.9 of the psABI, by number.
const NAMES: [&str; 43] = [
    "R_X86_64_NONE",
    "R_X86_64_64",
    "R_X86_64_PC32",
    "R_X86_64_GOT32",
    "R_X86_64_PLT32",
    "R_X86_64_COPY",
    "R_X86_64_GLOB_DAT",
    "R_X86_64_JUMP_SLOT",
    "R_X86_64_RELATIVE",
    "R_X86_64_GOTPCREL",
    "R_X86_64_32",
    "R_X86_64_32S",
    "R_X86_64_16",
    "R_X86_64_PC16",
    "R_X86_64_8",
    "R_X86_64_PC8",
    "R_X86_64_DTPMOD64",
    "R_X86_64_DTPOFF64",
    "R_X86_64_TPOFF64",
    "R_X86_64_TLSGD",
    "R_X86_64_TLSLD",
    "R_X86_64_DTPOFF32",
    "R_X86_64_GOTTPOFF",
    "R_X86_64_TPOFF32",
    "R_X86_64_PC64",
    "R_X86_64_GOTOFF64",
    "R_X86_64_GOTPC32",
    "R_X86_64_GOT64",
    "R_X86_64_GOTPCREL64",
    "R_X86_64_GOTPC64",
    "R_X86_64_GOTPLT64",
    "R_X86_64_PLTOFF64",
    "R_X86_64_SIZE32",
    "R_X86_64_SIZE64",
    "R_X86_64_GOTPC32_TLSDESC",
    "R_X86_64_TLSDESC_CALL",
    "R_X86_64_TLSDESC",
    "R_X86_64_IRELATIVE",
    "R_X86_64_RELATIVE64",
    "unknown",
    "unknown",
    "R_X86_64_GOTPCRELX",
    "R_X86_64_REX_GOTPCRELX",
];
