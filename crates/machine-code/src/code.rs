//! A published version, as its owner holds it, and the transaction that makes one.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::arena::{Block, Part};
use crate::index::Version;
use crate::link::Plan;
use crate::observe::Published;
use crate::shared::{Shared, UnitNo};
use crate::sync::AtomicBool;
use crate::unit::{Body, Unit};
use crate::unwind::Frames;
use crate::{CodeId, CodeSize, Entry, Error, Object, isa, raw};

/// The machine code of one object. Whoever holds it owns the bytes.
///
/// The address of the code is not to be had: it is reached through an [`Entry`] that was relinked to it, so freeing it
/// can leave no caller behind.
///
/// Dropping it *retires* its versions: entries that still lead to it are reset to their defaults, and its bytes, with
/// its tables, are freed by the first [`collect`](crate::Runtime::collect) that finds nobody inside. If no entry ever
/// led to it, they are freed at once.
pub struct Code {
    shared: Arc<Shared>,
    unit_no: UnitNo,
    /// The versions, the object's own first.
    ids: Box<[CodeId]>,
    size: CodeSize,
    /// Start of the data block; 0 if there is none.
    data: usize,
    tables: Box<[crate::link::PlacedTable]>,
}

impl Code {
    /// Whose version this is.
    pub fn id(&self) -> CodeId {
        self.ids[0]
    }

    /// All versions that this is: the object's own, and its further members.
    pub fn ids(&self) -> &[CodeId] {
        &self.ids
    }

    /// The memory it occupies.
    pub fn size(&self) -> CodeSize {
        self.size
    }

    /// The table that defines `symbol`, if the object was published with one.
    ///
    /// The words are zero at first. Running code reads them with plain loads, so each word changes at once, and in the
    /// order of release stores. The memory stays valid until the version is *freed*: an embedder that keeps an address
    /// into it beyond the drop of this handle must forget it when [`Collected`](crate::Collected) lists the version.
    pub fn table(&self, symbol: &str) -> Option<&[AtomicU64]> {
        let table = self.tables.iter().find(|table| table.symbol == symbol)?;
        // SAFETY: the table lies in this unit's data block, aligned to 8, which is not freed while `self` lives.
        Some(unsafe { raw::words(self.data + table.offset, table.words) })
    }

    /// Keeps an entry alive as long as these bytes: for code that calls the entry's cell or stub by address.
    pub fn hold(&self, entry: &Entry) {
        self.shared.lock().units[self.unit_no]
            .holds
            .push(entry.clone());
    }

    pub(crate) fn unit_no(&self) -> UnitNo {
        self.unit_no
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.shared.release(self.unit_no);
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code")
            .field("ids", &self.ids)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Links an object into the arena. See [`Runtime::publish`](crate::Runtime::publish).
pub(crate) fn publish(shared: &Arc<Shared>, object: &Object<'_>) -> Result<Code, Error> {
    // Everything that the object can do wrong shows here, before memory is taken, and the resolver is called without
    // the lock.
    let plan = Plan::new(
        object,
        isa::NATIVE,
        &Range {
            start: shared.whole.start,
            end: shared.whole.end(),
        },
        shared.unwind,
    )?;
    let reserved = Reserved::take(shared, &plan)?;
    let written = reserved.write(&plan)?;
    Ok(written.publish(plan, object))
}

/// Blocks for a unit, given back when dropped.
struct Reserved<'s> {
    shared: &'s Arc<Shared>,
    code: Block,
    data: Option<Block>,
    /// Whether the code block may be something else than traps.
    is_dirty: bool,
    is_reused: bool,
}

/// Blocks that hold a unit's bytes.
struct Written<'s> {
    reserved: Reserved<'s>,
    /// What the code block holds.
    bytes: Vec<u8>,
}

impl<'s> Reserved<'s> {
    fn take(shared: &'s Arc<Shared>, plan: &Plan<'_>) -> Result<Self, Error> {
        let mut state = shared.lock();
        let code = state.take(Part::Code, plan.code.len, plan.code.align)?;
        let is_reused = state.arena.is_reused(code);
        let data = match plan.data.len {
            0 => Ok(None),
            len => state.take(Part::Data, len, plan.data.align).map(Some),
        };
        match data {
            Ok(data) => Ok(Self {
                shared,
                code,
                data,
                is_dirty: false,
                is_reused,
            }),
            Err(error) => {
                state.arena.give_code(code);
                Err(error)
            }
        }
    }

    fn write(mut self, plan: &Plan<'_>) -> Result<Written<'s>, Error> {
        let image = plan.link(self.code.start, self.data.map_or(0, |data| data.start));
        if let Some(data) = self.data {
            // SAFETY: the block was taken for this unit and is known to nobody else.
            unsafe { raw::copy(data.start, &image.data) };
        }
        self.is_dirty = true;
        self.shared
            .os
            .write_code(&[(self.code.start, &image.code)])?;
        if self.is_reused {
            // Other instructions stood here. Without the barrier x86 still keeps its instruction caches coherent;
            // what is lost is the architecture's promise for processors that had fetched ahead.
            let _ = self.shared.os.sync_core();
        }
        Ok(Written {
            reserved: self,
            bytes: image.code,
        })
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(data) = self.data {
            state.arena.give_data(data);
        }
        if self.is_dirty {
            state.discard(self.code, None);
        } else {
            state.arena.give_code(self.code);
        }
    }
}

impl Written<'_> {
    /// From here on the bytes belong to the returned handle, and never change.
    fn publish(self, plan: Plan<'_>, object: &Object<'_>) -> Code {
        let Self { reserved, bytes } = self;
        let reserved = std::mem::ManuallyDrop::new(reserved);
        let (shared, code, data) = (reserved.shared, reserved.code, reserved.data);
        let ids: Box<[_]> = plan.members.iter().map(|&(id, _)| id).collect();
        let pc_values = (!object.pc_values.is_empty()).then(|| Arc::from(object.pc_values));
        let bodies = plan.members.iter().map(|&(id, offset)| Body {
            version: Arc::new(Version {
                id,
                unit: code.start,
                is_retired: AtomicBool::new(false),
                pc_values: pc_values.clone(),
            }),
            address: code.start + offset,
            replaced_by: None,
        });
        let unit = Unit {
            bodies: bodies.collect(),
            name: object.name.into(),
            code,
            data,
            incoming: Vec::new(),
            was_linked: false,
            is_retired: false,
            holds: Vec::new(),
            // SAFETY: the table was written there, with its end, and is withdrawn before the bytes change.
            frames: plan
                .unwind
                .map(|offset| unsafe { Frames::register(code.start + offset) }),
        };
        let size = unit.size();
        let data = data.map_or(0, |data| data.start);
        let published = Published {
            name: object.name,
            start: code.start,
            code: &bytes,
            instructions: plan.instructions,
            #[cfg(feature = "gdb")]
            elf: match object.source {
                crate::Source::Elf(elf) => Some(elf),
                crate::Source::Bytes(_) => None,
            },
            #[cfg(feature = "gdb")]
            sections: &plan.section_addresses(code.start, data),
            #[cfg(feature = "gdb")]
            functions: &plan.functions(object, code.start),
        };
        let unit_no = shared.lock().add_unit(unit, &published);
        Code {
            shared: Arc::clone(shared),
            unit_no,
            ids,
            size,
            data,
            tables: plan.tables.into(),
        }
    }
}
