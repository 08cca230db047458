//! A CPython 3.13 of Debian's, from the package source that this system uses, laid out in a folder: nothing is installed.
//!
//! It is newer than the system, so its C library lies beside it, and a script in the interpreter's place starts it with
//! that one's loader. The rest comes from the system.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::python::Python;

/// Releases that have a CPython 3.13.
const RELEASES: [&str; 2] = ["sid", "trixie"];

/// Packages of the interpreter's own version.
const PYTHON: [&str; 6] = [
    "python3.13",
    "python3.13-minimal",
    "libpython3.13",
    "libpython3.13-minimal",
    "libpython3.13-stdlib",
    "libpython3.13-dev",
];

/// Packages that go with it, the newest that there are.
const WITH_IT: [&str; 4] = ["libc6", "libexpat1", "libffi8", "zlib1g"];

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// The newest whose version is not this one's; that of an earlier call, if it will do.
pub(super) fn python(usual: &Python, folder: &Path) -> Result<Python> {
    let root = folder.join("root");
    let executable = root.join("usr/bin/python3.13");
    if let Ok(found) = Python::at(&executable)
        && found.micro() != usual.micro()
    {
        return Ok(found);
    }
    if std::env::var_os("MARTLET_NO_INSTALL").is_some_and(|value| value != "0") {
        bail!("MARTLET_NO_INSTALL forbids to fetch another CPython 3.13");
    }
    let apt = Apt::new(folder)?;
    apt.run("apt-get", &["update", "-qq"])?;
    let version = version(
        &apt.output("apt-cache", &["madison", PYTHON[0]])?,
        usual.micro(),
    )
    .with_context(|| format!("{RELEASES:?} have no other CPython 3.13 than {usual}"))?;
    let _ = std::fs::remove_dir_all(&root);
    let packages = folder.join("packages");
    let _ = std::fs::remove_dir_all(&packages);
    std::fs::create_dir_all(&packages)?;
    let names = PYTHON.iter().map(|name| format!("{name}={version}"));
    let names = names.chain(WITH_IT.map(str::to_owned));
    process::run(
        apt.command("apt-get")
            .args(["download", "-qq"])
            .args(names)
            .current_dir(&packages),
    )?;
    for package in std::fs::read_dir(&packages)?.flatten() {
        process::run(
            Command::new("dpkg-deb")
                .arg("--extract")
                .args([&package.path(), &root]),
        )?;
    }
    start_with_own_library(&root, &executable)?;
    Python::at(&executable)
}

/// apt with lists and settings of its own.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self> {
        let format = "$(LABEL) $(SITE)";
        let targets = process::output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            format,
            "Created-By: Packages",
        ]))?;
        let site = targets.lines().find_map(|it| it.strip_prefix("Debian "));
        let site = site.context("apt has no package source of Debian's")?;
        let lists = folder.join("lists");
        std::fs::create_dir_all(lists.join("partial"))?;
        let sources = folder.join("sources.list");
        let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let lines = RELEASES.map(|it| format!("deb [signed-by={keys}] {site} {it} main\n"));
        std::fs::write(&sources, lines.concat())
            .with_context(|| format!("cannot write {}", sources.display()))?;
        let path = |it: PathBuf| it.display().to_string();
        let options = [
            format!("Dir::Etc::sourcelist={}", path(sources)),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={}", path(lists)),
            format!("Dir::Cache={}", path(folder.join("cache"))),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            "Acquire::Retries=1".to_owned(),
            "Acquire::http::Timeout=20".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ];
        Ok(Self {
            options: options.to_vec(),
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<()> {
        process::run(self.command(program).args(args))
    }

    fn output(&self, program: &str, args: &[&str]) -> Result<String> {
        process::output(self.command(program).args(args))
    }
}

/// The newest version in a list of `apt-cache madison`, but for those of 3.13.`micro`.
fn version(list: &str, micro: u32) -> Option<String> {
    let versions = list.lines().filter_map(|line| {
        let version = line.split('|').nth(1)?.trim();
        let rest = version.strip_prefix("3.13.")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some((digits.parse::<u32>().ok()?, version.to_owned()))
    });
    let others = versions.filter(|(it, _)| *it != micro);
    Some(others.max_by_key(|(it, _)| *it)?.1)
}

/// Puts a script in the interpreter's place. The interpreter still takes itself for what was called, so what it starts
/// in turn, and environments that are made over it, come by here too.
fn start_with_own_library(root: &Path, executable: &Path) -> Result<()> {
    let real = executable.with_file_name("python3.13-itself");
    std::fs::rename(executable, &real)?;
    let libraries = root.join(LIBRARIES);
    let libraries = libraries.display();
    std::fs::write(
        executable,
        format!(
            "#!/bin/sh\nexec '{libraries}/ld-linux-x86-64.so.2' --argv0 \"$0\" \
             --library-path '{libraries}' '{}' \"$@\"\n",
            real.display()
        ),
    )?;
    std::fs::set_permissions(executable, std::fs::Permissions::from_mode(0o755))?;
    // Debian's header only includes this one, from where it would be installed.
    let include = root.join("usr/include");
    std::fs::copy(
        include.join("x86_64-linux-gnu/python3.13/pyconfig.h"),
        include.join("python3.13/pyconfig.h"),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_newest_other_version_is_taken() {
        let list = "python3.13 | 3.13.9-1 | a\npython3.13 | 3.13.18-1 | b\npython3.13 | 3.13.5-2+deb13u5 | c\n";
        let newest = |micro| super::version(list, micro);
        assert_eq!(newest(0).as_deref(), Some("3.13.18-1"));
        assert_eq!(newest(18).as_deref(), Some("3.13.9-1"));
        assert_eq!(super::version("", 0), None);
    }
}
