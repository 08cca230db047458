//! The records that hang on code objects, where the C side finds them.

use std::ptr::NonNull;

use pyo3::prelude::*;

use super::code::Code;
use super::{Gil, c};

/// What the C side knows of one code object. Owned here; the code object points at it.
pub(crate) struct RawRecord {
    record: NonNull<c::Record>,
    loops: Vec<c::Loop>,
}

impl RawRecord {
    /// Makes a record and hangs it on a live code object.
    pub(crate) fn attach(gil: Gil<'_>, code: &Code) -> PyResult<Self> {
        let record = Box::new(c::Record {
            cell: std::ptr::null(),
            code: code.addr().as_ptr(),
            live: 0,
            watched: 0,
            saved_version: 0,
            entered: 0,
            asked: 0,
            eager: 0,
            refused: 0,
            resumable: u8::from(code.is_resumable()),
            n_loops: 0,
            loops: std::ptr::null(),
        });
        let raw = RawRecord {
            record: NonNull::from(Box::leak(record)),
            loops: Vec::new(),
        };
        // SAFETY: a live code object without a record; the record lives until the code object has died.
        if unsafe { c::martlet_set_record(code.addr().as_ptr(), raw.record.as_ptr()) } < 0 {
            return Err(PyErr::fetch(gil));
        }
        Ok(raw)
    }

    /// Reads the record.
    pub(crate) fn get(&self) -> &c::Record {
        // SAFETY: the record is alive, and nobody writes while the GIL is held here.
        unsafe { self.record.as_ref() }
    }

    /// Changes the record.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut c::Record)) {
        // SAFETY: the record is alive; the C side reads it under the GIL only, which is held here.
        change(unsafe { self.record.as_mut() });
    }

    /// Makes a loop known, or its cell another one.
    pub(crate) fn set_loop(&mut self, entry: c::Loop) {
        match self.loops.iter_mut().find(|it| it.header == entry.header) {
            Some(known) => *known = entry,
            None => self.loops.push(entry),
        }
        self.publish_loops();
    }

    /// Forgets a loop.
    pub(crate) fn forget_loop(&mut self, header: u32) {
        self.loops.retain(|it| it.header != header);
        self.publish_loops();
    }

    /// Forgets all loops.
    pub(crate) fn clear_loops(&mut self) {
        self.loops.clear();
        self.publish_loops();
    }

    fn publish_loops(&mut self) {
        let (n_loops, loops) = (self.loops.len() as u32, self.loops.as_ptr());
        self.set(|it| {
            it.n_loops = n_loops;
            it.loops = loops;
        });
    }
}

impl Drop for RawRecord {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak` in `attach`. A record is dropped when its code object has died, or never came to
        // know it.
        drop(unsafe { Box::from_raw(self.record.as_ptr()) });
    }
}

// SAFETY: records are touched with the GIL held only.
unsafe impl Send for RawRecord {}
