//! Every switch of the extension, read from the environment once.

use std::path::PathBuf;
use std::time::Duration;

use martlet_snapshot::{Effort, Stage};

/// The switches. Each is an environment variable of the name given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// `MARTLET_OFF=1`: nothing is ever compiled; `enable()` does nothing.
    pub(crate) off: bool,
    /// `MARTLET_ALWAYS=n`: every function is compiled at its n-th call. At the first, sites that never ran are compiled
    /// generically; later, for what was seen until then. 0: what is hot is.
    pub(crate) always: u32,
    /// `MARTLET_LOOPS=1`: every loop is compiled at its first back edge and entered there, every generator's code where it
    /// goes on.
    pub(crate) loops: bool,
    /// `MARTLET_SYNC=1`: compiling happens on the thread that asks, which waits.
    pub(crate) sync: bool,
    /// `MARTLET_ONLY=names`: only functions with one of these qualified names (separated by commas) are compiled.
    pub(crate) only: Option<Vec<String>>,
    /// `MARTLET_FUEL=n`: compiling ends after so many compiles.
    pub(crate) fuel: Option<u64>,
    /// `MARTLET_EFFORT=none|quick|best`: how much is optimised, whatever runs. By default, what gets hot is compiled
    /// quickly, and once more, as well as it can be, when it stays hot.
    pub(crate) effort: Option<Effort>,
    /// `MARTLET_VERIFY=1`: every verifier runs.
    pub(crate) verify: bool,
    /// `MARTLET_EXIT_EVERY=k`: every k-th guard exits although it holds. 0: none.
    pub(crate) exit_every: u32,
    /// `MARTLET_DUMP=stages`: texts to write, of `bytecode,hir,ir,ir-opt,asm,lines`.
    pub(crate) dump: Vec<Stage>,
    /// `MARTLET_DUMP_FILTER=qualname`: only of functions whose qualified name contains this.
    pub(crate) dump_filter: Option<String>,
    /// `MARTLET_DUMP_DIR=folder`: into files of this folder instead of stderr.
    pub(crate) dump_dir: Option<PathBuf>,
    /// `MARTLET_STATS=1` or a path that ends in `.json`: statistics at the end, as a table on stderr or into that file.
    pub(crate) stats: Option<String>,
    /// `MARTLET_LOG=1`: a line on stderr for whatever is compiled, refused, invalidated.
    pub(crate) log: bool,
    /// `MARTLET_PERF=map`: `/tmp/perf-PID.map` is written.
    pub(crate) perf_map: bool,
    /// `MARTLET_MAX_UNITS=n`: longer functions (in code units) are refused. 0: the compiler's default.
    pub(crate) max_units: u32,
    /// `MARTLET_COMPILER=path`: the compiler's shared object, or with `beside` its program; by default they lie with
    /// this extension.
    pub(crate) compiler: Option<PathBuf>,
    /// `MARTLET_BESIDE=1`: the compiler is a process of its own, which forked processes share.
    pub(crate) beside: bool,
    /// `MARTLET_IDLE=seconds`: that process ends after so long without work.
    pub(crate) idle: Duration,
    /// `MARTLET_CHAOS=seed`: machine code is refused, delayed, invalidated and evicted at random.
    pub(crate) chaos: Option<u64>,
    /// `MARTLET_CODE_LIMIT=bytes`: where there is more machine code, the coldest goes.
    pub(crate) code_limit: Option<u64>,
    /// `MARTLET_EVENTS=path`: what becomes of functions and versions: as lines of JSON; or at the end, if it ends in
    /// `.html`, the latest as a page.
    pub(crate) events: Option<String>,
    /// `MARTLET_CACHE=folder`: what the compiler answered is kept there, and taken from there.
    pub(crate) cache: Option<PathBuf>,
}

impl Options {
    /// Reads the environment.
    pub(crate) fn from_env() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        let flag = |name: &str| text(name).is_some_and(|it| it != "0");
        let number = |name: &str| {
            let given = text(name)?;
            let number = given.parse::<u64>().ok();
            if number.is_none() {
                complain(name, &given, "a number");
            }
            number
        };
        Options {
            off: flag("MARTLET_OFF"),
            always: number("MARTLET_ALWAYS").unwrap_or(0) as u32,
            loops: flag("MARTLET_LOOPS"),
            sync: flag("MARTLET_SYNC"),
            only: text("MARTLET_ONLY")
                .map(|it| it.split(',').map(|name| name.trim().to_owned()).collect()),
            fuel: number("MARTLET_FUEL"),
            effort: match text("MARTLET_EFFORT").as_deref() {
                Some("none") => Some(Effort::None),
                Some("quick") => Some(Effort::Quick),
                Some("best") => Some(Effort::Best),
                Some(other) => {
                    complain("MARTLET_EFFORT", other, "none, quick or best");
                    None
                }
                None => None,
            },
            verify: flag("MARTLET_VERIFY"),
            exit_every: number("MARTLET_EXIT_EVERY").unwrap_or(0) as u32,
            dump: text("MARTLET_DUMP").map_or_else(Vec::new, |it| {
                it.split(',')
                    .filter_map(|name| {
                        let found = stage(name.trim());
                        if found.is_none() {
                            complain(
                                "MARTLET_DUMP",
                                name,
                                "bytecode, hir, ir, ir-opt, asm or lines",
                            );
                        }
                        found
                    })
                    .collect()
            }),
            dump_filter: text("MARTLET_DUMP_FILTER"),
            dump_dir: text("MARTLET_DUMP_DIR").map(PathBuf::from),
            stats: text("MARTLET_STATS").filter(|it| it != "0"),
            log: flag("MARTLET_LOG"),
            perf_map: text("MARTLET_PERF").is_some_and(|it| it == "map"),
            max_units: number("MARTLET_MAX_UNITS").unwrap_or(0) as u32,
            compiler: text("MARTLET_COMPILER").map(PathBuf::from),
            beside: flag("MARTLET_BESIDE"),
            idle: Duration::from_secs(number("MARTLET_IDLE").unwrap_or(60)),
            chaos: number("MARTLET_CHAOS"),
            code_limit: number("MARTLET_CODE_LIMIT"),
            events: text("MARTLET_EVENTS"),
            cache: text("MARTLET_CACHE").map(PathBuf::from),
        }
    }

    /// Whether `MARTLET_ONLY` lets a function of this name be compiled.
    pub(crate) fn allows(&self, qualname: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|names| names.iter().any(|it| it == qualname))
    }

    /// Which texts are wanted of a function of this name.
    pub(crate) fn dumps_of(&self, qualname: &str) -> Vec<Stage> {
        match &self.dump_filter {
            Some(filter) if !qualname.contains(filter.as_str()) => Vec::new(),
            _ => self.dump.clone(),
        }
    }
}

/// Says that a variable was ignored, and what it may be.
fn complain(name: &str, given: &str, wanted: &str) {
    eprintln!("martlet: {name}={given}: ignored, for it is not {wanted}");
}

/// A stage by its name.
pub(crate) fn stage(name: &str) -> Option<Stage> {
    Some(match name {
        "bytecode" => Stage::Bytecode,
        "hir" => Stage::Hir,
        "ir" => Stage::Ir,
        "ir-opt" => Stage::IrOpt,
        "asm" => Stage::Asm,
        "lines" => Stage::Lines,
        _ => return None,
    })
}

/// The name of a stage.
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Bytecode => "bytecode",
        Stage::Hir => "hir",
        Stage::Ir => "ir",
        Stage::IrOpt => "ir-opt",
        Stage::Asm => "asm",
        Stage::Lines => "lines",
    }
}
