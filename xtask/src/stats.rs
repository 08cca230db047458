//! What runs wrote to `MARTLET_STATS=file.json`, as far as it is asked here whether Martlet ran.

use std::collections::BTreeMap;
use std::path::Path;

/// How many functions the statistics name as compiled; 0 if there are none to read.
pub(crate) fn compiled(path: &Path) -> usize {
    read(path)["compiled"].as_array().map_or(0, Vec::len)
}

/// Whether a process of its own compiled them.
pub(crate) fn is_beside(path: &Path) -> bool {
    !read(path)["compiler_process"].is_null()
}

fn read(path: &Path) -> serde_json::Value {
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Sums over processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Functions that were compiled, of those that were asked for.
    pub(crate) compiled: u64,
    pub(crate) asked: u64,
    /// Versions of functions and loops that were made.
    pub(crate) versions: u64,
    /// Samples that fell into machine code, of all.
    pub(crate) in_machine_code: u64,
    pub(crate) samples: u64,
    /// Why the others fell into the interpreter.
    pub(crate) interpreted: BTreeMap<String, u64>,
}

impl Stats {
    /// The sums of all files of a folder.
    pub(crate) fn of_all(folder: &Path) -> Self {
        let mut sums = Self::default();
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for stats in files.map(|it| read(&it.path())) {
            let count = |value: &serde_json::Value| value.as_u64().unwrap_or(0);
            let samples = count(&stats["samples"]);
            let share = stats["machine_share"].as_f64().unwrap_or(0.0);
            sums.compiled += count(&stats["asked"]["compiled"]);
            sums.versions += count(&stats["compiles"]);
            sums.asked += count(&stats["asked"]["functions"]);
            sums.in_machine_code += (share * samples as f64).round() as u64;
            sums.samples += samples;
            let reasons = stats["interpreted"].as_object().into_iter().flatten();
            sums.add_reasons(reasons.map(|(reason, n)| (reason, count(n))));
        }
        sums
    }

    /// Adds to why samples fell into the interpreter.
    pub(crate) fn add_reasons<'a>(&mut self, reasons: impl Iterator<Item = (&'a String, u64)>) {
        for (reason, n) in reasons {
            *self.interpreted.entry(reason.clone()).or_default() += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_and_no_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.json");
        assert_eq!(compiled(&path), 0);
        std::fs::write(&path, r#"{"compiled": ["f", "C.m"], "relinks": 3}"#).unwrap();
        assert_eq!(compiled(&path), 2);
        assert!(!is_beside(&path));
        for (process, expected) in [("null", false), ("17", true)] {
            std::fs::write(&path, format!(r#"{{"compiler_process": {process}}}"#)).unwrap();
            assert_eq!(is_beside(&path), expected);
        }
    }

    #[test]
    fn processes_are_summed() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"asked": {"functions": 2, "compiled": 1}, "compiles": 3, "interpreted": {"left": 3}, "machine_share": 0.25, "samples": 4}"#;
        for name in ["1.json", "2.json"] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let sums = Stats {
            compiled: 2,
            asked: 4,
            versions: 6,
            in_machine_code: 2,
            samples: 8,
            interpreted: BTreeMap::from([("left".to_owned(), 6)]),
        };
        assert_eq!(Stats::of_all(folder.path()), sums);
    }
}
