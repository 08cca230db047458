//! Plain bytes with fixups, as input of the linker.

use super::{Place, Planner, Target, bad};
use crate::arena::Part;
use crate::isa::{Form, Patch};
use crate::{Bytes, Error, FixupKind, Object};

/// Places the code.
pub(super) fn lay_out<'d>(bytes: &Bytes<'d>, planner: &mut Planner<'_, 'd>) -> Result<(), Error> {
    let place = planner.extend(Part::Code, bytes.code.len() as u64, bytes.align as u64)?;
    planner.plan.sections.push((place, bytes.code));
    planner.plan.instructions = planner.plan.code.len;
    // In the file that is made of it for a debugger.
    #[cfg(feature = "gdb")]
    planner.plan.numbers.push((1, place));
    Ok(())
}

/// The place of a symbol that the code defines.
pub(super) fn find(
    bytes: &Bytes<'_>,
    planner: &Planner<'_, '_>,
    name: &str,
    object: &Object<'_>,
) -> Result<Option<Target>, Error> {
    let symbol = bytes.symbols.iter().find(|it| it.name == name);
    let offset = match symbol {
        Some(symbol) => symbol.offset,
        None if name == object.entry_symbol => 0,
        None => return Ok(None),
    };
    let target = planner.within(START, offset);
    let outside = || bad(format_args!("symbol `{name}` lies outside the code"));
    target.ok_or_else(outside).map(Some)
}

pub(super) fn add_fixups(
    bytes: &Bytes<'_>,
    planner: &mut Planner<'_, '_>,
    object: &Object<'_>,
) -> Result<(), Error> {
    for fixup in bytes.fixups {
        let (form, kind) = match fixup.kind {
            FixupKind::Absolute64 => (Form::Direct(Patch::Absolute64), "Absolute64"),
            FixupKind::Relative32 => (Form::Direct(Patch::Relative32), "Relative32"),
            FixupKind::Relative64 => (Form::Direct(Patch::Relative64), "Relative64"),
            FixupKind::Call => (planner.isa.call(), "Call"),
            FixupKind::Slot => {
                let patch = Patch::Relative32;
                let relaxable = false;
                (Form::Slot { patch, relaxable }, "Slot")
            }
        };
        let target = match find(bytes, planner, fixup.symbol, object)? {
            Some(target) => target,
            None => planner.undefined(fixup.symbol, false, object)?,
        };
        if !planner.add_fixup(form, START, bytes.code, fixup.offset, target, fixup.addend)? {
            return Err(Error::OutOfRange {
                kind,
                symbol: fixup.symbol.to_owned(),
            });
        }
    }
    Ok(())
}

/// The code is the first thing in its block.
const START: Place = Place {
    part: Part::Code,
    offset: 0,
};
