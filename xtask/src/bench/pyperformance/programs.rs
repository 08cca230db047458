//! The programs of `bench pyperformance`, in groups, and which of them were asked for.
//!
//! The public ones are named as in pyperformance's own manifest, with the arguments that it gives
//! them; one of several benchmarks of a program is named by it as well. Our own are found by
//! looking into `benches/python/own`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::Group::*;

/// Kinds of programs; geometric means are taken over each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Numeric,
    Objects,
    /// Generators and coroutines.
    Resumable,
    Algorithms,
    Library,
    Async,
    Applications,
    C,
    OwnSeen,
    OwnUnseen,
}

impl Group {
    /// As it is typed and shown.
    pub(super) fn name(self) -> &'static str {
        match self {
            Numeric => "numeric",
            Objects => "objects",
            Resumable => "resumable",
            Algorithms => "algorithms",
            Library => "library",
            Async => "async",
            Applications => "applications",
            C => "c",
            OwnSeen => "own-seen",
            OwnUnseen => "own-unseen",
        }
    }

    /// Whether it belongs to the public programs whose work is done in Python.
    pub(super) fn is_pure(self) -> bool {
        !matches!(self, C | OwnSeen | OwnUnseen)
    }

    fn answers_to(self, name: &str) -> bool {
        name == self.name() || name == "own" && matches!(self, OwnSeen | OwnUnseen)
    }
}

/// A program of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) group: Group,
    pub(super) source: Source,
}

/// Where a program is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Public(Public),
    Own(PathBuf),
}

/// A benchmark of pyperformance: its folder there without `bm_`, the name it registers, how many
/// calls make an iteration of some 10 ms or more, and its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Public {
    pub(super) folder: &'static str,
    pub(super) benchmark: &'static str,
    pub(super) loops: u32,
    pub(super) arguments: &'static [&'static str],
}

type Entry = (Group, &'static str, Public);

/// A program whose folder and only benchmark have its name.
const fn simple(group: Group, name: &'static str, loops: u32) -> Entry {
    part(group, name, name, loops)
}

/// One of the benchmarks that a program registers.
const fn part(group: Group, name: &'static str, folder: &'static str, loops: u32) -> Entry {
    entry(group, name, folder, name, loops, &[])
}

const fn entry(
    group: Group,
    name: &'static str,
    folder: &'static str,
    benchmark: &'static str,
    loops: u32,
    arguments: &'static [&'static str],
) -> Entry {
    let public = Public {
        folder,
        benchmark,
        loops,
        arguments,
    };
    (group, name, public)
}

#[rustfmt::skip]
const PUBLIC: [Entry; 57] = [
    simple(Numeric, "nbody", 1),
    simple(Numeric, "fannkuch", 1),
    simple(Numeric, "spectral_norm", 1),
    part(Numeric, "scimark_sor", "scimark", 1),
    part(Numeric, "scimark_sparse_mat_mult", "scimark", 3),
    part(Numeric, "scimark_monte_carlo", "scimark", 1),
    part(Numeric, "scimark_lu", "scimark", 1),
    part(Numeric, "scimark_fft", "scimark", 1),
    simple(Objects, "float", 1),
    entry(Objects, "barnes_hut", "barnes_hut", "quadtree_nbody", 1, &[]),
    simple(Objects, "chaos", 1),
    simple(Objects, "raytrace", 1),
    simple(Objects, "richards", 1),
    simple(Objects, "richards_super", 1),
    simple(Objects, "deltablue", 4),
    simple(Objects, "go", 1),
    simple(Objects, "hexiom", 2),
    simple(Objects, "mdp", 1),
    simple(Objects, "comprehensions", 500),
    simple(Resumable, "nqueens", 1),
    simple(Resumable, "generators", 1),
    simple(Resumable, "coroutines", 1),
    simple(Resumable, "async_generators", 1),
    simple(Algorithms, "meteor_contest", 1),
    simple(Algorithms, "pyflate", 1),
    simple(Algorithms, "crypto_pyaes", 1),
    part(Library, "logging_silent", "logging", 5000),
    part(Library, "logging_simple", "logging", 200),
    part(Library, "logging_format", "logging", 200),
    entry(Library, "pickle_pure_python", "pickle", "pickle_pure_python", 4, &["--pure-python", "pickle"]),
    entry(Library, "unpickle_pure_python", "pickle", "unpickle_pure_python", 5, &["--pure-python", "unpickle"]),
    simple(Library, "regex_compile", 1),
    simple(Library, "deepcopy", 50),
    simple(Library, "typing_runtime_protocols", 50),
    entry(Library, "argparse_subparsers", "argparse", "subparsers", 1, &["subparsers"]),
    simple(Library, "tomli_loads", 1),
    part(Library, "pprint_pformat", "pprint", 1),
    simple(Library, "pathlib", 1),
    entry(Async, "async_tree", "async_tree", "async_tree_none", 1, &["none"]),
    entry(Async, "async_tree_io", "async_tree", "async_tree_io", 1, &["io"]),
    entry(Async, "async_tree_eager", "async_tree", "async_tree_eager", 1, &["eager"]),
    simple(Applications, "html5lib", 1),
    simple(Applications, "docutils", 1),
    simple(Applications, "django_template", 1),
    part(Applications, "sympy_expand", "sympy", 1),
    part(Applications, "sympy_sum", "sympy", 1),
    part(Applications, "sympy_str", "sympy", 1),
    simple(C, "json_dumps", 2),
    simple(C, "json_loads", 30),
    entry(C, "pickle", "pickle", "pickle", 100, &["pickle"]),
    entry(C, "unpickle", "pickle", "unpickle", 60, &["unpickle"]),
    simple(C, "pidigits", 1),
    simple(C, "regex_dna", 1),
    simple(C, "regex_effbot", 1),
    simple(C, "regex_v8", 1),
    simple(C, "telco", 2),
    part(C, "xml_etree_parse", "xml_etree", 1),
];

/// All programs, the public ones first. `own` is the folder of ours.
pub(super) fn all(own: &Path) -> Result<Vec<Program>> {
    let mut programs: Vec<_> = PUBLIC
        .iter()
        .map(|&(group, name, public)| Program {
            name: name.to_owned(),
            group,
            source: Source::Public(public),
        })
        .collect();
    programs.extend(own_programs(&own.join("seen"), OwnSeen)?);
    programs.extend(own_programs(&own.join("unseen"), OwnUnseen)?);
    Ok(programs)
}

fn own_programs(folder: &Path, group: Group) -> Result<Vec<Program>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut programs: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .filter_map(|path| {
            Some(Program {
                name: format!("own.{}", path.file_stem()?.to_str()?),
                group,
                source: Source::Own(path),
            })
        })
        .collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// Those of `programs` that `names` name, each by itself or by its group; all, if there are no
/// names. What names nothing is refused.
pub(super) fn select(programs: Vec<Program>, names: &[String]) -> Result<Vec<Program>> {
    let named =
        |program: &Program, name: &str| name == program.name || program.group.answers_to(name);
    for name in names {
        if !programs.iter().any(|program| named(program, name)) {
            bail!(
                "no program or group is named {name}; there are {}",
                list(&programs)
            );
        }
    }
    Ok(programs
        .into_iter()
        .filter(|program| names.is_empty() || names.iter().any(|name| named(program, name)))
        .collect())
}

fn list(programs: &[Program]) -> String {
    let mut text = String::new();
    let mut group = None;
    for program in programs {
        if group != Some(program.group) {
            group = Some(program.group);
            text += &format!("\n  {}:", program.group.name());
        }
        text += &format!(" {}", program.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs() -> Vec<Program> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/python/own");
        all(&own).unwrap()
    }

    fn selected(names: &[&str]) -> Result<Vec<String>> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let selected = select(programs(), &names)?;
        Ok(selected.into_iter().map(|program| program.name).collect())
    }

    #[test]
    fn groups_have_the_sizes_that_the_peers_were_measured_with() {
        let size = |group| programs().iter().filter(|it| it.group == group).count();
        let pure = [
            Numeric,
            Objects,
            Resumable,
            Algorithms,
            Library,
            Async,
            Applications,
        ];
        assert_eq!(pure.map(size), [8, 11, 4, 3, 12, 3, 6]);
        assert_eq!([C, OwnSeen, OwnUnseen].map(size), [10, 10, 10]);
    }

    #[test]
    fn names_are_unique_and_no_group_has_the_name_of_a_program() {
        let programs = programs();
        let mut names: Vec<_> = programs.iter().map(|it| it.name.as_str()).collect();
        for program in &programs {
            assert!(!names.contains(&program.group.name()));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), programs.len());
    }

    #[test]
    fn programs_and_groups_are_selected_by_name() {
        assert_eq!(selected(&[]).unwrap().len(), programs().len());
        assert_eq!(selected(&["own"]).unwrap().len(), 20);
        let some = selected(&["algorithms", "nbody", "pyflate"]).unwrap();
        assert_eq!(some, ["nbody", "meteor_contest", "pyflate", "crypto_pyaes"]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_a_list() {
        let message = selected(&["nbody", "nbdoy"]).unwrap_err().to_string();
        assert!(
            message.contains("nbdoy") && message.contains("numeric: nbody"),
            "{message}"
        );
    }
}
