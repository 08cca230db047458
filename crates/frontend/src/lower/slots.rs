//! The unit's slot table: everything that code names by address.

use super::Refusal;
use martlet_ir::inkwell::AddressSpace;
use martlet_ir::inkwell::GlobalVisibility;
use martlet_ir::inkwell::builder::Builder;
use martlet_ir::inkwell::module::{Linkage, Module};
use martlet_ir::inkwell::types::StructType;
use martlet_ir::inkwell::values::{BasicValue, GlobalValue, PointerValue};
use martlet_snapshot::SlotValue;
use std::collections::HashMap;

/// Name of the table in a unit: defined where the unit is linked.
pub const SLOTS_SYMBOL: &str = "martlet.slots";

/// Number of words that the table is declared with; more is refused. The declaration lets LLVM load slots
/// speculatively, and no load leaves the part that is filled.
const CAPACITY: u32 = 4096;

/// The table as it grows, and its symbol.
pub(super) struct Slots<'ctx> {
    values: Vec<SlotValue>,
    indices: HashMap<SlotValue, u32>,
    symbol: GlobalValue<'ctx>,
    table: StructType<'ctx>,
}

impl<'ctx> Slots<'ctx> {
    pub(super) fn new(module: &Module<'ctx>) -> Self {
        let context = module.get_context();
        let word = context.ptr_type(AddressSpace::default());
        let table = context.struct_type(&vec![word.into(); CAPACITY as usize], false);
        let symbol = module.get_global(SLOTS_SYMBOL).unwrap_or_else(|| {
            let symbol = module.add_global(word.array_type(CAPACITY), None, SLOTS_SYMBOL);
            symbol.set_linkage(Linkage::External);
            symbol.set_visibility(GlobalVisibility::Hidden);
            symbol
        });
        Self {
            values: vec![SlotValue::Unit],
            indices: HashMap::from([(SlotValue::Unit, 0)]),
            symbol,
            table,
        }
    }

    /// The slot that holds this.
    pub(super) fn index(&mut self, value: SlotValue) -> Result<u32, Refusal> {
        let next = self.values.len() as u32;
        let index = *self.indices.entry(value).or_insert(next);
        if index == next {
            if next == CAPACITY {
                return Err(Refusal::TooManySlots(CAPACITY));
            }
            self.values.push(value);
        }
        Ok(index)
    }

    /// Loads a slot. Slots never change while the unit can run.
    pub(super) fn load(
        &mut self,
        builder: &Builder<'ctx>,
        value: SlotValue,
    ) -> Result<PointerValue<'ctx>, Refusal> {
        let index = self.index(value)?;
        let context = self.table.get_context();
        let word = context.ptr_type(AddressSpace::default());
        let base = self.symbol.as_pointer_value();
        let address = builder.build_struct_gep(self.table, base, index, "")?;
        let loaded = builder.build_load(word, address, "")?;
        if let Some(load) = loaded.as_instruction_value() {
            let invariant = context.get_kind_id("invariant.load");
            load.set_metadata(context.metadata_node(&[]), invariant)
                .map_err(|_| Refusal::Internal("metadata on a slot"))?;
        }
        Ok(loaded.into_pointer_value())
    }

    /// What the slots hold, slot 0 first.
    pub(super) fn into_values(self) -> Vec<SlotValue> {
        self.values
    }
}
