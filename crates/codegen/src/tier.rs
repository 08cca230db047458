//! Tiers: how much time a translation is worth.

/// The effort of one compile: a pass pipeline and a level of code generation. Pipelines are text,
/// run by [`martlet_ir::Module::run_passes`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Tier {
    /// Inlining alone, then the fastest code generation: for tests and debugging.
    None,
    /// The cheapest passes that pay, and the fastest code generation: a sixth of the time of [`Tier::Best`].
    Quick,
    /// What pays for what runs for long. `default<O3>` takes half as long again for the same speed.
    Best,
}

/// How hard code generation tries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum OptLevel {
    /// No optimising: FastISel and the fast register allocator. About a tenth of the time.
    None,
    /// As clang's `-O2`.
    Default,
}

/// What borrowed bodies are for is over once they are inlined: code generation need not see them.
macro_rules! drop_borrowed {
    () => {
        ",elim-avail-extern,globaldce"
    };
}

impl Tier {
    /// The pass pipeline, in the words of `opt -passes=`.
    pub fn pipeline(self) -> &'static str {
        match self {
            Tier::None => concat!("cgscc(inline)", drop_borrowed!()),
            Tier::Quick => concat!(
                "cgscc(inline),",
                "function(lower-expect,sroa,early-cse<memssa>,simplifycfg)",
                drop_borrowed!()
            ),
            Tier::Best => concat!(
                "cgscc(inline),",
                "function(lower-expect,sroa,early-cse<memssa>,simplifycfg,",
                "instcombine<no-verify-fixpoint>,gvn,loop-mssa(licm),",
                "instcombine<no-verify-fixpoint>,simplifycfg)",
                drop_borrowed!()
            ),
        }
    }

    /// The level of code generation.
    pub fn level(self) -> OptLevel {
        match self {
            Tier::None | Tier::Quick => OptLevel::None,
            Tier::Best => OptLevel::Default,
        }
    }
}
