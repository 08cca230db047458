//! Where the texts of `MARTLET_DUMP` go.

use std::io::Write;

use martlet_snapshot::{Dump, Stage};

use crate::options::{Options, stage_name};

/// Writes one text: into a file of `MARTLET_DUMP_DIR`, or to stderr under a heading. What cannot be written is dropped.
pub(crate) fn write(options: &Options, name: &str, version: &str, dump: &Dump) {
    let stage = stage_name(dump.stage);
    if let Some(folder) = &options.dump_dir {
        let file = folder.join(format!(
            "{}.{version}.{}",
            file_name(name),
            suffix(dump.stage)
        ));
        if let Err(error) = std::fs::write(&file, &dump.text) {
            eprintln!("martlet: {}: {error}", file.display());
        }
        return;
    }
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "=== {name} {version} {stage}\n{}", dump.text);
}

fn file_name(name: &str) -> String {
    name.chars()
        .map(|it| {
            if it.is_alphanumeric() || it == '.' || it == '_' {
                it
            } else {
                '-'
            }
        })
        .collect()
}

fn suffix(stage: Stage) -> &'static str {
    match stage {
        Stage::Bytecode => "bytecode.txt",
        Stage::Hir => "hir.txt",
        Stage::Ir => "ll",
        Stage::IrOpt => "opt.ll",
        Stage::Asm => "s",
        Stage::Lines => "lines.json",
    }
}
