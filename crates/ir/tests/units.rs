//! Units: one function in a module of its own, and what was inlined into it.

mod common;

use common::{definitions, machine, module};
use martlet_ir::{BitcodeLibrary, Bring, Context, Error, Module, Unit};

const TEXT: &str = "
    @table = private constant [2 x i64] [i64 10, i64 20]
    @shared = global i64 0
    @hidden = internal global i64 0
    define i64 @f(i64 %n) {
      %a = call i64 @small(i64 %n)
      %b = call i64 @outer(i64 %a)
      %c = call i64 @kept(i64 %b)
      %p = getelementptr i64, ptr @table, i64 %n
      %d = load i64, ptr %p
      store i64 %d, ptr @shared
      %e = call i64 @static(i64 %c)
      ret i64 %e
    }
    define i64 @small(i64 %n) { %r = add i64 %n, 1 ret i64 %r }
    define i64 @outer(i64 %n) { %r = call i64 @inner(i64 %n) ret i64 %r }
    define i64 @inner(i64 %n) { %r = mul i64 %n, 3 ret i64 %r }
    define i64 @kept(i64 %n) noinline { ret i64 %n }
    define i64 @unused(i64 %n) { ret i64 %n }
    define internal i64 @static(i64 %n) { %r = xor i64 %n, 5 ret i64 %r }
    define i64 @uses_hidden() { %r = load i64, ptr @hidden ret i64 %r }
    declare i64 @declared()";

#[test]
fn provenance_is_recorded() {
    let mut module = module(TEXT);
    let f = module.own("f").unwrap();
    let names = ["small", "outer", "inner", "kept", "unused"];
    let functions = names.map(|name| module.own(name).unwrap());
    let bring: Vec<Bring<'_>> = functions
        .iter()
        .zip(101..)
        .map(|(function, tag)| Bring { function, tag })
        .collect();
    let Unit {
        module: mut unit,
        function: _held,
    } = module.extract(&f, &bring).unwrap();
    unit.verify().unwrap();
    assert!(unit.provenance().is_empty());
    unit.run_passes("default<O2>", &machine()).unwrap();
    // `inner` came through `outer`; `kept` may not be inlined, and nobody calls `unused`.
    assert_eq!(unit.provenance(), [101, 102, 103]);
    assert_eq!(definitions(&unit), ["f"]);
}

#[test]
fn what_is_inlined_elsewhere_is_not_provenance() {
    let mut module = module(TEXT);
    // `outer` is brought along, inlines `inner`, and is itself inlined nowhere.
    let static_one = module.own("kept").unwrap();
    let (outer, inner) = (module.own("outer").unwrap(), module.own("inner").unwrap());
    let bring = [
        Bring {
            function: &outer,
            tag: 1,
        },
        Bring {
            function: &inner,
            tag: 2,
        },
    ];
    let Unit {
        module: mut unit,
        function: _held,
    } = module.extract(&static_one, &bring).unwrap();
    unit.run_passes("cgscc(inline)", &machine()).unwrap();
    assert!(unit.provenance().is_empty());
}

#[test]
fn one_function_comes_once() {
    let mut module = module(TEXT);
    let [f, outer, inner] = ["f", "outer", "inner"].map(|name| module.own(name).unwrap());
    let bring = [(&f, 1), (&outer, 2), (&inner, 3), (&outer, 4), (&inner, 5)]
        .map(|(function, tag)| Bring { function, tag });
    let Unit {
        module: mut unit,
        function: _held,
    } = module.extract(&f, &bring).unwrap();
    unit.verify().unwrap();
    assert_eq!(definitions(&unit), ["f", "outer", "inner", "static"]);
    unit.run_passes("cgscc(inline)", &machine()).unwrap();
    assert_eq!(unit.provenance(), [2, 3]);
}

#[test]
fn a_unit_declares_what_it_calls() {
    let mut module = module(TEXT);
    let f = module.own("f").unwrap();
    let before = module.to_string();
    let unit = module.extract(&f, &[]).unwrap();
    assert_eq!(module.to_string(), before);
    assert_eq!(definitions(&unit.module), ["f", "static"]);
    let text = unit.module.to_string();
    assert!(text.contains("@shared = external global i64"), "{text}");
    assert!(
        text.contains("@table = private constant [2 x i64] [i64 10, i64 20]"),
        "{text}"
    );
    assert!(text.contains("declare i64 @small(i64)"), "{text}");
    assert_eq!(unit.function.get(&unit.module).unwrap().count_params(), 1);
    assert_ne!(unit.function.id(), f.id());
    // Another thread may have it.
    let machine_text = std::thread::spawn(move || {
        let mut unit = unit;
        unit.module.run_passes("default<O2>", &machine()).unwrap();
        unit.module.to_string()
    });
    assert!(machine_text.join().unwrap().contains("define i64 @f"));
}

#[test]
fn a_unit_travels_as_bitcode() {
    let mut module = module(TEXT);
    let (f, small) = (module.own("f").unwrap(), module.own("small").unwrap());
    let bring = [Bring {
        function: &small,
        tag: 5,
    }];
    let bitcode = module.extract_bitcode(&f, &bring).unwrap();
    let whole = module.extract(&f, &bring).unwrap().module.to_string();
    // Opened on other threads, one after the other in one context.
    let opened = std::thread::spawn(move || {
        let mut context = Context::new();
        let mut texts = Vec::new();
        for _ in 0..2 {
            let mut unit = bitcode.open(context).unwrap();
            texts.push(unit.module.to_string());
            unit.module.run_passes("cgscc(inline)", &machine()).unwrap();
            assert_eq!(unit.module.provenance(), [5]);
            context = unit.module.into_context();
        }
        texts
    });
    assert_eq!(opened.join().unwrap(), [whole.clone(), whole]);

    // What waits as bitcode is its unit already, as long as its name is the same.
    let plain = module.extract_bitcode(&f, &[]).unwrap();
    module.pin(&f).unwrap();
    assert_eq!(module.extract_bitcode(&f, &[]).unwrap(), plain);
    module.edit(|e| f.get_in(e).unwrap().as_global_value().set_name("renamed"));
    let renamed = module.extract(&f, &[]).unwrap();
    assert_eq!(definitions(&renamed.module), ["renamed", "static"]);
}

#[test]
fn what_cannot_be_in_two_modules_is_refused() {
    let mut module = module(TEXT);
    let f = module.own("uses_hidden").unwrap();
    let refused = module.extract(&f, &[]).map(|_| ());
    let Err(Error::Extract { function, message }) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(function, "uses_hidden");
    assert!(message.contains("hidden"), "{message}");
    let declared = module.own("declared").unwrap();
    assert_eq!(
        module.extract(&declared, &[]).map(|_| ()),
        Err(Error::NotDefined("declared".into()))
    );
    module.verify().unwrap();
}

#[test]
fn debug_locations_survive() {
    let mut module = module(
        "define i64 @f(i64 %n) !dbg !4 { %r = add i64 %n, 1, !dbg !7 ret i64 %r, !dbg !7 }
         !llvm.dbg.cu = !{!0}
         !llvm.module.flags = !{!2}
         !0 = distinct !DICompileUnit(language: DW_LANG_C, file: !1, emissionKind: LineTablesOnly)
         !1 = !DIFile(filename: \"x.py\", directory: \"/\")
         !2 = !{i32 2, !\"Debug Info Version\", i32 3}
         !3 = !DISubroutineType(types: !5)
         !4 = distinct !DISubprogram(name: \"f\", file: !1, line: 3, type: !3, unit: !0, spFlags: DISPFlagDefinition)
         !5 = !{}
         !7 = !DILocation(line: 77, column: 1, scope: !4)",
    );
    let f = module.own("f").unwrap();
    // As it stands, pinned, and put back.
    for _ in 0..2 {
        let unit = module.extract(&f, &[]).unwrap().module;
        unit.verify().unwrap();
        assert!(unit.to_string().contains("!DILocation(line: 77"), "{unit}");
        module.pin(&f).unwrap();
        let unit = module.extract_into(&f, &[], Context::new()).unwrap().module;
        assert!(unit.to_string().contains("!DILocation(line: 77"), "{unit}");
        module.unpin(&f).unwrap();
        module.verify().unwrap();
        assert!(
            module.to_string().contains("!DILocation(line: 77"),
            "{module}"
        );
    }
}

/// Writes another version of LLVM into the identification block of bitcode. Its letters take six
/// bits each, and begin at any bit.
fn of_version_99(bitcode: &[u8]) -> Vec<u8> {
    let code = |c: u8| match c {
        b'a'..=b'z' => c - b'a',
        b'A'..=b'Z' => c - b'A' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        _ => 62,
    };
    let bit = |bytes: &[u8], at: usize| (bytes[at / 8] >> (at % 8)) & 1;
    let letter = |bytes: &[u8], at: usize| (0..6).fold(0, |sum, i| sum | (bit(bytes, at + i) << i));
    let mut bytes = bitcode.to_vec();
    let at = (0..bytes.len() * 8 - 36)
        .find(|at| {
            b"LLVM22"
                .iter()
                .zip(0..)
                .all(|(&c, i)| letter(&bytes, at + 6 * i) == code(c))
        })
        .expect("LLVM signs its bitcode");
    for i in (4..6).flat_map(|i| (0..6).map(move |b| (i, b))) {
        let (place, value) = (at + 6 * i.0 + i.1, (code(b'9') >> i.1) & 1);
        bytes[place / 8] = bytes[place / 8] & !(1 << (place % 8)) | (value << (place % 8));
    }
    bytes
}

#[test]
fn bitcode_that_cannot_be_read_says_why() {
    refuses(|bytes| Module::from_bitcode("it", bytes, Context::new()).map(|_| ()));
}

#[test]
fn a_library_that_cannot_be_read_says_why() {
    refuses(|bytes| BitcodeLibrary::open("it", bytes).map(|_| ()));
}

fn refuses(read: impl Fn(&[u8]) -> Result<(), Error>) {
    let good = module(TEXT).to_bitcode();
    for bytes in [
        &b"not bitcode, for sure"[..],
        &[],
        &good[..good.len() / 8 * 4],
    ] {
        let error = read(bytes).unwrap_err();
        assert!(matches!(error, Error::Bitcode { .. }), "{error}");
    }
    // Of a newer LLVM, and readable: welcome.
    let newer = of_version_99(&good);
    assert_eq!(read(&newer), Ok(()));
    // Of a newer LLVM, with records that this one does not know.
    let mut told = 0;
    for at in 100..newer.len() {
        let mut bytes = newer.clone();
        bytes[at] ^= 0xff;
        if let Err(Error::NewerBitcode { producer, .. }) = read(&bytes) {
            assert!(producer.starts_with("LLVM99."), "{producer}");
            told += 1;
            if told == 5 {
                return;
            }
        }
    }
    panic!("only {told} of all broken files of a newer LLVM were told as such");
}
