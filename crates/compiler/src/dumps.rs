//! The texts of the stages, for those who asked for them.

use martlet_frontend::bytecode::Code;
use martlet_snapshot::{Dump, Request, Stage};

/// Texts of one compilation, as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Dumps {
    wanted: Vec<Stage>,
    done: Vec<Dump>,
}

impl Dumps {
    pub(crate) fn new(wanted: &[Stage]) -> Self {
        Self {
            wanted: wanted.to_vec(),
            done: Vec::new(),
        }
    }

    /// Keeps a stage's text, if it is wanted.
    pub(crate) fn add(&mut self, stage: Stage, text: impl FnOnce() -> String) {
        if self.wanted.contains(&stage) {
            let text = text();
            self.done.push(Dump { stage, text });
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Dump> {
        self.done
    }
}

/// All codes of a request, decoded.
pub(crate) fn bytecode(request: &Request) -> String {
    let texts = request.codes.iter().map(|code| match Code::decode(code) {
        Ok(decoded) => decoded.dump(code),
        Err(error) => format!("code {}: {error}\n", code.qualname),
    });
    texts.collect::<Vec<_>>().join("\n")
}
