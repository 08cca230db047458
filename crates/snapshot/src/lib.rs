//! Plain data that crosses between the interpreter, the engine and the compiler.
//!
//! A [`Request`] is everything a compiler may know of a Python function: copies of its code objects, of the feedback
//! the interpreter collected, and a table of the objects that they name. A [`Reply`] is what comes back: a relocatable
//! object, the table of its exits, the list of what its slots must hold. Neither holds a pointer, so both can cross a
//! process boundary; [`encode`] and [`decode`] turn them into bytes and back.
//!
//! ```
//! use martlet_snapshot::{Object, decode, encode};
//! let objects = vec![Object::None, Object::Int(Some(7))];
//! let bytes = encode(&objects);
//! assert_eq!(decode::<Vec<Object>>(&bytes).unwrap(), objects);
//! ```
#![forbid(unsafe_code)]

mod code;
mod exits;
mod orders;
mod reply;

pub use code::{
    CodeSnapshot, Effort, EntryPoint, FunctionInfo, Mode, ObjId, Object, Place, Request, Seen,
    SeenClass, Site, Stage,
};
pub use exits::{Desc, ExitFrame, ExitRecord, Returned, VirtualDesc, VirtualKind, encode_exits};
pub use orders::{Answer, Ask, Order};
pub use reply::{Costs, Dump, NO_GAIN, Noted, Reply, SlotValue, Unit};

use serde::{Serialize, de::DeserializeOwned};

/// The version of everything in this crate: a hash of the files that say what the data looks like, so that nobody can
/// change one and forget to say so.
const FORMAT: u64 = {
    let hash = fnv1a(0xcbf2_9ce4_8422_2325, include_bytes!("code.rs"));
    let hash = fnv1a(hash, include_bytes!("exits.rs"));
    let hash = fnv1a(hash, include_bytes!("orders.rs"));
    fnv1a(hash, include_bytes!("reply.rs"))
};

/// What both sides of an interface compare before they talk: the format of this crate together with `helpers`, a hash of
/// the helpers that one side links and the other compiles in.
///
/// ```
/// assert_ne!(martlet_snapshot::interface(1), martlet_snapshot::interface(2));
/// ```
pub const fn interface(helpers: u64) -> u64 {
    fnv1a(FORMAT, &helpers.to_le_bytes())
}

/// FNV-1a, 64 bits, from `hash` on. Source: the hash by Fowler, Noll and Vo.
const fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// Bytes that are not what [`encode`] made.
#[derive(Debug, thiserror::Error)]
#[error("malformed snapshot data: {0}")]
pub struct DecodeError(#[from] postcard::Error);

/// Turns plain data into bytes.
///
/// # Panics
/// Never for the types of this crate: they hold nothing that `postcard` cannot express.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain data is always encodable")
}

/// Turns bytes made by [`encode`] back into plain data.
///
/// # Errors
/// When the bytes were made from another type or by another [`interface`], or are damaged.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    Ok(postcard::from_bytes(bytes)?)
}
