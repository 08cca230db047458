//! CPython 3.13: found, examined by running it, accepted or refused by name.
//!
//! Looked at, in this order: `MARTLET_PYTHON`, `python3.13` on PATH, pyenv's versions, uv's
//! pythons. What `MARTLET_PYTHON` names is taken or refused; elsewhere an interpreter that will
//! not do is passed over, and named in the message if no other is found.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process::{self, find_on_path};

/// Prints what [`Probe`] reads. Run isolated, so that nothing in the user's environment,
/// Martlet's own switch included, changes the answer.
const PROBE: &str = r#"
import json, os, sys, sysconfig
include = sysconfig.get_path("include")
origin = os.path.join(sys.prefix, "martlet-origin")
print(json.dumps({
    "executable": sys.executable,
    "implementation": sys.implementation.name,
    "version": list(sys.version_info[:3]),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": hasattr(sys, "gettotalrefcount") or bool(sysconfig.get_config_var("Py_DEBUG")),
    "include": include,
    "has_headers": os.path.isfile(os.path.join(include, "internal", "pycore_frame.h")),
    "site_packages": sysconfig.get_path("purelib") if sys.prefix != sys.base_prefix else None,
    "origin": open(origin).read().strip() if os.path.isfile(origin) else None,
}))
"#;

/// A CPython 3.13 that Martlet can be built for.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    executable: PathBuf,
    version: [u32; 3],
    site_packages: Option<PathBuf>,
}

impl Python {
    /// Finds one, or says what was looked at and how to get one.
    pub(crate) fn find() -> Result<Self> {
        if let Some(chosen) = std::env::var_os("MARTLET_PYTHON").filter(|value| !value.is_empty()) {
            let Some(path) = find_on_path(&chosen) else {
                bail!(
                    "MARTLET_PYTHON={} is not an executable file\n{ADVICE}",
                    chosen.to_string_lossy()
                );
            };
            return match examine(&path)? {
                Ok(python) => Ok(python),
                Err(refusal) => {
                    bail!("MARTLET_PYTHON={}: {refusal}\n{ADVICE}", path.display())
                }
            };
        }
        let mut passed_over = Vec::new();
        for candidate in candidates() {
            match examine(&candidate) {
                Ok(Ok(python)) => return Ok(python),
                Ok(Err(refusal)) => {
                    passed_over.push(format!("\n  {}: {refusal}", candidate.display()));
                }
                Err(_) => passed_over.push(format!("\n  {}: does not run", candidate.display())),
            }
        }
        bail!(
            "no CPython 3.13 was found by MARTLET_PYTHON, python3.13 on PATH, pyenv or uv{}\n{ADVICE}",
            passed_over.concat()
        )
    }

    /// The one with this path; its message if it does not run or will not do.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        match examine(path)? {
            Ok(python) => Ok(python),
            Err(refusal) => bail!("{}: {refusal}", path.display()),
        }
    }

    /// Another 3.13.x of those that would be found without `MARTLET_PYTHON`.
    pub(crate) fn another_than(&self) -> Option<Self> {
        let found = candidates().into_iter().filter_map(|it| Self::at(&it).ok());
        found.into_iter().find(|it| it.micro() != self.micro())
    }

    /// Puts packages from the package registry into a folder, without what they depend on.
    pub(crate) fn fetch_packages(&self, folder: &Path, wanted: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.executable);
        command
            .args(["-I", "-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--root-user-action=ignore"])
            .arg("--target")
            .arg(folder)
            .args(wanted);
        process::output(&mut command).map(drop)
    }

    /// The last number of its version.
    pub(crate) fn micro(&self) -> u32 {
        self.version[2]
    }

    /// The interpreter's own path.
    pub(crate) fn executable(&self) -> &Path {
        &self.executable
    }

    /// The site-packages folder, if the interpreter is that of a virtual environment.
    pub(crate) fn site_packages(&self) -> Option<&Path> {
        self.site_packages.as_deref()
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.version;
        let path = self.executable.display();
        write!(f, "CPython {major}.{minor}.{patch} ({path})")
    }
}

const ADVICE: &str = "get one with `pyenv install 3.13`, `uv python install 3.13` or the system's \
    package of Python 3.13 together with its development headers, or set MARTLET_PYTHON to the \
    path of one";

/// Why an interpreter will not do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    NotCPython(String),
    WrongVersion(u32, u32),
    FreeThreaded,
    Debug,
    NoHeaders(PathBuf),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCPython(name) => write!(f, "this is {name}, and Martlet needs CPython 3.13"),
            Self::WrongVersion(major, minor) => write!(
                f,
                "this is Python {major}.{minor}, and Martlet works with 3.13 only"
            ),
            Self::FreeThreaded => f.write_str(
                "this is a free-threaded build of Python 3.13, and Martlet needs the usual one",
            ),
            Self::Debug => f.write_str(
                "this is a debug build of Python 3.13, and Martlet needs a release build",
            ),
            Self::NoHeaders(folder) => write!(
                f,
                "its headers are not installed ({} has no internal/pycore_frame.h)",
                folder.display()
            ),
        }
    }
}

/// What an interpreter says about itself.
#[derive(Debug, Deserialize)]
struct Probe {
    executable: PathBuf,
    implementation: String,
    version: [u32; 3],
    free_threaded: bool,
    debug: bool,
    include: PathBuf,
    has_headers: bool,
    site_packages: Option<PathBuf>,
    origin: Option<PathBuf>,
}

impl Probe {
    fn judge(self) -> std::result::Result<Python, Refusal> {
        if self.implementation != "cpython" {
            return Err(Refusal::NotCPython(self.implementation));
        }
        let [major, minor, _] = self.version;
        if (major, minor) != (3, 13) {
            return Err(Refusal::WrongVersion(major, minor));
        }
        if self.free_threaded {
            return Err(Refusal::FreeThreaded);
        }
        if self.debug {
            return Err(Refusal::Debug);
        }
        if !self.has_headers {
            return Err(Refusal::NoHeaders(self.include));
        }
        Ok(Python {
            executable: self.executable,
            version: self.version,
            site_packages: self.site_packages,
        })
    }
}

/// Runs the interpreter and judges what it says. An environment that this tool made stands for
/// the interpreter it was made from.
fn examine(path: &Path) -> Result<std::result::Result<Python, Refusal>> {
    let probe = probe(path)?;
    let probe = match &probe.origin {
        Some(origin) => self::probe(origin)?,
        None => probe,
    };
    Ok(probe.judge())
}

fn probe(path: &Path) -> Result<Probe> {
    let mut command = Command::new(path);
    command.args(["-I", "-c", PROBE]).env_remove("MARTLET");
    let answer = command.output().ok();
    let answer = answer.and_then(|it| serde_json::from_slice(&it.stdout).ok());
    answer.with_context(|| {
        format!(
            "{} does not answer as a Python would: MARTLET_PYTHON must be a CPython 3.13 that runs",
            path.display()
        )
    })
}

fn candidates() -> Vec<PathBuf> {
    let mut candidates = Vec::new();
    candidates.extend(find_on_path("python3.13"));
    candidates.extend(pyenv_pythons());
    candidates.extend(uv_python());
    candidates.extend(find_on_path("python3"));
    candidates
}

/// pyenv's 3.13 interpreters, the newest first.
fn pyenv_pythons() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".pyenv")));
    let Some(Ok(entries)) = root.map(|root| std::fs::read_dir(root.join("versions"))) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let patch = name
                .strip_prefix("3.13.")?
                .trim_end_matches(char::is_alphabetic);
            let python = find_on_path(entry.path().join("bin/python3.13"))?;
            Some((patch.parse().unwrap_or(0), python))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, python)| python).collect()
}

fn uv_python() -> Option<PathBuf> {
    let uv = find_on_path("uv")?;
    let answer = process::output(Command::new(uv).args(["python", "find", "3.13"])).ok()?;
    find_on_path(answer.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Probe {
        Probe {
            executable: "/opt/python3.13".into(),
            implementation: "cpython".into(),
            version: [3, 13, 5],
            free_threaded: false,
            debug: false,
            include: "/opt/include".into(),
            has_headers: true,
            site_packages: None,
            origin: None,
        }
    }

    #[test]
    fn the_usual_build_is_accepted() {
        assert_eq!(good().judge().unwrap().version, [3, 13, 5]);
    }

    #[test]
    fn others_are_refused_by_name() {
        let old = Probe {
            version: [3, 12, 1],
            ..good()
        };
        assert_eq!(old.judge().unwrap_err(), Refusal::WrongVersion(3, 12));
        let new = Probe {
            version: [3, 14, 0],
            ..good()
        };
        assert_eq!(new.judge().unwrap_err(), Refusal::WrongVersion(3, 14));
        let free = Probe {
            free_threaded: true,
            ..good()
        };
        assert_eq!(free.judge().unwrap_err(), Refusal::FreeThreaded);
        let debug = Probe {
            debug: true,
            ..good()
        };
        assert_eq!(debug.judge().unwrap_err(), Refusal::Debug);
        let bare = Probe {
            has_headers: false,
            ..good()
        };
        assert!(matches!(bare.judge().unwrap_err(), Refusal::NoHeaders(_)));
    }
}
