//! From a module to a relocatable object.

use crate::error::Error;
use crate::raw::Machine;
use crate::tier::{OptLevel, Tier};
use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::targets::{
    CodeModel, FileType, InitializationConfig, RelocMode, Target as InkTarget, TargetMachine,
    TargetTriple,
};
use martlet_ir::{Module, PassReport};
use std::sync::Once;
use std::time::{Duration, Instant};

/// What code is generated for: plain data that any thread may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    triple: String,
    cpu: String,
    features: String,
}

/// Generates code for one target, on one thread at a time. It keeps LLVM's target machines, one a
/// level, and what they remember of processors: making those takes a millisecond.
#[derive(Debug)]
pub struct Emitter {
    target: Target,
    layout: String,
    /// By [`OptLevel`], made when first asked for; that of `Default` is always there.
    machines: [Option<Machine>; 2],
}

/// What [`Emitter::compile`] made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compiled {
    /// The object, relocatable: ELF on Linux.
    pub object: Vec<u8>,
    /// What the pipeline did to functions that are owned.
    pub report: PassReport,
    /// Time in the pipeline.
    pub optimise: Duration,
    /// Time in code generation.
    pub emit: Duration,
}

impl Target {
    /// This machine's processor with all its features.
    pub fn host() -> Self {
        initialize();
        Target {
            triple: text(TargetMachine::get_default_triple().as_str().to_bytes()),
            cpu: text(TargetMachine::get_host_cpu_name().to_bytes()),
            features: text(TargetMachine::get_host_cpu_features().to_bytes()),
        }
    }

    /// A processor by LLVM's names, as in `llc -mtriple -mcpu -mattr`.
    pub fn named(triple: &str, cpu: &str, features: &str) -> Self {
        Target {
            triple: triple.into(),
            cpu: cpu.into(),
            features: features.into(),
        }
    }

    /// The target triple.
    pub fn triple(&self) -> &str {
        &self.triple
    }

    /// The processor.
    pub fn cpu(&self) -> &str {
        &self.cpu
    }

    fn machine(&self, level: OptLevel) -> Result<TargetMachine, Error> {
        initialize();
        let wrong = |message: String| Error::Target {
            triple: self.triple.clone(),
            message,
        };
        let triple = TargetTriple::create(&self.triple);
        let target = InkTarget::from_triple(&triple).map_err(|error| wrong(error.to_string()))?;
        let level = match level {
            OptLevel::None => OptimizationLevel::None,
            OptLevel::Default => OptimizationLevel::Default,
        };
        target
            .create_target_machine(
                &triple,
                &self.cpu,
                &self.features,
                level,
                RelocMode::PIC,
                CodeModel::Small,
            )
            .ok_or_else(|| wrong("no target machine".into()))
    }
}

impl Emitter {
    /// An emitter for a target.
    ///
    /// # Errors
    /// [`Error::Target`] if this LLVM has none such.
    pub fn new(target: Target) -> Result<Self, Error> {
        let machine = target.machine(OptLevel::Default)?;
        let layout = text(
            machine
                .get_target_data()
                .get_data_layout()
                .as_str()
                .to_bytes(),
        );
        Ok(Emitter {
            target,
            layout,
            machines: [None, Some(machine.into())],
        })
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The target machine of a level, for those who run passes themselves.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub fn machine(&mut self, level: OptLevel) -> Result<&TargetMachine, Error> {
        let place = &mut self.machines[level as usize];
        match place {
            Some(machine) => Ok(machine),
            None => Ok(place.insert(self.target.machine(level)?.into())),
        }
    }

    /// Gives a module this target's triple and data layout, if it has none yet.
    ///
    /// # Errors
    /// [`Error::Layout`] if it is of another target.
    pub fn prepare(&self, module: &mut Module) -> Result<(), Error> {
        module.edit(|e| {
            let layout = text(e.module().get_data_layout().as_str().to_bytes());
            if layout.is_empty() {
                let triple = TargetTriple::create(&self.target.triple);
                e.module().set_triple(&triple);
                let machine = self.machines.iter().flatten().next();
                if let Some(machine) = machine {
                    e.module()
                        .set_data_layout(&machine.get_target_data().get_data_layout());
                }
                Ok(())
            } else if layout == self.layout {
                Ok(())
            } else {
                Err(Error::Layout {
                    module: layout,
                    emitter: self.layout.clone(),
                })
            }
        })
    }

    /// Runs a tier's pipeline.
    ///
    /// # Errors
    /// [`Error::Layout`], or [`Error::Ir`] if a pass failed.
    pub fn optimise(&mut self, module: &mut Module, tier: Tier) -> Result<PassReport, Error> {
        self.prepare(module)?;
        let machine = self.machine(tier.level())?;
        Ok(module.run_passes(tier.pipeline(), machine)?)
    }

    /// Generates a relocatable object. The module's IR is spent: code generation rewrites it.
    ///
    /// # Errors
    /// [`Error::Layout`], [`Error::Emit`], or [`Error::Ir`] if LLVM reported an error.
    pub fn emit(&mut self, module: &mut Module, level: OptLevel) -> Result<Vec<u8>, Error> {
        self.generate(module, level, FileType::Object)
    }

    /// Generates assembly, to be read. The module is not touched: a copy is spent.
    ///
    /// # Errors
    /// As [`Emitter::emit`].
    pub fn assembly(&mut self, module: &Module, level: OptLevel) -> Result<String, Error> {
        let context = martlet_ir::Context::new();
        let mut copy = Module::from_bitcode("assembly", &module.to_bitcode(), context)?;
        Ok(text(&self.generate(
            &mut copy,
            level,
            FileType::Assembly,
        )?))
    }

    /// Optimises and emits, and says how long each took.
    ///
    /// # Errors
    /// As [`Emitter::optimise`] and [`Emitter::emit`].
    pub fn compile(&mut self, module: &mut Module, tier: Tier) -> Result<Compiled, Error> {
        let start = Instant::now();
        let report = self.optimise(module, tier)?;
        let optimise = start.elapsed();
        let object = self.emit(module, tier.level())?;
        let emit = start.elapsed() - optimise;
        Ok(Compiled {
            object,
            report,
            optimise,
            emit,
        })
    }

    fn generate(
        &mut self,
        module: &mut Module,
        level: OptLevel,
        kind: FileType,
    ) -> Result<Vec<u8>, Error> {
        self.prepare(module)?;
        let machine = self.machine(level)?;
        let name = module.name();
        let written = module.edit_as("emit", &name, |e| {
            let buffer = machine.write_to_memory_buffer(e.module(), kind);
            buffer
                .map(|buffer| buffer.as_slice().to_vec())
                .map_err(|error| error.to_string())
        });
        module.check()?;
        written.map_err(Error::Emit)
    }
}

/// Registers this processor's family with LLVM. Where that fails, [`InkTarget::from_triple`] says so.
fn initialize() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let config = InitializationConfig {
            disassembler: false,
            ..Default::default()
        };
        let _ = InkTarget::initialize_native(&config);
    });
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
