//! perf's jitdump file, by which `perf inject --jit` gives samples in generated code their names and their bytes, also
//! where several versions stood at one address one after the other.
//!
//! The format is that of tools/perf/Documentation/jitdump-specification.txt in Linux. It has no record for code that
//! goes: each record holds its time, and the latest before a sample counts. `perf record -k mono` makes the clocks
//! agree. That the file is mapped as executable is how `perf record` learns of it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Observer, Published};
use crate::Error;
use crate::os::{FileMapping, monotonic_nanoseconds, thread_id};

/// `jit-PID.dump` of this process.
pub(crate) struct JitDump {
    folder: PathBuf,
    file: File,
    pid: u32,
    /// How many records of code there are.
    n_codes: u64,
    _marker: FileMapping,
}

/// "JiTD", as a number in the machine's byte order.
const MAGIC: u32 = 0x4A69_5444;
const VERSION: u32 = 1;
const HEADER_LEN: u32 = 40;
const CODE_LOAD: u32 = 0;
const CODE_CLOSE: u32 = 3;
/// Bytes of a record before its content: kind, length, time.
const PREFIX_LEN: usize = 16;

impl JitDump {
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let pid = std::process::id();
        let path = folder.join(format!("jit-{pid}.dump"));
        let failed = |error: std::io::Error| Error::Observer {
            path: path.display().to_string(),
            errno: error.raw_os_error().unwrap_or(0),
        };
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // The name can be guessed and the folder may be everybody's, so a link put there is not followed.
            options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        }
        let mut file = options.open(&path).map_err(failed)?;
        // What a process of the same number left there is no use to anybody.
        file.set_len(0).map_err(failed)?;
        file.write_all(&header(pid)).map_err(failed)?;
        let marker = FileMapping::executable(&file).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            pid,
            n_codes: 0,
            _marker: marker,
        })
    }

    /// Writes one record. A profile that lacks something is no reason to fail, so errors are dropped.
    fn write(&mut self, kind: u32, content: &[u8]) {
        let len = u32::try_from(PREFIX_LEN + content.len()).unwrap_or(u32::MAX);
        let mut record = Vec::with_capacity(PREFIX_LEN + content.len());
        record.extend(kind.to_ne_bytes());
        record.extend(len.to_ne_bytes());
        record.extend(monotonic_nanoseconds().to_ne_bytes());
        record.extend(content);
        let _ = self.file.write_all(&record);
    }
}

impl Observer for JitDump {
    fn published(&mut self, unit: &Published<'_>) {
        if self.pid != std::process::id() {
            // A child of a fork has a file of its own.
            match Self::open(&self.folder) {
                Ok(own) => *self = own,
                Err(_) => return,
            }
        }
        let (start, len) = (unit.start as u64, unit.instructions as u64);
        let mut content = Vec::new();
        content.extend(self.pid.to_ne_bytes());
        content.extend(thread_id().to_ne_bytes());
        // The address at which it is linked, and that at which it runs.
        for number in [start, start, len, self.n_codes] {
            content.extend(number.to_ne_bytes());
        }
        content.extend(unit.name.bytes().map(|it| it.max(1)).chain([0]));
        content.extend(&unit.code[..unit.instructions]);
        self.write(CODE_LOAD, &content);
        self.n_codes += 1;
    }

    fn freed(&mut self, _: usize) {}
}

impl Drop for JitDump {
    fn drop(&mut self) {
        if self.pid == std::process::id() {
            self.write(CODE_CLOSE, &[]);
        }
    }
}

fn header(pid: u32) -> Vec<u8> {
    const EM_X86_64: u32 = 62;
    const EM_AARCH64: u32 = 183;
    let machine = if cfg!(target_arch = "aarch64") {
        EM_AARCH64
    } else {
        EM_X86_64
    };
    let mut header = Vec::new();
    for word in [MAGIC, VERSION, HEADER_LEN, machine, 0, pid] {
        header.extend(word.to_ne_bytes());
    }
    for number in [monotonic_nanoseconds(), 0] {
        header.extend(number.to_ne_bytes());
    }
    header
}
