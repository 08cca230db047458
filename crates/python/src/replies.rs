//! What the compiler answered before, in a folder that processes share (`MARTLET_CACHE`).
//!
//! A reply depends on nothing but the request, the compiler and the processor; addresses stand in neither. So equal
//! requests may share one: a test suite whose hundreds of processes all compile the same library functions does so
//! once. The function's number is no part of the key, since it says nothing but whose translation the compiler holds;
//! of a reply that was found here it holds none.
//!
//! The folder belongs to one machine. It may be deleted at any time; nothing in it ever is by us.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use martlet_helpers::SEAL;
use martlet_snapshot::{Costs, Reply, Request, decode, encode, interface};

/// Where the reply to one request is kept.
pub(crate) struct Place {
    file: PathBuf,
    /// What the file must begin with: hashes may collide, this does not.
    key: Vec<u8>,
}

impl Place {
    /// The place of a request to this compiler.
    pub(crate) fn new(folder: &Path, compiler: &Path, request: &Request) -> Self {
        let request = Request {
            function: 0,
            ..request.clone()
        };
        let build = std::fs::metadata(compiler).ok().map(|it| {
            let modified = it.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some((it.len(), modified.as_nanos() as u64))
        });
        let key = encode(&(interface(SEAL.bitcode), build, request));
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self {
            file: folder.join(format!("{:016x}", hasher.finish())),
            key,
        }
    }

    /// The reply, if it is there. It cost nothing this time.
    pub(crate) fn find(&self) -> Option<Reply> {
        let (key, mut reply): (Vec<u8>, Reply) = decode(&std::fs::read(&self.file).ok()?).ok()?;
        if let Ok(unit) = &mut reply.outcome {
            unit.costs = Costs {
                frontend_ns: 0,
                optimise_ns: 0,
                emit_ns: 0,
                ..unit.costs
            };
        }
        (key == self.key).then_some(reply)
    }

    /// Keeps a reply. Where that fails, it is asked for again.
    pub(crate) fn keep(&self, reply: &Reply) {
        // Renamed when it is whole: others may look for it now.
        let new = self.file.with_extension(std::process::id().to_string());
        if std::fs::write(&new, encode(&(&self.key, reply))).is_ok() {
            let _ = std::fs::rename(&new, &self.file);
        }
    }
}
