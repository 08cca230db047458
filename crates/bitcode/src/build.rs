//! The build: C files in, bitcode, loader and native archive out.

use crate::clang::{Clang, Wanted};
use crate::command::{self, Tool};
use crate::database;
use crate::declared;
use crate::depfile;
use crate::error::Error;
use crate::irtext::{self, External, IrFile, Signature};
use crate::layout::{self, Layout};
use crate::loader;
use crate::seal::{FileSeal, Seal, fnv1a};
use crate::source::Helper;
use std::collections::{BTreeSet, HashMap};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// LLVM's major version when nobody says another one.
const DEFAULT_LLVM: u32 = 22;

/// Flags that every file is compiled with.
///
/// Contraction is off since a fused multiply-add would make inlined code round differently from its
/// native twin. Aliasing by type is off since helpers look into structures that others declare.
const FLAGS: [&str; 4] = ["-O2", "-fPIC", "-fno-strict-aliasing", "-ffp-contract=off"];

/// Flags for generating native code from the very IR that becomes bitcode, so that the twins cannot differ: all that
/// was decided about the code stands in the IR, and no pass changes it once more.
const NATIVE_FLAGS: [&str; 6] = [
    "-O2",
    "-fPIC",
    "-Xclang",
    "-disable-llvm-passes",
    "-c",
    "-xir",
];

/// Library functions that LLVM makes of loops and of each other.
/// Source: LoopIdiomRecognize.cpp and SimplifyLibCalls.cpp of LLVM.
const BUILTINS: [&str; 24] = [
    "bcmp", "bzero", "calloc", "exp2", "fputc", "fputs", "fwrite", "ldexp", "malloc", "memccpy",
    "memchr", "memcmp", "memcpy", "memmove", "mempcpy", "memset", "pow", "putchar", "puts",
    "stpcpy", "strchr", "strcpy", "strlen", "strncmp",
];

/// What to build.
#[derive(Debug, Clone)]
pub struct Build {
    name: String,
    files: Vec<PathBuf>,
    native_files: Vec<PathBuf>,
    flags: Vec<String>,
    symbols: Vec<External>,
    layouts: Vec<String>,
    bindings: bool,
    inkwell: Option<String>,
    native: bool,
    wanted: Wanted,
    out_dir: Option<PathBuf>,
    cargo: bool,
}

/// What was built.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Built {
    /// The clang that was used.
    pub clang: Clang,
    /// The bitcode of all files, linked.
    pub bitcode: PathBuf,
    /// A Rust module to `include!`: `BITCODE`, `HELPERS`, `SEAL` and, for a native build, `native_symbols`.
    pub loader: PathBuf,
    /// The static library of native code.
    pub archive: Option<PathBuf>,
    /// The exported functions that are in the bitcode, in the order of files and definitions.
    pub helpers: Vec<Helper>,
    /// Exported functions that exist natively only.
    pub native_only: Vec<Helper>,
    /// Exported variables.
    pub variables: Vec<String>,
    /// What the library needs from elsewhere.
    pub externals: Vec<External>,
    /// What it was made from.
    pub seal: Seal,
    /// Every file that was read, headers included.
    pub dependencies: Vec<PathBuf>,
}

impl Build {
    /// A build of a library with this name. Its files are `NAME.bc`, `NAME.rs`, `libNAME.a`, and for other tools
    /// `NAME.tsv` (a list of the functions) and `compile_commands.json`.
    pub fn new(name: &str) -> Self {
        Build {
            name: name.to_owned(),
            files: Vec::new(),
            native_files: Vec::new(),
            flags: FLAGS.map(str::to_owned).to_vec(),
            symbols: Vec::new(),
            layouts: Vec::new(),
            bindings: false,
            inkwell: None,
            native: false,
            wanted: Wanted {
                major: DEFAULT_LLVM,
                ..Wanted::default()
            },
            out_dir: None,
            cargo: true,
        }
    }

    /// Adds a C file.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// Adds C files.
    pub fn files<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.files.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds a C file that is compiled natively only, and only in a native build: the home of variables, and of
    /// functions that nobody would want to inline.
    pub fn native_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.native_files.push(path.into());
        self
    }

    /// Adds a directory of headers.
    pub fn include(self, dir: impl AsRef<Path>) -> Self {
        self.flag(format!("-I{}", dir.as_ref().display()))
    }

    /// Adds a directory of headers that are not yours: they give no warnings.
    pub fn system_include(self, dir: impl AsRef<Path>) -> Self {
        self.flag("-isystem")
            .flag(dir.as_ref().display().to_string())
    }

    /// Defines a macro.
    pub fn define(self, name: &str, value: Option<&str>) -> Self {
        self.flag(match value {
            Some(value) => format!("-D{name}={value}"),
            None => format!("-D{name}"),
        })
    }

    /// Adds a flag of clang for compiling C; native code is made from what comes out.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Adds a function that native code has to bring although no bitcode names it, such as `memset`, which LLVM calls
    /// on its own.
    pub fn symbol(mut self, name: &str) -> Self {
        self.symbols.push(External {
            name: name.to_owned(),
            kind: irtext::ExternalKind::Function,
        });
        self
    }

    /// Adds structures, as `struct name` or by the name of a typedef, whose sizes and offsets go into the seal.
    /// `check_layout` of the generated module compares them with what the running program has: for structures that
    /// come from elsewhere, of which the header is only a promise.
    pub fn layouts<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.layouts.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds to the generated module one submodule for each function in the bitcode, named as the function: `decl`
    /// declares it in a module, `build_call` builds a call with typed arguments, and `native`, in a native build with
    /// bindings, gives the native function. A word of Rust as a name gets a `_` at its end. `path` is where inkwell is found, as `inkwell` or `martlet_ir::inkwell`.
    pub fn inkwell(mut self, path: &str) -> Self {
        self.inkwell = Some(path.to_owned());
        self
    }

    /// Adds a module `c` to the generated module, made by bindgen: the functions with their types in C, and the
    /// constants, enums and structures of the C files and of those of your headers that they include. All files
    /// are read as one: names of their statics must differ. Needs the crate's feature `bindgen`. Default: no.
    #[cfg(feature = "bindgen")]
    pub fn bindings(mut self, bindings: bool) -> Self {
        self.bindings = bindings;
        self
    }

    /// Whether to compile natively too. Default: no.
    pub fn native(mut self, native: bool) -> Self {
        self.native = native;
        self
    }

    /// Major version of the libLLVM that will read the bitcode. Default: 22.
    pub fn llvm(mut self, major: u32) -> Self {
        self.wanted.major = major;
        self
    }

    /// The clang to use, instead of looking for one.
    pub fn clang(mut self, path: impl Into<PathBuf>) -> Self {
        self.wanted.clang = Some(path.into());
        self
    }

    /// The llvm-config beside which clang is looked for first.
    pub fn llvm_config(mut self, path: impl Into<PathBuf>) -> Self {
        self.wanted.llvm_config = Some(path.into());
        self
    }

    /// Directories in which clang and its tools are looked for, instead of PATH and the variables of the environment.
    pub fn search<P: Into<PathBuf>>(mut self, dirs: impl IntoIterator<Item = P>) -> Self {
        self.wanted.search = Some(dirs.into_iter().map(Into::into).collect());
        self
    }

    /// Where files are written. Default: `OUT_DIR`.
    pub fn out_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(dir.into());
        self
    }

    /// Whether to print lines for cargo (what to link, what to watch). Default: yes.
    pub fn cargo_metadata(mut self, cargo: bool) -> Self {
        self.cargo = cargo;
        self
    }

    /// Builds.
    ///
    /// # Errors
    /// Any [`Error`]; a C file that does not compile gives [`Error::Tool`] with clang's own message.
    pub fn compile(self) -> Result<Built, Error> {
        if self.files.is_empty() {
            return Err(Error::NoFiles);
        }
        if self.cargo {
            self.watch_environment();
        }
        let out = self
            .out_dir
            .clone()
            .or_else(|| env::var_os("OUT_DIR").map(Into::into));
        let out = out.ok_or(Error::NoOutDir)?;
        let clang = Clang::find(&self.wanted)?;
        let work = Work {
            build: &self,
            clang: &clang,
            out: &out,
        };
        let native_files = self.native_files.iter().filter(|_| self.native);
        let files: Vec<&PathBuf> = self.files.iter().chain(native_files).collect();
        if self.cargo {
            // Said before anything can fail: a file that does not compile has to be watched too.
            for file in &files {
                println!("cargo::rerun-if-changed={}", file.display());
            }
        }
        let include = out.join("include");
        std::fs::create_dir_all(&include).map_err(|source| Error::File {
            path: include.clone(),
            source,
        })?;
        command::write(&include.join("martlet_bitcode.h"), declared::HEADER)?;
        database::write(&out, &work.commands(&files))?;
        let mut units = work.units(&files)?;
        let layouts = layout::merge(
            &self.layouts,
            units.iter_mut().flat_map(|unit| unit.layouts.drain(..)),
        )?;
        let native_units = units.split_off(self.files.len());
        let bitcode = work.link(&units)?;
        let archive = if self.native {
            Some(work.archive(units.iter().chain(&native_units))?)
        } else {
            None
        };
        let all = units.iter().chain(&native_units);
        let dependencies: BTreeSet<PathBuf> = all
            .flat_map(|unit| unit.dependencies.iter().cloned())
            .collect();
        let dependencies = dependencies.into_iter().collect();
        let names = units.iter().flat_map(|unit| &unit.ir.functions);
        let names: Vec<&str> = names.map(|function| function.name.as_str()).collect();
        let natives = if self.native { &names[..] } else { &[] };
        let bindings = match self.bindings {
            true => work.bindings(&files, natives)?,
            false => String::new(),
        };
        let built = self.gather(
            clang,
            &out,
            bitcode,
            archive,
            units,
            native_units,
            dependencies,
            layouts,
        )?;
        let text = loader::text(&built, self.inkwell.as_deref(), &bindings)?;
        command::write(&built.loader, &text)?;
        command::write(&built.bitcode.with_extension("tsv"), &list(&built.helpers))?;
        if self.cargo {
            for file in &built.dependencies {
                println!("cargo::rerun-if-changed={}", file.display());
            }
        }
        Ok(built)
    }

    /// As [`Build::compile`]; an error is printed and ends the build script.
    pub fn compile_or_exit(self) -> Built {
        self.compile().unwrap_or_else(|error| {
            eprintln!("{error}");
            std::process::exit(1);
        })
    }

    fn watch_environment(&self) {
        println!("cargo::rerun-if-env-changed=PATH");
        // One that is set later counts too. Source: llvm-sys, whose version is LLVM's with its minor version, 0 or 1.
        for minor in [0, 1] {
            let major = self.wanted.major;
            println!("cargo::rerun-if-env-changed=LLVM_SYS_{major}{minor}_PREFIX");
        }
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("LLVM_SYS_") && name.ends_with("_PREFIX") {
                println!("cargo::rerun-if-env-changed={name}");
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "private, called once: the parts of the result"
    )]
    fn gather(
        &self,
        clang: Clang,
        out: &Path,
        bitcode: PathBuf,
        archive: Option<PathBuf>,
        units: Vec<Unit>,
        native_units: Vec<Unit>,
        dependencies: Vec<PathBuf>,
        layouts: Vec<Layout>,
    ) -> Result<Built, Error> {
        let first = &units[0].ir;
        let seal = Seal {
            llvm_major: clang.major,
            clang: clang.version.clone(),
            triple: first.triple.clone(),
            data_layout: first.data_layout.clone(),
            files: units
                .iter()
                .map(|unit| FileSeal::new(&unit.name, &unit.source))
                .collect(),
            bitcode: fnv1a(&read_bytes(&bitcode)?),
            layouts,
        };
        agree(units.iter().chain(&native_units))?;
        let mut defined: HashMap<String, String> = HashMap::new();
        let mut externals: BTreeSet<External> = self.symbols.iter().cloned().collect();
        let mut variables = Vec::new();
        let mut sides = [Vec::new(), Vec::new()];
        for (side, unit) in units
            .into_iter()
            .map(|unit| (0, unit))
            .chain(native_units.into_iter().map(|unit| (1, unit)))
        {
            let names = unit.ir.functions.iter().map(|function| &function.name);
            for name in names.chain(&unit.ir.variables) {
                if let Some(first) = defined.insert(name.clone(), unit.name.clone()) {
                    return Err(Error::Twice {
                        name: name.clone(),
                        first,
                        second: unit.name,
                    });
                }
            }
            // What native-only files need, the linker finds; only bitcode is linked at run time.
            if side == 0 {
                externals.extend(unit.ir.externals);
            }
            variables.extend(unit.ir.variables);
            let helpers = unit.ir.functions.into_iter();
            sides[side]
                .extend(helpers.map(|function| Helper::new(function, &unit.name, &unit.source)));
        }
        let [helpers, native_only] = sides;
        externals.retain(|external| !defined.contains_key(&external.name));
        Ok(Built {
            clang,
            bitcode,
            loader: out.join(format!("{}.rs", self.name)),
            archive,
            helpers,
            native_only,
            variables,
            externals: externals.into_iter().collect(),
            seal,
            dependencies,
        })
    }
}

/// The functions for other tools, a line each, with tabs: name, file, number of instructions, hash, attributes.
fn list(helpers: &[Helper]) -> String {
    let line = |helper: &Helper| {
        format!(
            "{}\t{}\t{}\t{:016x}\t{}\n",
            helper.name,
            helper.file,
            helper.instructions,
            helper.hash,
            helper.attributes.join(" ")
        )
    };
    helpers.iter().map(line).collect()
}

/// One C file on its way.
struct Unit {
    name: String,
    source: String,
    ir: IrFile,
    ir_path: PathBuf,
    object: PathBuf,
    dependencies: Vec<PathBuf>,
    layouts: Vec<Layout>,
}

/// Whether every declaration says of its function or variable what the definition says. The C compiler sees one file at a time, and
/// linkers compare no types.
fn agree<'u>(units: impl Iterator<Item = &'u Unit> + Clone) -> Result<(), Error> {
    let mut defined: HashMap<&str, (&Unit, &Signature)> = HashMap::new();
    let mut variables: HashMap<&str, (&Unit, &str)> = HashMap::new();
    for unit in units.clone() {
        let functions = unit.ir.functions.iter();
        defined.extend(functions.map(|it| (it.name.as_str(), (unit, &it.signature))));
        let types = unit.ir.variable_types.iter();
        variables.extend(types.map(|(name, ty)| (name.as_str(), (unit, ty.as_str()))));
    }
    for unit in units {
        for (name, declared) in &unit.ir.declared_variables {
            if let Some((home, ty)) = variables.get(name.as_str())
                && !irtext::may_be_one(declared, ty)
            {
                return Err(Error::Disagree {
                    name: name.clone(),
                    defined: (*ty).to_owned(),
                    defined_in: home.name.clone(),
                    declared: declared.clone(),
                    declared_in: unit.name.clone(),
                });
            }
        }
        for (name, declared) in &unit.ir.declared {
            if let Some((home, signature)) = defined.get(name.as_str())
                && *signature != declared
            {
                return Err(Error::Disagree {
                    name: name.clone(),
                    defined: signature.in_full(),
                    defined_in: home.name.clone(),
                    declared: declared.in_full(),
                    declared_in: unit.name.clone(),
                });
            }
        }
    }
    Ok(())
}

struct Work<'a> {
    build: &'a Build,
    clang: &'a Clang,
    out: &'a Path,
}

impl Work<'_> {
    /// Compiles all files, as many at a time as there are processors.
    fn units(&self, files: &[&PathBuf]) -> Result<Vec<Unit>, Error> {
        let next = AtomicUsize::new(0);
        let results: Vec<OnceLock<Result<Unit, Error>>> =
            files.iter().map(|_| OnceLock::new()).collect();
        let workers = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(files.len());
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    // Relaxed: only that each number comes once counts.
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = files.get(index) else { break };
                        let _ = results[index].set(self.unit(index, file));
                    }
                });
            }
        });
        let units = results
            .into_iter()
            .map(|result| result.into_inner().expect("every file was taken"));
        units.collect()
    }

    /// Where a file's products go. Two folders may have files of one name, so the file's number is part of the names.
    fn product(&self, index: usize, path: &Path, extension: &str) -> PathBuf {
        let name = file_name(path);
        self.out
            .join(format!("{}.{index}.{name}.{extension}", self.build.name))
    }

    /// The command that compiles one file to textual IR.
    fn command(&self, index: usize, path: &Path) -> Tool {
        let mut tool = Tool::new(&self.clang.path);
        tool.args(&self.build.flags)
            .arg("-isystem")
            .arg(self.out.join("include"))
            .arg("-MD")
            .arg("-MF")
            .arg(self.product(index, path, "d"))
            .arg("-S")
            .arg("-emit-llvm")
            .arg(path)
            .arg("-o")
            .arg(self.product(index, path, "ll"));
        tool
    }

    /// What is asked of clang, for tools that want to read the files as it does.
    fn commands(&self, files: &[&PathBuf]) -> Vec<(PathBuf, Vec<String>)> {
        let files = files.iter().enumerate();
        files
            .map(|(index, file)| ((*file).clone(), self.command(index, file).words()))
            .collect()
    }

    /// Compiles one file to textual IR and, in a native build, that to an object.
    fn unit(&self, index: usize, path: &Path) -> Result<Unit, Error> {
        let source = command::read(path)?;
        let ir_path = self.product(index, path, "ll");
        let object = self.product(index, path, "o");
        let mut tool = self.command(index, path);
        if !self.build.layouts.is_empty() {
            tool.arg("-Xclang").arg("-fdump-record-layouts");
        }
        let records = tool.run().map_err(|error| self.with_versions(error))?;
        let layouts = layout::parse(&records, &self.build.layouts);
        let mut text = command::read(&ir_path)?;
        // A library function that is written here must not be made of calls of itself.
        let own: Vec<String> = irtext::parse(&text)
            .functions
            .into_iter()
            .filter(|function| BUILTINS.contains(&function.name.as_str()))
            .map(|function| format!("-fno-builtin-{}", function.name))
            .collect();
        if !own.is_empty() {
            let mut tool = self.command(index, path);
            tool.args(&own)
                .run()
                .map_err(|error| self.with_versions(error))?;
            text = command::read(&ir_path)?;
        }
        if let Some(changed) = declared::apply(&text, self.clang, &self.build.wanted, &ir_path)? {
            command::write(&ir_path, &changed)?;
            text = changed;
        }
        if self.build.native {
            let mut tool = Tool::new(&self.clang.path);
            tool.args(&NATIVE_FLAGS.map(str::to_owned))
                .arg(&ir_path)
                .arg("-o")
                .arg(&object)
                .run()
                .map_err(|error| self.with_versions(error))?;
        }
        let mut dependencies = depfile::parse(&command::read(&self.product(index, path, "d"))?);
        dependencies.retain(|file| !file.starts_with(self.out.join("include")));
        dependencies.push(path.to_owned());
        let text = irtext::without_target(&text);
        let ir = irtext::parse(&text);
        let ir_path = self.product(index, path, "any.ll");
        command::write(&ir_path, &text)?;
        Ok(Unit {
            name: file_name(path),
            source,
            ir,
            ir_path,
            object,
            dependencies,
            layouts,
        })
    }

    /// An error of clang's, with the versions that were at work.
    fn with_versions(&self, error: Error) -> Error {
        match error {
            Error::Tool {
                command,
                status,
                message,
                ..
            } => Error::Tool {
                command,
                status,
                message,
                versions: format!(
                    "clang {}, for libLLVM {}",
                    self.clang.version, self.build.wanted.major
                ),
            },
            other => other,
        }
    }

    #[cfg(feature = "bindgen")]
    fn bindings(&self, files: &[&PathBuf], native: &[&str]) -> Result<String, Error> {
        let include = self.out.join("include");
        crate::bindings::text(self.clang, &self.build.flags, &include, files, native)
    }

    #[cfg(not(feature = "bindgen"))]
    fn bindings(&self, _: &[&PathBuf], _: &[&str]) -> Result<String, Error> {
        unreachable!("without the feature there is no `Build::bindings`")
    }

    /// Links the IR of all files into one bitcode file.
    fn link(&self, units: &[Unit]) -> Result<PathBuf, Error> {
        let bitcode = self.out.join(format!("{}.bc", self.build.name));
        let mut tool = Tool::new(self.clang.tool("llvm-link", &self.build.wanted)?);
        for unit in units {
            tool.arg(&unit.ir_path);
        }
        tool.arg("-o").arg(&bitcode).run()?;
        Ok(bitcode)
    }

    /// Puts the objects into a static library.
    fn archive<'u>(&self, units: impl Iterator<Item = &'u Unit>) -> Result<PathBuf, Error> {
        let mut cc = cc::Build::new();
        cc.cargo_metadata(self.build.cargo)
            .cargo_warnings(false)
            .out_dir(self.out);
        if env::var_os("TARGET").is_none() {
            // Outside of a build script nothing says so: we build for the machine we are on.
            let triple = "x86_64-unknown-linux-gnu";
            cc.target(triple).host(triple).opt_level(2);
        }
        for unit in units {
            cc.object(&unit.object);
        }
        let compiled = cc.try_compile(&self.build.name);
        compiled.map_err(|error| Error::Archive(error.to_string()))?;
        Ok(self.out.join(format!("lib{}.a", self.build.name)))
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}
