//! The linker: a relocatable x86-64 ELF object becomes the bytes of one unit.
//!
//! It works in two steps, so that everything that can be wrong with an object is found before memory is taken.
//! [`Plan::new`] lays the sections out, resolves the symbols, and turns every relocation into one of three simple
//! fixups; [`Plan::link`] applies them for given addresses.
//!
//! A unit is two blocks:
//!
//! ```text
//! code   executable sections | read-only sections | address slots (GOT) | jumps to far functions
//! data   writable sections | zero-filled sections | tables
//! ```
//!
//! Sections that do not occupy memory at run time, notes and unwind tables are left out. An access through an
//! address slot to something near is relaxed to a direct one, as static linkers do (x86-64 psABI, B.2).

mod elf;

use std::collections::HashMap;
use std::ops::Range;

use object::elf::R_X86_64_NONE;
use object::read::elf::ElfFile64;
use object::{
    LittleEndian, Object as _, ObjectSection as _, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SymbolIndex, SymbolSection,
};

use crate::arena::{Part, TRAP};
use crate::{Error, Object};
use elf::{Form, Keep};

/// Where something is in the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    part: Part,
    offset: usize,
}

/// What a symbol or a relocation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Target {
    Unit(Place),
    Address(usize),
}

#[derive(Debug, Clone, Copy)]
enum Width {
    /// 8 bytes: the target's address.
    Absolute64,
    /// 4 bytes: the distance from here to the target.
    Relative32,
    /// 8 bytes: the distance from here to the target.
    Relative64,
}

#[derive(Debug, Clone, Copy)]
struct Fixup {
    at: Place,
    width: Width,
    target: Target,
    addend: i64,
}

/// Length and alignment of a block that is being laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Bytes.
    pub(crate) len: usize,
    /// A power of two.
    pub(crate) align: usize,
}

/// A table of the unit: its symbol, its offset in the data block, its words.
#[derive(Debug, Clone)]
pub(crate) struct PlacedTable {
    pub(crate) symbol: String,
    pub(crate) offset: usize,
    pub(crate) words: usize,
}

/// An object that can be linked anywhere in the arena.
pub(crate) struct Plan<'d> {
    pub(crate) code: Extent,
    pub(crate) data: Extent,
    /// The instructions are the first so many bytes of the code block.
    pub(crate) instructions: usize,
    /// The offset of the entry symbol in the code block.
    pub(crate) entry: usize,
    pub(crate) tables: Vec<PlacedTable>,
    sections: Vec<(Place, &'d [u8])>,
    fixups: Vec<Fixup>,
    /// Opcodes at which a load of an address became its computation.
    relaxed: Vec<Place>,
    trampolines: Vec<Place>,
}

/// The bytes of a unit, for the addresses that were asked for.
pub(crate) struct Image {
    pub(crate) code: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

/// `jmp *slot(%rip)`, its displacement to be filled in.
const FAR_JUMP: [u8; 8] = [0xff, 0x25, 0, 0, 0, 0, TRAP, TRAP];
const MAX_ALIGN: u64 = 4096;

impl<'d> Plan<'d> {
    /// Plans the linking of `object` into the arena that occupies `arena`.
    pub(crate) fn new(object: &Object<'d>, arena: &Range<usize>) -> Result<Self, Error> {
        let file = ElfFile64::<LittleEndian>::parse(object.bytes).map_err(bad)?;
        elf::check_header(&file)?;
        let mut planner = Planner {
            arena,
            plan: Self {
                code: Extent { len: 0, align: 16 },
                data: Extent { len: 0, align: 16 },
                instructions: 0,
                entry: 0,
                tables: Vec::new(),
                sections: Vec::new(),
                fixups: Vec::new(),
                relaxed: Vec::new(),
                trampolines: Vec::new(),
            },
            places: HashMap::new(),
            symbols: HashMap::new(),
            slots: HashMap::new(),
            jumps: HashMap::new(),
        };
        planner.lay_out(&file)?;
        planner.add_tables(object)?;
        planner.find_entry(&file, object)?;
        planner.add_fixups(&file, object)?;
        Ok(planner.plan)
    }

    /// The unit's bytes when its blocks start at these addresses.
    pub(crate) fn link(&self, code: usize, data: usize) -> Image {
        let mut image = Image {
            code: vec![TRAP; self.code.len],
            data: vec![0; self.data.len],
        };
        for &(place, bytes) in &self.sections {
            image.at(place, bytes.len()).copy_from_slice(bytes);
        }
        for &place in &self.relaxed {
            image.at(place, 1)[0] = 0x8d;
        }
        for &place in &self.trampolines {
            image.at(place, FAR_JUMP.len()).copy_from_slice(&FAR_JUMP);
        }
        let address = |place: Place| match place.part {
            Part::Code => code + place.offset,
            Part::Data => data + place.offset,
        };
        for fixup in &self.fixups {
            let target = match fixup.target {
                Target::Unit(place) => address(place),
                Target::Address(address) => address,
            };
            let value = (target as i64).wrapping_add(fixup.addend);
            let distance = value.wrapping_sub(address(fixup.at) as i64);
            match fixup.width {
                Width::Absolute64 => image.at(fixup.at, 8).copy_from_slice(&value.to_le_bytes()),
                Width::Relative64 => image
                    .at(fixup.at, 8)
                    .copy_from_slice(&distance.to_le_bytes()),
                Width::Relative32 => {
                    // The plan admits near targets only, and bounds the addend.
                    let distance = i32::try_from(distance).expect("planned to be near");
                    image
                        .at(fixup.at, 4)
                        .copy_from_slice(&distance.to_le_bytes());
                }
            }
        }
        image
    }
}

impl Image {
    fn at(&mut self, place: Place, len: usize) -> &mut [u8] {
        let bytes = match place.part {
            Part::Code => &mut self.code,
            Part::Data => &mut self.data,
        };
        &mut bytes[place.offset..place.offset + len]
    }
}

/// The work of [`Plan::new`].
struct Planner<'a, 'd> {
    arena: &'a Range<usize>,
    plan: Plan<'d>,
    /// Where the sections that are kept begin.
    places: HashMap<usize, Place>,
    /// What the symbols that relocations may name lead to.
    symbols: HashMap<SymbolIndex, Target>,
    slots: HashMap<Target, Place>,
    jumps: HashMap<Target, Place>,
}

type File<'d> = ElfFile64<'d, LittleEndian>;

impl<'d> Planner<'_, 'd> {
    /// Places the sections: instructions before constants, initialised data before zero-filled.
    fn lay_out(&mut self, file: &File<'d>) -> Result<(), Error> {
        for round in [
            Keep::Instructions,
            Keep::Constants,
            Keep::Variables,
            Keep::Zeroes,
        ] {
            for section in file.sections() {
                let SectionFlags::Elf { sh_type, sh_flags } = section.flags() else {
                    continue;
                };
                if elf::keep(section.name().map_err(bad)?, sh_type, sh_flags)? != Some(round) {
                    continue;
                }
                let part = if matches!(round, Keep::Instructions | Keep::Constants) {
                    Part::Code
                } else {
                    Part::Data
                };
                let place = self.extend(part, section.size(), section.align())?;
                self.places.insert(section.index().0, place);
                if round != Keep::Zeroes {
                    let bytes = section.data().map_err(bad)?;
                    self.plan.sections.push((place, bytes));
                }
            }
            if round == Keep::Instructions {
                self.plan.instructions = self.plan.code.len;
            }
        }
        Ok(())
    }

    fn add_tables(&mut self, object: &Object<'_>) -> Result<(), Error> {
        for table in object.tables {
            let place = self.extend(Part::Data, table.words as u64 * 8, 8)?;
            self.plan.tables.push(PlacedTable {
                symbol: table.symbol.to_owned(),
                offset: place.offset,
                words: table.words,
            });
        }
        Ok(())
    }

    /// Adds `len` bytes to a block.
    fn extend(&mut self, part: Part, len: u64, align: u64) -> Result<Place, Error> {
        let align = align.max(1);
        if !align.is_power_of_two() || align > MAX_ALIGN || len > u64::from(u32::MAX) {
            return Err(bad(format_args!(
                "a section of {len} bytes aligned to {align}"
            )));
        }
        let (len, align) = (len as usize, align as usize);
        let extent = match part {
            Part::Code => &mut self.plan.code,
            Part::Data => &mut self.plan.data,
        };
        let offset = extent.len.next_multiple_of(align);
        *extent = Extent {
            len: offset + len,
            align: extent.align.max(align),
        };
        Ok(Place { part, offset })
    }

    fn find_entry(&mut self, file: &File<'d>, object: &Object<'_>) -> Result<(), Error> {
        let is_entry = |name: &str| name == object.entry_symbol;
        let entry = file
            .symbols()
            .find(|symbol| symbol.is_definition() && symbol.name().is_ok_and(is_entry));
        match entry
            .map(|symbol| self.resolve(&symbol, object))
            .transpose()?
        {
            Some(Target::Unit(Place {
                part: Part::Code,
                offset,
            })) if offset < self.plan.instructions => {
                self.plan.entry = offset;
                Ok(())
            }
            _ => Err(bad(format_args!(
                "no instructions at the entry symbol `{}`",
                object.entry_symbol
            ))),
        }
    }

    /// What a symbol that a relocation names leads to. Undefined symbols that none names are of no concern.
    fn target(
        &mut self,
        file: &File<'d>,
        index: SymbolIndex,
        object: &Object<'_>,
    ) -> Result<Target, Error> {
        if let Some(&target) = self.symbols.get(&index) {
            return Ok(target);
        }
        let symbol = file.symbol_by_index(index).map_err(bad)?;
        let target = self.resolve(&symbol, object)?;
        self.symbols.insert(index, target);
        Ok(target)
    }

    fn resolve<'f>(
        &self,
        symbol: &impl ObjectSymbol<'f>,
        object: &Object<'_>,
    ) -> Result<Target, Error> {
        let name = symbol.name().map_err(bad)?;
        match symbol.section() {
            SymbolSection::Section(section) => {
                let base = self.places.get(&section.0).ok_or_else(|| {
                    bad(format_args!("`{name}` is in a section that is left out"))
                })?;
                let extent = if base.part == Part::Code {
                    self.plan.code
                } else {
                    self.plan.data
                };
                let offset = usize::try_from(symbol.address())
                    .ok()
                    .and_then(|it| it.checked_add(base.offset))
                    .filter(|it| *it <= extent.len)
                    .ok_or_else(|| bad(format_args!("symbol `{name}` lies outside its section")))?;
                Ok(Target::Unit(Place {
                    part: base.part,
                    offset,
                }))
            }
            SymbolSection::Absolute => Ok(Target::Address(symbol.address() as usize)),
            SymbolSection::Undefined => self.resolve_undefined(name, symbol.is_weak(), object),
            other => Err(bad(format_args!("symbol `{name}` is {other:?}"))),
        }
    }

    fn resolve_undefined(
        &self,
        name: &str,
        weak: bool,
        object: &Object<'_>,
    ) -> Result<Target, Error> {
        if let Some(table) = self.plan.tables.iter().find(|table| table.symbol == name) {
            return Ok(Target::Unit(Place {
                part: Part::Data,
                offset: table.offset,
            }));
        }
        match (object.resolve)(name) {
            Some(address) => Ok(Target::Address(address)),
            None if weak => Ok(Target::Address(0)),
            None => Err(Error::UnresolvedSymbol(name.to_owned())),
        }
    }

    fn add_fixups(&mut self, file: &File<'d>, object: &Object<'_>) -> Result<(), Error> {
        for section in file.sections() {
            let Some(&base) = self.places.get(&section.index().0) else {
                continue;
            };
            let bytes = section.data().map_err(bad)?;
            for (offset, relocation) in section.relocations() {
                let RelocationFlags::Elf { r_type } = relocation.flags() else {
                    continue;
                };
                if r_type == R_X86_64_NONE {
                    continue;
                }
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    return Err(bad("a relocation without a symbol"));
                };
                let name = || symbol_name(file, symbol);
                let form = elf::form(r_type).map_err(|kind| Error::UnsupportedRelocation {
                    kind,
                    number: r_type.0,
                    symbol: name(),
                })?;
                let offset = usize::try_from(offset)
                    .ok()
                    .filter(|it| {
                        it.checked_add(form.len())
                            .is_some_and(|end| end <= bytes.len())
                    })
                    .ok_or_else(|| bad("a relocation outside its section"))?;
                let at = Place {
                    part: base.part,
                    offset: base.offset + offset,
                };
                let target = self.target(file, symbol, object)?;
                let reached =
                    self.add_fixup(form, at, target, relocation.addend(), &bytes[..offset])?;
                if !reached {
                    return Err(Error::OutOfRange {
                        kind: elf::name(r_type),
                        symbol: name(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Adds what a relocation needs. `before` are the section's bytes before it. `false`: it cannot reach.
    fn add_fixup(
        &mut self,
        form: Form,
        at: Place,
        target: Target,
        addend: i64,
        before: &[u8],
    ) -> Result<bool, Error> {
        let (width, target) = match form {
            Form::Absolute64 => (Width::Absolute64, target),
            Form::Relative64 => (Width::Relative64, target),
            Form::Relative32 => (Width::Relative32, target),
            Form::Call if self.is_near(target, addend) => (Width::Relative32, target),
            Form::Call => (Width::Relative32, self.jump(target)?),
            Form::Slot { relaxable } => {
                if relaxable && addend == -4 && self.is_near(target, addend) && elf::is_load(before)
                {
                    self.plan.relaxed.push(Place {
                        part: at.part,
                        offset: at.offset - 2,
                    });
                    (Width::Relative32, target)
                } else {
                    (Width::Relative32, self.slot(target)?)
                }
            }
        };
        if matches!(width, Width::Relative32) && !self.is_near(target, addend) {
            return Ok(false);
        }
        self.plan.fixups.push(Fixup {
            at,
            width,
            target,
            addend,
        });
        Ok(true)
    }

    /// Whether a 32-bit displacement reaches the target from everywhere in the arena.
    fn is_near(&self, target: Target, addend: i64) -> bool {
        let reach = 0..=i64::from(i32::MAX);
        match target {
            // An arena spans at most 1 GB.
            Target::Unit(_) => addend.unsigned_abs() < 1 << 29,
            Target::Address(address) => {
                let target = (address as i64).wrapping_add(addend);
                reach.contains(&target.abs_diff(self.arena.start as i64).cast_signed())
                    && reach.contains(&target.abs_diff(self.arena.end as i64).cast_signed())
            }
        }
    }

    /// The slot that holds the target's address.
    fn slot(&mut self, target: Target) -> Result<Target, Error> {
        if let Some(&place) = self.slots.get(&target) {
            return Ok(Target::Unit(place));
        }
        let place = self.extend(Part::Code, 8, 8)?;
        self.slots.insert(target, place);
        self.plan.fixups.push(Fixup {
            at: place,
            width: Width::Absolute64,
            target,
            addend: 0,
        });
        Ok(Target::Unit(place))
    }

    /// The jump that reaches a target however far it is.
    fn jump(&mut self, target: Target) -> Result<Target, Error> {
        if let Some(&place) = self.jumps.get(&target) {
            return Ok(Target::Unit(place));
        }
        let slot = self.slot(target)?;
        let place = self.extend(Part::Code, FAR_JUMP.len() as u64, 8)?;
        self.jumps.insert(target, place);
        self.plan.trampolines.push(place);
        let at = Place {
            part: Part::Code,
            offset: place.offset + 2,
        };
        self.plan.fixups.push(Fixup {
            at,
            width: Width::Relative32,
            target: slot,
            addend: -4,
        });
        Ok(Target::Unit(place))
    }
}

fn symbol_name(file: &File<'_>, symbol: SymbolIndex) -> String {
    let name = file
        .symbol_by_index(symbol)
        .and_then(|symbol| symbol.name());
    name.unwrap_or("?").to_owned()
}

fn bad(cause: impl std::fmt::Display) -> Error {
    Error::BadObject(cause.to_string())
}
