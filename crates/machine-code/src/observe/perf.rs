//! perf's map file: one line for each unit, by which `perf report` names samples in generated code.
//!
//! The format is that of tools/perf/Documentation/jit-interface.txt in Linux: start, size, name, the numbers in
//! hexadecimal. The format has no line for
//! code that goes; the latest line for an address counts.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use super::{Observer, Published};
use crate::Error;

/// `/tmp/perf-PID.map` of this process.
pub(crate) struct PerfMap {
    file: File,
    pid: u32,
}

impl PerfMap {
    pub(crate) fn open() -> Result<Self, Error> {
        let pid = std::process::id();
        let path = format!("/tmp/perf-{pid}.map");
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // The name can be guessed and the folder is everybody's, so a link put there is not followed.
            options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        }
        let file = options.open(&path).map_err(|error| Error::Observer {
            path,
            errno: error.raw_os_error().unwrap_or(0),
        })?;
        Ok(Self { file, pid })
    }
}

impl Observer for PerfMap {
    /// Adds a line. A profile that lacks a name is no reason to fail, so errors are dropped.
    fn published(&mut self, unit: &Published<'_>) {
        if self.pid != std::process::id() {
            // A child of a fork has a file of its own.
            match Self::open() {
                Ok(own) => *self = own,
                Err(_) => return,
            }
        }
        let (start, len) = (unit.start, unit.instructions);
        let name = unit.name.replace(|it: char| it.is_control(), "?");
        // One write a line, so that lines of several threads and runtimes do not mix.
        let _ = self
            .file
            .write_all(format!("{start:x} {len:x} {name}\n").as_bytes());
    }
    fn freed(&mut self, _: usize) {}
}
