//! The linker: a relocatable object becomes the bytes of one unit.
//!
//! It works in two steps, so that everything that can be wrong with an object is found before memory is taken.
//! [`Plan::new`] lays the sections out, resolves the symbols, and turns every relocation into a simple fixup;
//! [`Plan::link`] applies them for given addresses. What a relocation means, and what a fixup writes, is the `isa`
//! module's.
//!
//! A unit is two blocks:
//!
//! ```text
//! code   executable sections | read-only sections | unwind tables | address slots (GOT) | jumps to far functions
//! data   writable sections | zero-filled sections | tables
//! ```
//!
//! Sections that do not occupy memory at run time and notes are left out, and so are unwind tables unless they are
//! asked for. An access through an address slot to something near is relaxed to a direct one where the instruction
//! allows it, as static linkers do (x86-64 psABI, B.2).

mod bytes;
mod elf;

use std::collections::HashMap;
use std::ops::Range;

use crate::arena::Part;
use crate::isa::{Form, Isa, Patch};
use crate::{CodeId, Error, Object, Source};

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
struct Fixup {
    at: Place,
    patch: Patch,
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
    /// The members, the object's own identity first, and the offsets in the code block at which they are entered.
    pub(crate) members: Vec<(CodeId, usize)>,
    /// The offset in the code block of tables that an unwinder reads, ended by a word of zeroes.
    pub(crate) unwind: Option<usize>,
    pub(crate) tables: Vec<PlacedTable>,
    isa: Isa,
    sections: Vec<(Place, &'d [u8])>,
    /// The file's numbers of its sections that are kept.
    #[cfg(feature = "gdb")]
    numbers: Vec<(usize, Place)>,
    fixups: Vec<Fixup>,
    /// Opcodes at which a load of an address became its computation.
    relaxed: Vec<Place>,
    far_jumps: Vec<Place>,
    unwind_end: Option<Place>,
}

/// The bytes of a unit, for the addresses that were asked for.
pub(crate) struct Image {
    pub(crate) code: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

const MAX_ALIGN: u64 = 4096;
/// Branches of AArch64 span this many bytes.
const MAX_LEN: usize = 1 << 26;

impl<'d> Plan<'d> {
    /// Plans the linking of `object` into the arena that occupies `arena`, with unwind tables if asked for.
    pub(crate) fn new(
        object: &Object<'d>,
        isa: Isa,
        arena: &Range<usize>,
        unwind: bool,
    ) -> Result<Self, Error> {
        let mut planner = Planner::new(isa, arena, unwind);
        match object.source {
            Source::Elf(bytes) => {
                let mut file = elf::File::parse(bytes, isa)?;
                file.lay_out(&mut planner)?;
                planner.add_tables(object)?;
                planner.add_members(object, |planner, name| file.find(planner, name, object))?;
                file.add_fixups(&mut planner, object)?;
            }
            Source::Bytes(bytes) => {
                bytes::lay_out(&bytes, &mut planner)?;
                planner.add_tables(object)?;
                planner.add_members(object, |planner, name| {
                    bytes::find(&bytes, planner, name, object)
                })?;
                bytes::add_fixups(&bytes, &mut planner, object)?;
            }
        }
        check_pc_values(object)?;
        Ok(planner.plan)
    }

    /// Where the file's sections lie, by their numbers, when the blocks start at these addresses.
    #[cfg(feature = "gdb")]
    pub(crate) fn section_addresses(&self, code: usize, data: usize) -> Vec<(usize, usize)> {
        let sections = self.numbers.iter().map(|&(number, place)| {
            let start = match place.part {
                Part::Code => code,
                Part::Data => data,
            };
            (number, start + place.offset)
        });
        sections.collect()
    }

    /// Where functions lie, by rising address, and their names.
    #[cfg(feature = "gdb")]
    pub(crate) fn functions<'o>(&self, object: &Object<'o>, code: usize) -> Vec<(usize, &'o str)> {
        let others = object.members.iter().map(|it| it.entry_symbol);
        let names = std::iter::once(object.name).chain(others);
        let addresses = self.members.iter().map(|&(_, offset)| code + offset);
        let mut functions: Vec<_> = addresses.zip(names).collect();
        functions.sort_unstable();
        functions
    }

    /// The unit's bytes when its blocks start at these addresses.
    pub(crate) fn link(&self, code: usize, data: usize) -> Image {
        let mut image = Image {
            code: self
                .isa
                .trap()
                .into_iter()
                .cycle()
                .take(self.code.len)
                .collect(),
            data: vec![0; self.data.len],
        };
        for &(place, bytes) in &self.sections {
            image.at(place, bytes.len()).copy_from_slice(bytes);
        }
        for &place in &self.relaxed {
            image.at(place, 1)[0] = 0x8d;
        }
        let far_jump = self.isa.far_jump().bytes;
        for &place in &self.far_jumps {
            image.at(place, far_jump.len()).copy_from_slice(far_jump);
        }
        if let Some(place) = self.unwind_end {
            image.at(place, 4).fill(0);
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
            fixup.patch.apply(
                image.at(fixup.at, fixup.patch.len()),
                address(fixup.at) as i64,
                (target as i64).wrapping_add(fixup.addend),
            );
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
    isa: Isa,
    arena: &'a Range<usize>,
    /// Whether unwind tables are kept.
    unwind: bool,
    plan: Plan<'d>,
    slots: HashMap<Target, Place>,
    jumps: HashMap<Target, Place>,
}

impl<'a, 'd> Planner<'a, 'd> {
    fn new(isa: Isa, arena: &'a Range<usize>, unwind: bool) -> Self {
        Self {
            isa,
            arena,
            unwind,
            plan: Plan {
                code: Extent { len: 0, align: 16 },
                data: Extent { len: 0, align: 16 },
                instructions: 0,
                members: Vec::new(),
                unwind: None,
                tables: Vec::new(),
                isa,
                sections: Vec::new(),
                #[cfg(feature = "gdb")]
                numbers: Vec::new(),
                fixups: Vec::new(),
                relaxed: Vec::new(),
                far_jumps: Vec::new(),
                unwind_end: None,
            },
            slots: HashMap::new(),
            jumps: HashMap::new(),
        }
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
        if !align.is_power_of_two() || align > MAX_ALIGN || len > MAX_LEN as u64 {
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
        if offset + len > MAX_LEN {
            return Err(bad("an object of more than 64 MB"));
        }
        *extent = Extent {
            len: offset + len,
            align: extent.align.max(align),
        };
        Ok(Place { part, offset })
    }

    /// Ends the unwind tables that begin at `start` and are the last thing in their block so far.
    fn end_unwind(&mut self, start: Place) -> Result<(), Error> {
        if self.plan.unwind.replace(start.offset).is_some() {
            return Err(bad("more than one section of unwind tables"));
        }
        self.plan.unwind_end = Some(self.extend(Part::Code, 4, 1)?);
        Ok(())
    }

    /// Finds where the members are entered.
    fn add_members(
        &mut self,
        object: &Object<'_>,
        find: impl Fn(&Self, &str) -> Result<Option<Target>, Error>,
    ) -> Result<(), Error> {
        let others = object.members.iter().map(|it| (it.id, it.entry_symbol));
        for (id, name) in [(object.id, object.entry_symbol)].into_iter().chain(others) {
            let offset = match find(self, name)? {
                Some(Target::Unit(place))
                    if place.part == Part::Code && place.offset < self.plan.instructions =>
                {
                    place.offset
                }
                _ => {
                    return Err(bad(format_args!(
                        "no instructions at the entry symbol `{name}`"
                    )));
                }
            };
            let mut members = self.plan.members.iter();
            if members.any(|(it, _)| it.identity == id.identity) {
                return Err(bad(format_args!("two members of identity {}", id.identity)));
            }
            self.plan.members.push((id, offset));
        }
        Ok(())
    }

    /// What lies `offset` bytes behind a place in the same block.
    fn within(&self, base: Place, offset: usize) -> Option<Target> {
        let extent = match base.part {
            Part::Code => self.plan.code,
            Part::Data => self.plan.data,
        };
        let offset = base
            .offset
            .checked_add(offset)
            .filter(|it| *it <= extent.len)?;
        Some(Target::Unit(Place { offset, ..base }))
    }

    /// What a symbol that the object does not define leads to.
    fn undefined(&self, name: &str, weak: bool, object: &Object<'_>) -> Result<Target, Error> {
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

    /// Adds what a relocation needs: it stands `offset` bytes into the section at `base`, whose contents these are.
    /// `false`: it cannot reach.
    fn add_fixup(
        &mut self,
        form: Form,
        base: Place,
        contents: &[u8],
        offset: usize,
        target: Target,
        addend: i64,
    ) -> Result<bool, Error> {
        let end = offset.checked_add(form.patch().len());
        if end.is_none_or(|end| end > contents.len()) {
            return Err(bad("a relocation outside its section"));
        }
        let at = Place {
            offset: base.offset + offset,
            ..base
        };
        let (patch, target) = match form {
            Form::Direct(patch) => (patch, target),
            Form::Branch(patch) if self.reaches(patch, at, target, addend) => (patch, target),
            Form::Branch(patch) => (patch, self.jump(target)?),
            Form::Slot { patch, relaxable } => {
                let before = &contents[..offset];
                if relaxable
                    && addend == -4
                    && self.reaches(patch, at, target, addend)
                    && self.isa.is_relaxable_load(before)
                {
                    self.plan.relaxed.push(Place {
                        offset: at.offset - 2,
                        ..at
                    });
                    (patch, target)
                } else {
                    (patch, self.slot(target)?)
                }
            }
        };
        let reaches = self.reaches(patch, at, target, addend);
        if reaches {
            self.plan.fixups.push(Fixup {
                at,
                patch,
                target,
                addend,
            });
        }
        Ok(reaches)
    }

    /// Whether the patch at this place leads to the target, wherever the unit comes to lie in the arena.
    fn reaches(&self, patch: Patch, at: Place, target: Target, addend: i64) -> bool {
        if let Patch::PageOffset12 { scale } = patch {
            let low = match target {
                Target::Unit(place) => place.offset as i64,
                Target::Address(address) => address as i64,
            };
            return low.wrapping_add(addend).trailing_zeros() >= u32::from(scale);
        }
        let Some(reach) = patch.reach() else {
            return true;
        };
        // The nearest and the farthest that the target can be.
        let distances = match target {
            Target::Unit(place) if place.part == at.part => {
                [place.offset as i64 - at.offset as i64; 2]
            }
            Target::Unit(_) => {
                let span = self.isa.max_reserve() as i64;
                [-span, span]
            }
            Target::Address(address) => [self.arena.start, self.arena.end]
                .map(|end| (address as i64).wrapping_sub(end as i64)),
        };
        let near = -reach..=reach;
        distances
            .into_iter()
            .all(|it| it.checked_add(addend).is_some_and(|it| near.contains(&it)))
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
            patch: Patch::Absolute64,
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
        let jump = self.isa.far_jump();
        let by = if jump.by_slot {
            self.slot(target)?
        } else {
            target
        };
        let place = self.extend(Part::Code, jump.bytes.len() as u64, 8)?;
        self.jumps.insert(target, place);
        self.plan.far_jumps.push(place);
        self.plan.fixups.push(Fixup {
            at: Place {
                offset: place.offset + jump.offset,
                ..place
            },
            patch: jump.patch,
            target: by,
            addend: jump.addend,
        });
        Ok(Target::Unit(place))
    }
}

fn check_pc_values(object: &Object<'_>) -> Result<(), Error> {
    if object.pc_values.is_sorted_by(|a, b| a.offset < b.offset) {
        Ok(())
    } else {
        Err(bad("the offsets of its values do not rise"))
    }
}

fn bad(cause: impl std::fmt::Display) -> Error {
    Error::BadObject(cause.to_string())
}

#[cfg(all(test, unix, not(loom)))]
mod tests;
