//! Names that never dangle: small numbers for functions, versions, entry points and assumptions.

use std::fmt;

use martlet_machine_code::CodeId;
use serde::{Deserialize, Serialize};

/// The identity of one function, given out by [`Engine::function`](crate::Engine::function).
///
/// It is never used again for another function, not even after the function is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionId(pub u64);

/// Which door of a function is meant: [`EntryPoint::GENERIC`] is its beginning with the general
/// calling convention; other numbers are the embedder's own (another signature, or the loop header
/// where a running activation is entered in the middle).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct EntryPoint(pub u32);

impl EntryPoint {
    /// The beginning of the function, called in the general way.
    pub const GENERIC: EntryPoint = EntryPoint(0);
}

/// One translation of a function. Numbers start at 1 and grow over all entry points of a function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionId {
    /// The function that was translated.
    pub function: FunctionId,
    /// The how-manieth translation this is.
    pub number: u32,
}

impl VersionId {
    /// The id under which `machine-code` knows this version.
    pub fn code_id(self) -> CodeId {
        CodeId {
            identity: self.function.0,
            version: self.number,
        }
    }

    /// The version that `machine-code` knows under `code`.
    pub fn from_code(code: CodeId) -> Self {
        VersionId {
            function: FunctionId(code.identity),
            number: code.version,
        }
    }
}

/// Something a version may rely on, in numbers of the embedder's choice: a type's version, a key of
/// a dictionary, a global that has not changed yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssumptionKey(pub u64);

/// How much work a version is worth.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[non_exhaustive]
pub enum Tier {
    /// A short pipeline: code soon.
    #[default]
    Quick,
    /// Everything the compiler knows: good code later.
    Best,
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}", self.0)
    }
}

impl fmt::Display for EntryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.function, self.number)
    }
}

impl fmt::Display for AssumptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

macro_rules! debug_as_display {
    ($($name:ty),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

debug_as_display!(FunctionId, EntryPoint, VersionId, AssumptionKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_short() {
        let version = VersionId {
            function: FunctionId(7),
            number: 3,
        };
        assert_eq!(format!("{version} {:?}", EntryPoint(12)), "f7v3 @12");
        assert_eq!(VersionId::from_code(version.code_id()), version);
    }
}
