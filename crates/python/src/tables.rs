//! The objects that a snapshot names, from the snapshot to the death of the version that was made from it.
//!
//! A version owns no reference that could lead back to its own function. So a table holds addresses, each with what
//! keeps the object alive; when that dies, the address is forgotten, the slot that held it is emptied, and the version
//! falls. Compile threads hold a [`Token`] of the table, never an address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use martlet_engine::Version;
use martlet_snapshot::{ObjId, SlotValue};
use pyo3::prelude::*;

use crate::compiler::Meta;
use crate::raw::Addr;

/// Who keeps an object of a table alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The table itself, or nothing need to: it lives for ever.
    Table,
    /// The object at this address (often the object itself), whose death is watched.
    Watched(Addr),
    /// The code object that was translated: the version dies before it.
    Root,
    /// Nobody: the compiler may know what it is, machine code may not name it.
    Nobody,
}

/// The objects of one snapshot.
#[derive(Default)]
pub(crate) struct Table {
    objects: Vec<(Addr, Keeper)>,
    held: Vec<Py<PyAny>>,
    version: Weak<Version<Meta>>,
}

/// Stands for a table where no GIL is held; the table goes after its last token.
pub(crate) struct Token(u64);

impl Token {
    /// The table's number, also that of the assumption that its objects live.
    pub(crate) fn number(&self) -> u64 {
        self.0
    }
}

static DEAD_TOKENS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

impl Drop for Token {
    fn drop(&mut self) {
        DEAD_TOKENS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.0);
    }
}

impl Table {
    /// Adds an object; `ObjId` is its place.
    pub(crate) fn push(&mut self, object: Addr, keeper: Keeper) -> ObjId {
        self.objects.push((object, keeper));
        ObjId(self.objects.len() as u32 - 1)
    }

    /// Changes who keeps an object.
    pub(crate) fn set_keeper(&mut self, id: ObjId, keeper: Keeper) {
        self.objects[id.0 as usize].1 = keeper;
    }

    /// Keeps `object` alive with the table.
    pub(crate) fn hold(&mut self, object: Py<PyAny>) {
        self.held.push(object);
    }

    /// The object, if it lives and machine code may name it.
    pub(crate) fn nameable(&self, id: ObjId) -> Option<Addr> {
        let (addr, keeper) = *self.objects.get(id.0 as usize)?;
        (keeper != Keeper::Nobody && !addr.is_null()).then_some(addr)
    }

    /// From now on deaths empty the slots of `version`.
    pub(crate) fn serve(&mut self, version: &Arc<Version<Meta>>) {
        self.version = Arc::downgrade(version);
    }

    fn watched(&self) -> impl Iterator<Item = Addr> + '_ {
        self.objects.iter().filter_map(|(_, keeper)| match keeper {
            Keeper::Watched(addr) => Some(*addr),
            _ => None,
        })
    }

    /// Forgets what `dead` kept. Answers whether a slot named it.
    fn forget(&mut self, dead: Addr) -> bool {
        let version = self.version.upgrade();
        let mut was_named = false;
        for (i, (addr, keeper)) in self.objects.iter_mut().enumerate() {
            if *keeper != Keeper::Watched(dead) {
                continue;
            }
            *addr = Addr::NULL;
            *keeper = Keeper::Nobody;
            let Some(version) = &version else { continue };
            let meta = version.meta();
            for (slot, value) in meta.slots.iter().enumerate() {
                let names = match value {
                    SlotValue::Object(id) | SlotValue::Cell(id) => id.0 as usize == i,
                    _ => false,
                };
                if names {
                    was_named = true;
                    // A cell outlives the version, which holds its entry; an object does not.
                    if matches!(value, SlotValue::Object(_)) {
                        meta.header.clear_slot(slot);
                    }
                }
            }
        }
        was_named
    }
}

/// All tables, and who waits for whose death.
#[derive(Default)]
pub(crate) struct Tables {
    latest: u64,
    tables: HashMap<u64, Table>,
    watchers: HashMap<Addr, Vec<u64>>,
}

impl Tables {
    /// Registers a finished table.
    pub(crate) fn add(&mut self, table: Table) -> Arc<Token> {
        self.latest += 1;
        for addr in table.watched() {
            let watchers = self.watchers.entry(addr).or_default();
            if watchers.last() != Some(&self.latest) {
                watchers.push(self.latest);
            }
        }
        self.tables.insert(self.latest, table);
        Arc::new(Token(self.latest))
    }

    pub(crate) fn get_mut(&mut self, token: &Token) -> Option<&mut Table> {
        self.tables.get_mut(&token.0)
    }

    /// Whether anybody waits for the death of the object.
    pub(crate) fn is_watched(&self, object: Addr) -> bool {
        self.watchers.contains_key(&object)
    }

    /// The object dies. Answers the numbers of the tables whose versions must fall.
    pub(crate) fn died(&mut self, dead: Addr) -> Vec<u64> {
        let mut fallen = self.watchers.remove(&dead).unwrap_or_default();
        fallen.retain(|number| {
            self.tables
                .get_mut(number)
                .is_some_and(|table| table.forget(dead))
        });
        fallen
    }

    /// Takes out the tables whose tokens are gone; the caller drops what they held, outside of any borrow.
    #[must_use]
    pub(crate) fn sweep(&mut self) -> Vec<Table> {
        let dead = std::mem::take(&mut *DEAD_TOKENS.lock().unwrap_or_else(PoisonError::into_inner));
        let mut swept = Vec::new();
        for number in dead {
            let Some(table) = self.tables.remove(&number) else {
                continue;
            };
            for addr in table.watched() {
                if let Some(watchers) = self.watchers.get_mut(&addr) {
                    watchers.retain(|it| *it != number);
                    if watchers.is_empty() {
                        self.watchers.remove(&addr);
                    }
                }
            }
            swept.push(table);
        }
        swept
    }

    /// The object of a table, if it lives and may be named.
    pub(crate) fn nameable(&self, table: u64, id: ObjId) -> Option<Addr> {
        self.tables.get(&table)?.nameable(id)
    }

    /// Versions that are alive, with the numbers of their tables.
    pub(crate) fn numbered_versions(&self) -> impl Iterator<Item = (u64, Arc<Version<Meta>>)> + '_ {
        self.tables
            .iter()
            .filter_map(|(number, it)| Some((*number, it.version.upgrade()?)))
    }

    /// Versions that are alive.
    pub(crate) fn versions(&self) -> impl Iterator<Item = Arc<Version<Meta>>> + '_ {
        self.tables.values().filter_map(|it| it.version.upgrade())
    }
}
