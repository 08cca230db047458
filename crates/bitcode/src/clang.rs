//! Finding the clang whose bitcode the libLLVM in use can read, and the tools beside it.
//!
//! Bitcode is read by the same and by newer versions of LLVM, not by older ones, and the semantics of
//! attributes move between versions: so the major version must be the same. Looked at, in this order:
//! a clang that the caller names; beside the llvm-config that the caller or a dependency
//! (`DEP_*_LLVM_CONFIG`) names; `LLVM_SYS_<version>_PREFIX`; beside `llvm-config-<major>` on PATH; and
//! `clang-<major>` and `clang` on PATH.

use crate::command::Tool;
use crate::error::Error;
use std::env;
use std::path::{Path, PathBuf};

/// A clang that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clang {
    /// The program.
    pub path: PathBuf,
    /// Its version, as `22.1.8`.
    pub version: String,
    /// Its major version.
    pub major: u32,
    /// Directory of the other tools of the same LLVM, if it is known.
    pub bindir: Option<PathBuf>,
}

/// Where to look.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wanted {
    pub(crate) major: u32,
    pub(crate) clang: Option<PathBuf>,
    pub(crate) llvm_config: Option<PathBuf>,
    /// Directories to search instead of PATH.
    pub(crate) search: Option<Vec<PathBuf>>,
}

impl Clang {
    /// The first clang of the wanted major version.
    pub(crate) fn find(wanted: &Wanted) -> Result<Clang, Error> {
        let mut looked_at = Vec::new();
        let mut wrong: Option<(PathBuf, String)> = None;
        for (place, path) in candidates(wanted, &mut looked_at) {
            let Some((version, bindir)) = ask(&path) else {
                looked_at.push(format!("{place}: `{}` is not there", path.display()));
                continue;
            };
            let major = major_of(&version);
            if major == Some(wanted.major) {
                return Ok(Clang {
                    path,
                    version,
                    major: wanted.major,
                    bindir,
                });
            }
            looked_at.push(format!("{place}: `{}` is clang {version}", path.display()));
            wrong.get_or_insert((path, version));
        }
        let wanted = wanted.major;
        Err(match wrong {
            Some((path, found)) => Error::WrongClang {
                path,
                found,
                wanted,
                looked_at,
            },
            None => Error::NoClang { wanted, looked_at },
        })
    }

    /// A tool of the same LLVM, such as `llvm-link`.
    pub(crate) fn tool(&self, name: &'static str, wanted: &Wanted) -> Result<PathBuf, Error> {
        let versioned = format!("{name}-{}", self.major);
        let mut looked_at = Vec::new();
        let beside = self.path.parent().map(Path::to_owned);
        let dirs = self.bindir.iter().cloned().chain(beside);
        for dir in dirs.chain(path_dirs(wanted)) {
            for file in [dir.join(&versioned), dir.join(name)] {
                if file.is_file()
                    && version_of(&file).and_then(|v| major_of(&v)) == Some(self.major)
                {
                    return Ok(file);
                }
            }
            looked_at.push(dir.display().to_string());
        }
        Err(Error::NoTool {
            name,
            wanted: self.major,
            looked_at,
        })
    }
}

/// Places with the programs to try there.
fn candidates(wanted: &Wanted, looked_at: &mut Vec<String>) -> Vec<(String, PathBuf)> {
    if let Some(clang) = &wanted.clang {
        // Who names one means that one.
        return vec![("the clang asked for".to_owned(), clang.clone())];
    }
    let names = [format!("clang-{}", wanted.major), "clang".to_owned()];
    let mut found = Vec::new();
    let mut add = |place: &str, dir: &Path| {
        for name in &names {
            found.push((place.to_owned(), dir.join(name)));
        }
    };
    let mut configs: Vec<(String, PathBuf)> = Vec::new();
    if let Some(config) = &wanted.llvm_config {
        configs.push(("the llvm-config asked for".to_owned(), config.clone()));
    }
    if wanted.search.is_none() {
        for (name, value) in env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("DEP_") && name.ends_with("_LLVM_CONFIG") {
                configs.push((name.into_owned(), value.into()));
            } else if name.starts_with(&format!("LLVM_SYS_{}", wanted.major))
                && name.ends_with("_PREFIX")
            {
                add(&name, &Path::new(&value).join("bin"));
            }
        }
    }
    let on_path = format!("llvm-config-{}", wanted.major);
    for dir in path_dirs(wanted) {
        let config = dir.join(&on_path);
        if config.is_file() {
            configs.push((format!("`{on_path}` on PATH"), config));
        }
    }
    for (place, config) in configs {
        match Tool::new(&config).arg("--bindir").run() {
            Ok(dir) => add(&place, Path::new(dir.trim())),
            Err(error) => looked_at.push(format!("{place}: {error}")),
        }
    }
    for name in &names {
        let dir = path_dirs(wanted)
            .into_iter()
            .find(|dir| dir.join(name).is_file());
        match dir {
            Some(dir) => found.push(("PATH".to_owned(), dir.join(name))),
            None => looked_at.push(format!("PATH: no `{name}`")),
        }
    }
    found
}

fn path_dirs(wanted: &Wanted) -> Vec<PathBuf> {
    match &wanted.search {
        Some(dirs) => dirs.clone(),
        None => env::var_os("PATH").map_or_else(Vec::new, |path| env::split_paths(&path).collect()),
    }
}

/// Version and installation directory of a clang, if this is one.
fn ask(clang: &Path) -> Option<(String, Option<PathBuf>)> {
    let text = Tool::new(clang).arg("--version").run().ok()?;
    let (_, rest) = text.split_once("clang version ")?;
    let version = rest.split_whitespace().next()?.to_owned();
    let bindir = text
        .lines()
        .find_map(|line| line.strip_prefix("InstalledDir: "))
        .map(PathBuf::from);
    Some((version, bindir))
}

/// Version of an LLVM tool.
fn version_of(tool: &Path) -> Option<String> {
    let text = Tool::new(tool).arg("--version").run().ok()?;
    let (_, rest) = text.split_once("LLVM version ")?;
    Some(rest.split_whitespace().next()?.to_owned())
}

fn major_of(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors() {
        assert_eq!(major_of("22.1.8"), Some(22));
        assert_eq!(major_of("git"), None);
    }

    #[test]
    fn nothing_anywhere_says_where_it_looked() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let wanted = Wanted {
            major: 22,
            search: Some(vec![dir.path().to_owned()]),
            ..Wanted::default()
        };
        let error = Clang::find(&wanted).expect_err("the directory is empty");
        let text = error.to_string();
        assert!(matches!(error, Error::NoClang { wanted: 22, .. }), "{text}");
        assert!(text.contains("PATH: no `clang-22`"), "{text}");
    }
}
