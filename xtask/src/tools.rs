//! LLVM 22 and clang 22: found, installed where that is allowed, or asked for.
//!
//! Looked for are `llvm-config` (under `LLVM_SYS_221_PREFIX`, as `llvm-config-22`, or under its
//! plain name) and a clang (beside that `llvm-config`, as `clang-22`, or under its plain name),
//! both of major version 22. On Debian and its children, as root or with a sudo that asks no
//! password, what is missing is installed from the system's package lists; elsewhere the message
//! says exactly what to type. `MARTLET_NO_INSTALL=1` forbids the installation.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{self, find_on_path, step};

/// The major version of libLLVM and of clang that everything is built with.
pub(crate) const MAJOR: &str = "22";

const PACKAGES: [&str; 2] = ["llvm-22-dev", "clang-22"];
const PREFIX_VARIABLE: &str = "LLVM_SYS_221_PREFIX";

/// Both tools, of the right version.
#[derive(Debug)]
pub(crate) struct Toolchain {
    llvm_config: PathBuf,
    clang: PathBuf,
}

impl Toolchain {
    /// Finds the tools; installs them if they are missing and may be installed.
    pub(crate) fn find_or_install() -> Result<Self> {
        let problem = match Self::find() {
            Ok(found) => return Ok(found),
            Err(problem) => problem,
        };
        let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let forbidden = std::env::var_os("MARTLET_NO_INSTALL").is_some_and(|value| value != "0");
        match Plan::new(&os_release, Privilege::detect(), forbidden) {
            Plan::Install(privilege) => {
                step(&format!("{problem}: installing {}", PACKAGES.join(" ")));
                install(privilege)?;
                Self::find()
            }
            Plan::Say(advice) => bail!("{problem}\n{advice}"),
        }
    }

    /// Finds the tools without changing anything.
    pub(crate) fn find() -> Result<Self> {
        let llvm_config = find_llvm_config()?;
        let clang = find_clang(&llvm_config)?;
        Ok(Self { llvm_config, clang })
    }

    /// The clang.
    pub(crate) fn clang(&self) -> &Path {
        &self.clang
    }

    /// A program of LLVM's own, from the folder that `llvm-config` names.
    pub(crate) fn llvm_tool(&self, name: &str) -> Result<PathBuf> {
        let folder = process::output(Command::new(&self.llvm_config).arg("--bindir"))?;
        let path = Path::new(folder.trim()).join(name);
        match find_on_path(&path) {
            Some(found) => Ok(found),
            None => bail!("{} is missing from LLVM {MAJOR}", path.display()),
        }
    }

    /// Environment variables that a cargo build needs to find the same tools: none in the usual
    /// case, in which llvm-sys finds `llvm-config-22` by its name.
    pub(crate) fn build_env(&self) -> Vec<(&'static str, PathBuf)> {
        let mut variables = Vec::new();
        let by_name = find_on_path(format!("llvm-config-{MAJOR}"));
        if by_name.as_ref() != Some(&self.llvm_config)
            && std::env::var_os(PREFIX_VARIABLE).is_none()
            && let Some(prefix) = self.llvm_config.parent().and_then(Path::parent)
        {
            variables.push((PREFIX_VARIABLE, prefix.to_path_buf()));
        }
        // The C++ shim over LLVM needs a C++ compiler: clang is one, where there is no other.
        if std::env::var_os("CXX").is_none() && find_on_path("c++").is_none() {
            let name = self.clang.file_name().unwrap_or_default();
            let cxx = name.to_string_lossy().replace("clang", "clang++");
            variables.push(("CXX", self.clang.with_file_name(cxx)));
        }
        variables
    }
}

fn find_llvm_config() -> Result<PathBuf> {
    let mut candidates = Vec::new();
    if let Some(prefix) = std::env::var_os(PREFIX_VARIABLE) {
        candidates.push(PathBuf::from(prefix).join("bin/llvm-config"));
    } else {
        candidates.extend(find_on_path(format!("llvm-config-{MAJOR}")));
        candidates.extend(find_on_path("llvm-config"));
    }
    let mut seen = Vec::new();
    for candidate in candidates {
        let Ok(version) = process::output(Command::new(&candidate).arg("--version")) else {
            seen.push(format!("{} does not run", candidate.display()));
            continue;
        };
        if major(&version) != Some(MAJOR) {
            seen.push(format!(
                "{} is LLVM {}",
                candidate.display(),
                version.trim()
            ));
            continue;
        }
        let include = process::output(Command::new(&candidate).arg("--includedir"))?;
        if Path::new(include.trim()).join("llvm-c/Core.h").is_file() {
            return Ok(candidate);
        }
        seen.push(format!("{} has no headers", candidate.display()));
    }
    bail!("LLVM {MAJOR} with its headers was not found{}", list(&seen))
}

fn find_clang(llvm_config: &Path) -> Result<PathBuf> {
    let beside = process::output(Command::new(llvm_config).arg("--bindir"))
        .ok()
        .and_then(|folder| find_on_path(Path::new(folder.trim()).join("clang")));
    let candidates = beside
        .into_iter()
        .chain(find_on_path(format!("clang-{MAJOR}")))
        .chain(find_on_path("clang"));
    let mut seen = Vec::new();
    for candidate in candidates {
        let Ok(text) = process::output(Command::new(&candidate).arg("--version")) else {
            seen.push(format!("{} does not run", candidate.display()));
            continue;
        };
        let version = text
            .split_once("clang version ")
            .map_or("of an unknown version", |(_, rest)| {
                rest.split_whitespace().next().unwrap_or_default()
            });
        if major(version) == Some(MAJOR) {
            return Ok(candidate);
        }
        seen.push(format!("{} is clang {version}", candidate.display()));
    }
    bail!("clang {MAJOR} was not found{}", list(&seen))
}

fn major(version: &str) -> Option<&str> {
    version.trim().split('.').next()
}

fn list(seen: &[String]) -> String {
    if seen.is_empty() {
        String::new()
    } else {
        format!(" ({})", seen.join("; "))
    }
}

/// How this user may install packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Privilege {
    Root,
    Sudo,
    None,
}

impl Privilege {
    fn detect() -> Self {
        let is_root =
            process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        if is_root {
            Self::Root
        } else if process::output(Command::new("sudo").args(["-n", "true"])).is_ok() {
            Self::Sudo
        } else {
            Self::None
        }
    }
}

/// What to do about missing tools.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Install(Privilege),
    Say(String),
}

impl Plan {
    /// `os_release` is the text of `/etc/os-release`.
    fn new(os_release: &str, privilege: Privilege, forbidden: bool) -> Self {
        if !is_debian(os_release) {
            return Self::Say(format!(
                "install LLVM {MAJOR} with its development headers and clang {MAJOR}; if they are \
                 not on PATH, set {PREFIX_VARIABLE} to the folder that LLVM is installed in"
            ));
        }
        match privilege {
            Privilege::Root | Privilege::Sudo if !forbidden => Self::Install(privilege),
            Privilege::Root => Self::Say(format!("type: {}", typed(""))),
            Privilege::Sudo | Privilege::None => Self::Say(format!("type: {}", typed("sudo "))),
        }
    }
}

fn is_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")))
        .any(|ids| ids.trim_matches('"').split(' ').any(|id| id == "debian"))
}

/// The line a user can type, with `sudo ` before each command or nothing.
fn typed(prefix: &str) -> String {
    format!(
        "{prefix}apt-get update && {prefix}apt-get {}",
        install_arguments().join(" ")
    )
}

fn install_arguments() -> Vec<&'static str> {
    let mut arguments = vec![
        "install",
        "-y",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=300",
    ];
    arguments.extend(PACKAGES);
    arguments
}

fn install(privilege: Privilege) -> Result<()> {
    let sudo = match privilege {
        Privilege::Sudo => "sudo ",
        Privilege::Root | Privilege::None => "",
    };
    let apt_get = |arguments: &[&str]| {
        let mut command = if sudo.is_empty() {
            Command::new("apt-get")
        } else {
            let mut command = Command::new("sudo");
            command.args(["-n", "apt-get"]);
            command
        };
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command)
    };
    let done = apt_get(&["update"]).and_then(|()| apt_get(&install_arguments()));
    if let Err(error) = done {
        bail!(
            "{error:#}\nthe packages {} could not be installed; once a package source of this \
             system has them, type: {}",
            PACKAGES.join(" "),
            typed(sudo)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";
    const UBUNTU: &str = "ID=ubuntu\nID_LIKE=\"debian\"\n";
    const FEDORA: &str = "ID=fedora\nID_LIKE=\"rhel centos\"\n";

    #[test]
    fn debian_as_root_or_with_sudo_installs() {
        for privilege in [Privilege::Root, Privilege::Sudo] {
            assert_eq!(
                Plan::new(DEBIAN, privilege, false),
                Plan::Install(privilege)
            );
            assert_eq!(
                Plan::new(UBUNTU, privilege, false),
                Plan::Install(privilege)
            );
        }
    }

    #[test]
    fn without_the_right_to_install_the_exact_line_is_printed() {
        let line = "sudo apt-get update && sudo apt-get install -y --no-install-recommends \
                    -o DPkg::Lock::Timeout=300 llvm-22-dev clang-22";
        let expected = Plan::Say(format!("type: {line}"));
        assert_eq!(Plan::new(DEBIAN, Privilege::None, false), expected);
        assert_eq!(Plan::new(DEBIAN, Privilege::Sudo, true), expected);
        let as_root = Plan::Say(format!("type: {}", line.replace("sudo ", "")));
        assert_eq!(Plan::new(DEBIAN, Privilege::Root, true), as_root);
    }

    #[test]
    fn other_systems_are_told_what_is_missing() {
        let Plan::Say(text) = Plan::new(FEDORA, Privilege::Root, false) else {
            panic!("nothing may be installed on an unknown system");
        };
        assert!(
            text.contains("LLVM 22") && text.contains("clang 22"),
            "{text}"
        );
        assert!(!text.contains("apt-get"), "{text}");
    }
}
