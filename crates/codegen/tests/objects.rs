//! Objects: what is in them, and that helpers of another CPU's making inline.

use martlet_codegen::{Emitter, Error, OptLevel, Target, Tier};
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::{BitcodeLibrary, Context, Module};
use object::{Object, ObjectSection, ObjectSymbol, RelocationFlags};

fn bitcode(text: &str) -> Vec<u8> {
    let context = InkContext::create();
    let text = format!("{text}\0");
    let buffer = MemoryBuffer::create_from_memory_range_copy(text.as_bytes(), "text");
    let module = context
        .create_module_from_ir(buffer)
        .expect("the test's text parses");
    module.write_bitcode_to_memory().as_slice().to_vec()
}

fn module(text: &str) -> Module {
    Module::from_bitcode("test", &bitcode(text), Context::new()).unwrap()
}

const CALLER: &str = "
    @martlet.slots = external global [4 x ptr]
    declare i64 @helper(i64)
    declare void @outside(ptr)
    define i64 @body(i64 %n) {
      %slot = load ptr, ptr getelementptr ([4 x ptr], ptr @martlet.slots, i64 0, i64 2)
      call void @outside(ptr %slot)
      %r = call i64 @helper(i64 %n)
      ret i64 %r
    }";

fn helpers() -> BitcodeLibrary {
    let text = "
        define dso_local i64 @helper(i64 %n) #0 {
          %a = call i64 @twice(i64 %n)
          %r = add i64 %a, 1
          ret i64 %r
        }
        define internal i64 @twice(i64 %n) #0 { %r = shl i64 %n, 1 ret i64 %r }
        attributes #0 = { \"target-cpu\"=\"znver4\" \"target-features\"=\"+avx512f\" }";
    BitcodeLibrary::open("helpers", bitcode(text)).unwrap()
}

#[test]
fn every_tier_gives_an_object_with_helpers_inlined() {
    let mut emitter = Emitter::new(Target::host()).unwrap();
    let library = helpers();
    for tier in [Tier::None, Tier::Quick, Tier::Best] {
        let mut module = module(CALLER);
        assert_eq!(library.import(&mut module).unwrap().functions, ["helper"]);
        let compiled = emitter.compile(&mut module, tier).unwrap();
        let file = object::File::parse(&*compiled.object).unwrap();
        let names: Vec<_> = file.symbols().filter_map(|s| s.name().ok()).collect();
        assert!(
            names.contains(&"body") && names.contains(&"outside"),
            "{tier:?}: {names:?}"
        );
        assert!(
            !names.contains(&"helper") && !names.contains(&"helpers.twice"),
            "{names:?}"
        );
        assert!(compiled.emit.as_nanos() > 0);
    }
}

#[test]
fn only_small_position_independent_relocations() {
    let mut emitter = Emitter::new(Target::host()).unwrap();
    for level in [OptLevel::None, OptLevel::Default] {
        let object = emitter.emit(&mut module(CALLER), level).unwrap();
        let file = object::File::parse(&*object).unwrap();
        let text = file.section_by_name(".text").unwrap();
        let mut count = 0;
        for (_, relocation) in text.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                panic!("not ELF")
            };
            // PC32, PLT32, GOTPCREL, GOTPCRELX, REX_GOTPCRELX
            assert!(
                [2, 4, 9, 41, 42].contains(&r_type.0),
                "{level:?}: {}",
                r_type.0
            );
            count += 1;
        }
        assert!(count >= 3);
    }
}

#[test]
fn assembly_leaves_the_module_alone() {
    let mut emitter = Emitter::new(Target::host()).unwrap();
    let mut module = module(CALLER);
    emitter.prepare(&mut module).unwrap();
    let before = module.to_string();
    let text = emitter.assembly(&module, OptLevel::Default).unwrap();
    assert!(text.contains("body:") && text.contains("helper"), "{text}");
    assert_eq!(module.to_string(), before);
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let nowhere = Emitter::new(Target::named("pdp11-unknown-none", "", ""));
    assert!(matches!(nowhere, Err(Error::Target { .. })), "{nowhere:?}");

    let mut emitter = Emitter::new(Target::host()).unwrap();
    let mut other = module("target datalayout = \"E-p:32:32\"");
    let refused = emitter.optimise(&mut other, Tier::Quick);
    assert!(matches!(refused, Err(Error::Layout { .. })), "{refused:?}");

    // Errors of the code generator are returned, and do not end the process.
    let mut wrong =
        module("define void @f() { call void asm \"no such instruction\", \"\"() ret void }");
    let refused = emitter.emit(&mut wrong, OptLevel::Default);
    assert!(
        matches!(
            refused,
            Err(Error::Ir(martlet_ir::Error::Diagnostic { .. }))
        ),
        "{refused:?}"
    );
    emitter
        .emit(&mut module(CALLER), OptLevel::Default)
        .unwrap();
}
