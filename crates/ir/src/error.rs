//! What can go wrong, by cause.

use crate::passes::PassReport;
use crate::stale::{Fall, Stale};

/// Why an operation on a module failed. The module stays usable after each of these.
///
/// ```
/// use martlet_ir::{Context, Error, Module};
///
/// fn read(bytes: &[u8]) -> String {
///     match Module::from_bitcode("cache", bytes, Context::new()) {
///         Ok(module) => format!("{} functions", module.function_count()),
///         Err(Error::NewerBitcode { producer, .. }) => format!("written by {producer}"),
///         Err(error) => error.to_string(),
///     }
/// }
/// assert_eq!(read(&Module::new("empty").to_bitcode()), "0 functions");
/// assert!(read(b"no bitcode").starts_with("`cache` is not bitcode"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A handle or an owned function has no value any more.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// Asserting handles lost their values. The operation itself was carried out.
    #[error("{}", .falls.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Asserted {
        /// Which, and what ended their values.
        falls: Vec<Fall>,
        /// What the pipeline did, if that was the operation.
        report: Option<Box<PassReport>>,
    },
    /// The text of a pass pipeline is not one.
    #[error("pipeline `{pipeline}`: {message}")]
    Pipeline {
        /// The text.
        pipeline: String,
        /// LLVM's words.
        message: String,
    },
    /// The verifier found the module broken.
    #[error("the verifier found: {0}")]
    Verifier(String),
    /// LLVM reported an error through the context.
    #[error("LLVM reported: {message}")]
    Diagnostic {
        /// LLVM's words.
        message: String,
        /// What the pipeline did all the same, if it was in one.
        report: Option<Box<PassReport>>,
    },
    /// The text is not of LLVM's language, or has more in it than functions and variables.
    #[error("not LLVM's language: {0}")]
    Text(String),
    /// The bytes are not bitcode, or broken.
    #[error("`{name}` is not bitcode: {message}")]
    Bitcode {
        /// What the caller calls it.
        name: String,
        /// LLVM's words.
        message: String,
    },
    /// The bytes are bitcode that a newer LLVM has written, and this one cannot read it. (What a newer
    /// one wrote and this one can read is accepted.)
    #[error("`{name}` is bitcode of {producer}, newer than this LLVM: {message}")]
    NewerBitcode {
        /// What the caller calls it.
        name: String,
        /// Who wrote it, as `LLVM23.1.0`.
        producer: String,
        /// LLVM's words.
        message: String,
    },
    /// Two modules cannot be linked. Both are as they were.
    #[error("`{other}` cannot be linked into `{into}`: {message}")]
    Link {
        /// The name of the module that was to take the other in.
        into: String,
        /// The name of the other.
        other: String,
        /// LLVM's words.
        message: String,
    },
    /// The shim was compiled with the headers of another LLVM than the library that was loaded.
    #[error("this program was built for LLVM {headers}, but runs with LLVM {library}")]
    Version {
        /// The version of the headers.
        headers: String,
        /// The version of the library.
        library: String,
    },
    /// No function of that name is in the module.
    #[error("there is no function `{0}`")]
    NoFunction(String),
    /// The function was dropped by all its owners, and passes that ran since may have fitted it to the
    /// callers that were left: its parameters, its calling convention and its result mean less than
    /// they did. Make it anew.
    #[error("`{0}` was dropped, and passes may have fitted it to the callers that were left")]
    Narrowed(String),
    /// A definition was needed, but there is only a declaration.
    #[error("`{0}` is declared, not defined")]
    NotDefined(String),
    /// A function cannot be cloned into a unit of its own, or its body cannot be taken out.
    #[error("`{function}` cannot be extracted: {message}")]
    Extract {
        /// The label of the function.
        function: String,
        /// What is in the way.
        message: String,
    },
    /// A library cannot be imported from. No body was left in the module by half.
    #[error("library `{library}`: {message}")]
    Library {
        /// The library's name.
        library: String,
        /// What is in the way.
        message: String,
    },
    /// A function of the module has a library function's name but not its type.
    #[error("`{0}` cannot be healed: it has another type than the library's")]
    OtherSignature(String),
}

impl Error {
    /// Why bytes are not bitcode, by LLVM's message. The reader ends it with who wrote the bytes, once
    /// it has got so far (`llvm/lib/Bitcode/Reader/BitcodeReader.cpp`).
    pub(crate) fn bitcode(name: &str, message: String) -> Self {
        let name = name.to_owned();
        match producer(&message).filter(|producer| major(producer) > Some(crate::raw::MAJOR)) {
            Some(producer) => Error::NewerBitcode {
                name,
                producer: producer.to_owned(),
                message,
            },
            None => Error::Bitcode { name, message },
        }
    }
}

fn producer(message: &str) -> Option<&str> {
    message.split_once("(Producer: '")?.1.split('\'').next()
}

fn major(producer: &str) -> Option<u32> {
    let version = producer.strip_prefix("LLVM")?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_producer_is_told_from_a_broken_file() {
        let message = |producer: &str| {
            format!("Invalid record (Producer: '{producer}' Reader: 'LLVM 22.1.8')")
        };
        let newer = Error::bitcode("x", message("LLVM99.0.0git"));
        assert!(
            matches!(newer, Error::NewerBitcode { producer, .. } if producer == "LLVM99.0.0git")
        );
        for producer in ["LLVM22.1.8", "LLVM3.9", "APPLE_1_1316"] {
            let broken = Error::bitcode("x", message(producer));
            assert!(matches!(broken, Error::Bitcode { .. }), "{broken}");
        }
        assert!(matches!(
            Error::bitcode("x", "file too small".into()),
            Error::Bitcode { .. }
        ));
    }
}
