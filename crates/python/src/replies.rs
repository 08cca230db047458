//! What the compiler answered before, in a folder that processes share (`MARTLET_CACHE`).
//!
//! A reply depends on nothing but the request, the compiler and the processor; addresses stand in neither. So equal
//! requests may share one: a test suite whose hundreds of processes all compile the same library functions does so
//! once. The function's number is no part of the key, since it says nothing but whose translation the compiler holds;
//! of a reply that was found here it holds none.
//!
//! What lies in the folder is executed: it must be writable by its user alone. A file that was damaged is not believed.
//! The folder may be deleted at any time; nothing in it ever is by us.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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
        let key = encode(&(interface(SEAL.bitcode), processor(), build, request));
        Self {
            file: folder.join(format!("{:016x}", hash_of(&key))),
            key,
        }
    }

    /// The reply, if it is there and whole. It cost nothing this time.
    pub(crate) fn find(&self) -> Option<Reply> {
        let (key, hash, reply): (Vec<u8>, u64, Vec<u8>) =
            decode(&std::fs::read(&self.file).ok()?).ok()?;
        if key != self.key || hash != hash_of(&reply) {
            return None;
        }
        let mut reply: Reply = decode(&reply).ok()?;
        if let Ok(unit) = &mut reply.outcome {
            unit.costs = Costs {
                frontend_ns: 0,
                optimise_ns: 0,
                emit_ns: 0,
                ..unit.costs
            };
        }
        Some(reply)
    }

    /// Keeps a reply. Where that fails, it is asked for again.
    pub(crate) fn keep(&self, reply: &Reply) {
        let reply = encode(reply);
        let content = encode(&(&self.key, hash_of(&reply), reply));
        // Renamed when it is whole: others may look for it now, or write the same.
        let new = self.file.with_extension(unique());
        let written = File::create_new(&new)
            .and_then(|mut file| file.write_all(&content))
            .and_then(|()| std::fs::rename(&new, &self.file));
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
    }
}

fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// What code is generated for: the first processor's description (`/proc/cpuinfo`), without what changes from one moment
/// to the next.
fn processor() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let first = text.lines().take_while(|line| !line.is_empty());
        let lasting = first.filter(|line| {
            ["vendor_id", "cpu family", "model", "stepping", "flags"]
                .iter()
                .any(|name| line.starts_with(name))
        });
        lasting.collect::<Vec<_>>().join("\n")
    })
}

/// A name that no other process and no other thread gives a file, wherever they run.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |it| it.as_nanos());
    format!("{}-{count}-{now:x}", std::process::id())
}
