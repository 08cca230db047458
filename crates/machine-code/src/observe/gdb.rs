//! GDB's JIT interface: the debugger reads an object file in memory for each unit, and so knows its functions and, if
//! the object had any, its line tables.
//!
//! The interface ("JIT Compilation Interface", GDB manual, chapter 30) is a list of object files, and a function in
//! which the debugger puts a breakpoint. Both have fixed names. Where a library of this process has them already, such
//! as LLVM's, those are used; the ones here are weak, so that another definition in the same file wins. There is no lock
//! that all who use the list agree upon: programs that register code from several libraries at a time are on their own.

use std::ffi::CStr;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use object::write::{self, StandardSection, Symbol, SymbolSection};
use object::{BinaryFormat, Endianness, SymbolFlags, SymbolKind, SymbolScope};

use super::{Observer, Published};
use crate::isa;

/// An object file in the list.
#[repr(C)]
struct CodeEntry {
    next: *mut CodeEntry,
    prev: *mut CodeEntry,
    file: *const u8,
    len: u64,
}

/// The list, and what has just happened to it.
#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut CodeEntry,
    first: *mut CodeEntry,
}

const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

std::arch::global_asm!(
    ".pushsection .data.martlet_jit_debug,\"aw\",@progbits",
    ".weak __jit_debug_descriptor",
    ".type __jit_debug_descriptor, @object",
    ".size __jit_debug_descriptor, 24",
    ".balign 8",
    "__jit_debug_descriptor:",
    ".long 1, 0",
    ".quad 0, 0",
    ".popsection",
    ".pushsection .text.martlet_jit_debug,\"ax\",@progbits",
    ".weak __jit_debug_register_code",
    ".type __jit_debug_register_code, @function",
    "__jit_debug_register_code:",
    "ret",
    ".size __jit_debug_register_code, . - __jit_debug_register_code",
    ".popsection",
);

unsafe extern "C" {
    safe fn __jit_debug_register_code();
    static mut __jit_debug_descriptor: Descriptor;
}

/// The list of this process.
struct Interface {
    descriptor: *mut Descriptor,
    tell: extern "C" fn(),
}

impl Interface {
    fn find() -> Self {
        let symbol = |name: &CStr| {
            // SAFETY: it only looks the name up.
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
        };
        let descriptor = symbol(c"__jit_debug_descriptor");
        let tell = symbol(c"__jit_debug_register_code");
        if descriptor.is_null() || tell.is_null() {
            extern "C" fn own() {
                __jit_debug_register_code();
            }
            return Self {
                descriptor: &raw mut __jit_debug_descriptor,
                tell: own,
            };
        }
        Self {
            descriptor: descriptor.cast(),
            // SAFETY: the interface says that it is a function of this type.
            tell: unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn()>(tell) },
        }
    }
}

/// Guards the list among the runtimes of this library.
static LIST: Mutex<()> = Mutex::new(());

/// What the debugger was told of.
pub(crate) struct Gdb {
    interface: Interface,
    units: Vec<Registered>,
}

// SAFETY: what it points to is only touched under the lock of the list.
unsafe impl Send for Gdb {}

/// A unit's object file, in the list as long as this lives.
struct Registered {
    start: usize,
    entry: Box<CodeEntry>,
    _file: Vec<u8>,
}

impl Gdb {
    pub(crate) fn new() -> Self {
        Self {
            interface: Interface::find(),
            units: Vec::new(),
        }
    }

    fn tell(&self, action: u32, entry: *mut CodeEntry) {
        // SAFETY: the descriptor is never unloaded, and ours to change under the lock of the list.
        unsafe {
            (*self.interface.descriptor).action = action;
            (*self.interface.descriptor).relevant = entry;
        }
        (self.interface.tell)();
    }

    /// Takes a unit out of the list.
    fn withdraw(&self, unit: &mut Registered) {
        let _list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = &raw mut *unit.entry;
        // SAFETY: neighbours are in the list, so they exist; the lock of the list is held.
        unsafe {
            let (next, prev) = ((*entry).next, (*entry).prev);
            if !next.is_null() {
                (*next).prev = prev;
            }
            if prev.is_null() {
                (*self.interface.descriptor).first = next;
            } else {
                (*prev).next = next;
            }
        }
        self.tell(UNREGISTER, entry);
    }
}

impl Observer for Gdb {
    fn published(&mut self, unit: &Published<'_>) {
        let Some(file) = object_file(unit) else {
            return;
        };
        let mut registered = Registered {
            start: unit.start,
            entry: Box::new(CodeEntry {
                next: ptr::null_mut(),
                prev: ptr::null_mut(),
                file: file.as_ptr(),
                len: file.len() as u64,
            }),
            _file: file,
        };
        let entry = &raw mut *registered.entry;
        {
            let _list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: the first of the list exists if there is one; the lock of the list is held.
            unsafe {
                let first = (*self.interface.descriptor).first;
                (*entry).next = first;
                if !first.is_null() {
                    (*first).prev = entry;
                }
                (*self.interface.descriptor).first = entry;
            }
            self.tell(REGISTER, entry);
        }
        self.units.push(registered);
    }

    fn freed(&mut self, start: usize) {
        if let Some(at) = self.units.iter().position(|unit| unit.start == start) {
            let mut unit = self.units.swap_remove(at);
            self.withdraw(&mut unit);
        }
    }
}

impl Drop for Gdb {
    fn drop(&mut self) {
        for mut unit in std::mem::take(&mut self.units) {
            self.withdraw(&mut unit);
        }
    }
}

/// An object file whose sections say where they lie: the unit's own, or one made for plain bytes.
fn object_file(unit: &Published<'_>) -> Option<Vec<u8>> {
    let mut file = match unit.elf {
        Some(elf) => elf.to_vec(),
        None => made_of(unit)?,
    };
    for &(section, address) in unit.sections {
        set_address(&mut file, section, address)?;
    }
    Some(file)
}

/// Sets the `sh_addr` of a section.
fn set_address(file: &mut [u8], section: usize, address: usize) -> Option<()> {
    let headers: [u8; 8] = file.get(40..48)?.try_into().ok()?;
    let start = usize::try_from(u64::from_le_bytes(headers)).ok()? + section * 64 + 16;
    let place = file.get_mut(start..start + 8)?;
    place.copy_from_slice(&(address as u64).to_le_bytes());
    Some(())
}

fn made_of(unit: &Published<'_>) -> Option<Vec<u8>> {
    let mut object = write::Object::new(
        BinaryFormat::Elf,
        isa::NATIVE.architecture(),
        Endianness::Little,
    );
    let text = object.section_id(StandardSection::Text);
    object.append_section_data(text, &unit.code[..unit.instructions], 16);
    for (at, (address, name)) in unit.functions.iter().enumerate() {
        let offset = address - unit.start;
        let next = unit.functions.get(at + 1);
        let end = next.map_or(unit.instructions, |(next, _)| next - unit.start);
        object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: offset as u64,
            size: (end - offset) as u64,
            kind: SymbolKind::Text,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
    }
    object.write().ok()
}
