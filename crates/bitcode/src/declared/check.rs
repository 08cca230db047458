//! Whether a body is as C declares it. What cannot be seen to be right is refused.

use super::file::{Body, File, has_word, pointers};
use super::memory::{Memory, READ, WRITE};
use super::refused;
use crate::clang::{Clang, Wanted};
use crate::command::Tool;
use crate::error::Error;
use std::collections::HashSet;
use std::path::Path;

impl File<'_> {
    /// Compares the body with each attribute.
    pub(super) fn check(&self, function: &str, attributes: &[&str]) -> Result<(), Error> {
        let Some(body) = self.bodies.get(function) else {
            return Ok(());
        };
        for attribute in attributes {
            let reason = match *attribute {
                "willreturn" => self.may_not_return(function, body),
                "nosync" => self.synchronises(body),
                text if text.starts_with("memory(") => {
                    self.touches(body, &Memory::parse(text), function)
                }
                _ => None,
            };
            if let Some(reason) = reason {
                return Err(refused(function, attribute, reason));
            }
        }
        Ok(())
    }

    fn may_not_return(&self, function: &str, body: &Body<'_>) -> Option<String> {
        if self.reaches_itself(function) {
            return Some("it calls itself, and nothing bounds how often".to_owned());
        }
        body.calls().find_map(|(line, callee)| {
            let silent = callee.as_deref().is_some_and(says_nothing);
            let fine = silent || has_word(&self.attributes_of_call(line, callee), "willreturn");
            (!fine).then(|| format!("`{}` may not return", line.trim()))
        })
    }

    fn reaches_itself(&self, function: &str) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![function.to_owned()];
        while let Some(name) = open.pop() {
            let calls = self.bodies.get(&name).into_iter().flat_map(Body::calls);
            for callee in calls.filter_map(|(_, callee)| callee) {
                if callee == function {
                    return true;
                }
                if seen.insert(callee.clone()) {
                    open.push(callee);
                }
            }
        }
        false
    }

    fn synchronises(&self, body: &Body<'_>) -> Option<String> {
        const WORDS: [&str; 6] = [
            "atomic",
            "atomicrmw",
            "cmpxchg",
            "fence",
            "volatile",
            "sideeffect",
        ];
        let mut lines = body.lines.iter().map(|line| line.trim());
        let line = lines.find(|line| WORDS.iter().any(|word| has_word(line, word)));
        let call = || {
            body.calls()
                .map(|(line, callee)| (line.trim(), callee))
                .find(|(line, callee)| {
                    let callee = callee.clone();
                    if callee
                        .as_deref()
                        .is_some_and(|name| name.starts_with("llvm.mem"))
                    {
                        return line.contains("i1 true)");
                    }
                    !callee.as_deref().is_some_and(says_nothing)
                        && !has_word(&self.attributes_of_call(line, callee), "nosync")
                })
        };
        line.map(|line| format!("`{line}` synchronises"))
            .or_else(|| call().map(|(line, _)| format!("`{line}` may synchronise")))
    }

    /// What of the body touches memory that `allowed` does not allow.
    fn touches(&self, body: &Body<'_>, allowed: &Memory, function: &str) -> Option<String> {
        let denied = |line: &str, pointer: &str, effect: u8| {
            let place = self.place(body, pointer, &mut HashSet::new());
            let may = match place {
                PointsAt::OwnStack => READ | WRITE,
                PointsAt::Constant => READ,
                PointsAt::Argument => allowed.of("argmem"),
                PointsAt::Elsewhere => allowed.of("other"),
            };
            let what = if effect & WRITE & !may != 0 {
                "writes"
            } else {
                "reads"
            };
            (effect & !may != 0).then(|| format!("`{}` {what}", line.trim()))
        };
        for line in &body.lines {
            let code = line.trim_start();
            let code = code.split_once(" = ").map_or(code, |(_, rest)| rest);
            let pointers = pointers(code);
            let first = pointers.first().copied().unwrap_or_default();
            let last = pointers.last().copied().unwrap_or_default();
            let found = match code.split(' ').next().unwrap_or_default() {
                _ if has_word(code, "volatile") => Some(format!("`{}` is volatile", line.trim())),
                "store" => denied(line, last, WRITE),
                "load" => denied(line, last, READ),
                "atomicrmw" | "cmpxchg" => denied(line, first, READ | WRITE),
                "fence" => Some(format!("`{}` orders memory", line.trim())),
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        for (line, callee) in body.calls() {
            if callee
                .as_deref()
                .is_some_and(|name| says_nothing(name) || name == function)
            {
                continue;
            }
            let writes_first = callee
                .as_deref()
                .is_some_and(|name| name.starts_with("llvm.mem"));
            let memory = self.attributes_of_call(line, callee);
            let memory = memory
                .find("memory(")
                .map_or_else(Memory::any, |at| Memory::parse(&memory[at..]));
            let beyond = memory.beyond_arguments(allowed);
            if beyond != 0 {
                let what = if beyond & WRITE != 0 { "write" } else { "read" };
                return Some(format!("`{}` may {what}", line.trim()));
            }
            if writes_first && line.contains("i1 true)") {
                return Some(format!("`{}` is volatile", line.trim()));
            }
            let code = line.split_once('(').map_or("", |(_, rest)| rest);
            for (index, pointer) in pointers(code).iter().enumerate() {
                let effect = match (writes_first, index) {
                    (true, 0) => WRITE,
                    (true, _) => READ,
                    (false, _) => memory.of("argmem"),
                };
                if let Some(reason) = denied(line, pointer, effect) {
                    return Some(reason);
                }
            }
        }
        None
    }

    /// What a pointer points at, as far as the body says.
    fn place<'b>(
        &self,
        body: &Body<'b>,
        pointer: &'b str,
        seen: &mut HashSet<&'b str>,
    ) -> PointsAt {
        if let Some(global) = pointer.strip_prefix('@') {
            let constant = self.constants.contains(global.trim_matches('"'));
            return if constant {
                PointsAt::Constant
            } else {
                PointsAt::Elsewhere
            };
        }
        let Some(line) = body.values.get(pointer) else {
            return if pointer.starts_with('%') {
                PointsAt::Argument
            } else {
                PointsAt::Elsewhere
            };
        };
        let (_, code) = line.split_once(" = ").unwrap_or_default();
        let from: Vec<&str> = match code.split(' ').next().unwrap_or_default() {
            "alloca" => return PointsAt::OwnStack,
            "getelementptr" => pointers(code).into_iter().take(1).collect(),
            "select" => pointers(code),
            "phi" => {
                let incoming = code.split('[').skip(1);
                incoming
                    .filter_map(|it| it.trim_start().split(',').next())
                    .collect()
            }
            _ => return PointsAt::Elsewhere,
        };
        if !seen.insert(pointer) {
            return PointsAt::OwnStack; // round a loop: says nothing new, and this is the least
        }
        let places = from.into_iter().map(|it| self.place(body, it, seen));
        places.max().unwrap_or(PointsAt::Elsewhere)
    }

    /// Attributes of a call: its own and its callee's.
    fn attributes_of_call(&self, line: &str, callee: Option<String>) -> String {
        let mut words = self
            .numbered
            .attributes_of(line.split(", !").next().unwrap_or_default());
        if let Some(known) = callee.and_then(|callee| self.attributes.get(&callee)) {
            words.push_str(known);
        }
        words
    }

    /// Whether control may go to a block that stands before.
    pub(super) fn has_back_edge(&self, function: &str) -> bool {
        let mut seen = HashSet::new();
        let Some(body) = self.bodies.get(function) else {
            return false;
        };
        for line in &body.lines {
            if let Some((label, _)) = line.split_once(':').filter(|_| !line.starts_with(' ')) {
                seen.insert(label);
            }
            for target in line.split("label %").skip(1) {
                let target = target.split([',', ' ', ']']).next().unwrap_or_default();
                if seen.contains(target) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether LLVM knows an upper bound of every loop. `ir` is the file with this text.
    pub(super) fn check_loops(
        &self,
        function: &str,
        clang: &Clang,
        wanted: &Wanted,
        ir: &Path,
    ) -> Result<(), Error> {
        let mut opt = Tool::new(clang.tool("opt", wanted)?);
        opt.arg("-disable-output")
            .arg("-passes=function(print<scalar-evolution>,print<cycles>)");
        let report = opt.arg(ir).run_for_messages()?;
        let heading = format!("Determining loop execution counts for: @{function}");
        let lines = report.lines().skip_while(|line| *line != heading).skip(1);
        let lines: Vec<&str> = lines
            .take_while(|line| !line.starts_with("Printing analysis "))
            .collect();
        // A cycle with several entries is no loop, so nothing is said of how often it runs.
        let is_no_loop = lines.iter().any(|line| {
            let entries = line.split_once(": entries(").unwrap_or_default().1;
            entries.split(')').next().unwrap_or_default().contains(' ')
        });
        let loops = lines.iter().filter_map(|line| {
            let (name, what) = line.strip_prefix("Loop ")?.split_once(": ")?;
            Some((name, what))
        });
        // A predicated count holds only if nothing wraps: it begins otherwise.
        let bounded: HashSet<&str> = loops
            .clone()
            .filter(|(_, what)| {
                what.starts_with("constant max backedge-taken count is ")
                    || what.starts_with("backedge-taken count is ")
            })
            .map(|(name, _)| name)
            .collect();
        let mut names = loops.map(|(name, _)| name);
        if !is_no_loop && !bounded.is_empty() && names.all(|name| bounded.contains(name)) {
            return Ok(());
        }
        let reason = "it has a loop of which LLVM sees no end".to_owned();
        Err(refused(function, "willreturn", reason))
    }
}

/// What a pointer points at; of two the greater is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PointsAt {
    OwnStack,
    Constant,
    Argument,
    Elsewhere,
}

/// Intrinsics that stand for no code.
fn says_nothing(name: &str) -> bool {
    [
        "llvm.assume",
        "llvm.lifetime.",
        "llvm.dbg.",
        "llvm.experimental.noalias.scope",
        "llvm.ptr.annotation",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}
