//! Relocatable ELF files, as input of the linker.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use object::elf::{
    R_X86_64_NONE, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS, SHT_NOTE,
    SHT_PROGBITS, SHT_X86_64_UNWIND, SectionFlags, SectionType,
};
use object::read::elf::ElfFile64;
use object::{
    LittleEndian, Object as _, ObjectKind, ObjectSection as _, ObjectSymbol, RelocationFlags,
    RelocationTarget, SectionIndex, SymbolIndex, SymbolSection,
};

use super::{Place, Planner, Target, bad};
use crate::arena::Part;
use crate::isa::Isa;
use crate::{Error, Object};

/// What becomes of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Instructions,
    Constants,
    Unwind,
    Variables,
    Zeroes,
}

/// A file that is being planned.
pub(super) struct File<'d> {
    elf: ElfFile64<'d, LittleEndian>,
    /// Where the sections that are kept begin.
    places: HashMap<SectionIndex, Place>,
}

impl<'d> File<'d> {
    pub(super) fn parse(bytes: &'d [u8], isa: Isa) -> Result<Self, Error> {
        let elf = ElfFile64::<LittleEndian>::parse(bytes).map_err(bad)?;
        let (architecture, kind) = (elf.architecture(), elf.kind());
        if Isa::of(architecture) != Some(isa) || kind != ObjectKind::Relocatable {
            return Err(bad(format_args!(
                "{architecture:?} {kind:?}, not relocatable {isa:?}"
            )));
        }
        Ok(Self {
            elf,
            places: HashMap::new(),
        })
    }

    /// Places the sections: instructions before constants, initialised data before zero-filled.
    pub(super) fn lay_out(&mut self, planner: &mut Planner<'_, 'd>) -> Result<(), Error> {
        for round in [
            Keep::Instructions,
            Keep::Constants,
            Keep::Unwind,
            Keep::Variables,
            Keep::Zeroes,
        ] {
            for section in self.elf.sections() {
                let object::SectionFlags::Elf { sh_type, sh_flags } = section.flags() else {
                    continue;
                };
                if keep(section.name().map_err(bad)?, sh_type, sh_flags)? != Some(round)
                    || (round == Keep::Unwind && !planner.unwind)
                {
                    continue;
                }
                let part = match round {
                    Keep::Instructions | Keep::Constants | Keep::Unwind => Part::Code,
                    Keep::Variables | Keep::Zeroes => Part::Data,
                };
                let place = planner.extend(part, section.size(), section.align())?;
                self.places.insert(section.index(), place);
                #[cfg(feature = "gdb")]
                planner.plan.numbers.push((section.index().0, place));
                if round != Keep::Zeroes {
                    let bytes = section.data().map_err(bad)?;
                    planner.plan.sections.push((place, bytes));
                }
                if round == Keep::Unwind {
                    planner.end_unwind(place)?;
                }
            }
            if round == Keep::Instructions {
                planner.plan.instructions = planner.plan.code.len;
            }
        }
        Ok(())
    }

    /// The place of a symbol that is defined in this file.
    pub(super) fn find(
        &self,
        planner: &Planner<'_, 'd>,
        name: &str,
        object: &Object<'_>,
    ) -> Result<Option<Target>, Error> {
        let mut symbols = self.elf.symbols();
        symbols
            .find(|it| it.is_definition() && it.name().is_ok_and(|it| it == name))
            .map(|symbol| self.resolve(planner, &symbol, object))
            .transpose()
    }

    pub(super) fn add_fixups(
        &self,
        planner: &mut Planner<'_, 'd>,
        object: &Object<'_>,
    ) -> Result<(), Error> {
        // What the symbols that relocations name lead to. Undefined ones that none names are of no concern.
        let mut targets = HashMap::new();
        for section in self.elf.sections() {
            let Some(&base) = self.places.get(&section.index()) else {
                continue;
            };
            let bytes = section.data().map_err(bad)?;
            for (offset, relocation) in section.relocations() {
                let RelocationFlags::Elf { r_type } = relocation.flags() else {
                    continue;
                };
                // Both processors call it 0.
                if r_type == R_X86_64_NONE {
                    continue;
                }
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    return Err(bad("a relocation without a symbol"));
                };
                let form =
                    planner
                        .isa
                        .form(r_type)
                        .map_err(|kind| Error::UnsupportedRelocation {
                            kind,
                            number: r_type.0,
                            symbol: self.name(symbol),
                        })?;
                let target = match targets.entry(symbol) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(place) => {
                        let symbol = self.elf.symbol_by_index(symbol).map_err(bad)?;
                        *place.insert(self.resolve(planner, &symbol, object)?)
                    }
                };
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                let reached =
                    planner.add_fixup(form, base, bytes, offset, target, relocation.addend())?;
                if !reached {
                    return Err(Error::OutOfRange {
                        kind: planner.isa.name(r_type),
                        symbol: self.name(symbol),
                    });
                }
            }
        }
        Ok(())
    }

    fn resolve<'f>(
        &self,
        planner: &Planner<'_, 'd>,
        symbol: &impl ObjectSymbol<'f>,
        object: &Object<'_>,
    ) -> Result<Target, Error> {
        let name = symbol.name().map_err(bad)?;
        match symbol.section() {
            SymbolSection::Section(section) => {
                let base = self.places.get(&section).ok_or_else(|| {
                    bad(format_args!("`{name}` is in a section that is left out"))
                })?;
                let offset = usize::try_from(symbol.address()).unwrap_or(usize::MAX);
                planner
                    .within(*base, offset)
                    .ok_or_else(|| bad(format_args!("symbol `{name}` lies outside its section")))
            }
            SymbolSection::Absolute => Ok(Target::Address(symbol.address() as usize)),
            SymbolSection::Undefined => planner.undefined(name, symbol.is_weak(), object),
            other => Err(bad(format_args!("symbol `{name}` is {other:?}"))),
        }
    }

    fn name(&self, symbol: SymbolIndex) -> String {
        let symbol = self.elf.symbol_by_index(symbol);
        let name = symbol.and_then(|symbol| symbol.name());
        name.unwrap_or("?").to_owned()
    }
}

/// What becomes of a section of this type and these flags. `None`: it is left out.
fn keep(name: &str, sh_type: SectionType, sh_flags: SectionFlags) -> Result<Option<Keep>, Error> {
    let has = |flag: SectionFlags| sh_flags.0 & flag.0 != 0;
    if !has(SHF_ALLOC) || sh_type == SHT_NOTE {
        return Ok(None);
    }
    if has(SHF_TLS) {
        return Err(bad(format_args!("thread-local section `{name}`")));
    }
    let keep = match sh_type {
        SHT_X86_64_UNWIND => Keep::Unwind,
        SHT_PROGBITS if name == ".eh_frame" => Keep::Unwind,
        SHT_NOBITS => Keep::Zeroes,
        SHT_PROGBITS if has(SHF_EXECINSTR) => Keep::Instructions,
        // Constant once relocated, and they are relocated before they become readable.
        SHT_PROGBITS if name.starts_with(".data.rel.ro") || !has(SHF_WRITE) => Keep::Constants,
        SHT_PROGBITS => Keep::Variables,
        other => return Err(bad(format_args!("section `{name}` of type {:#x}", other.0))),
    };
    Ok(Some(keep))
}
