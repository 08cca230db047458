//! Helpers keep their meaning: what an import brings, and that it can always be had again.

mod common;

use common::{bitcode, definitions, machine, module};
use martlet_ir::inkwell::OptimizationLevel;
use martlet_ir::inkwell::context::Context as InkContext;
use martlet_ir::inkwell::memory_buffer::MemoryBuffer;
use martlet_ir::inkwell::module::{Linkage, Module as InkModule};
use martlet_ir::kind::Function;
use martlet_ir::{BitcodeLibrary, Context, DifferenceKind, Error, Module, Weak};

const HELPERS: &str = "
    target triple = \"x86_64-pc-linux-gnu\"
    @names = private unnamed_addr constant [3 x i8] c\"ab\\00\"
    @limit = constant i64 7
    @counter = dso_local global i64 0
    @state = internal global i64 0
    define dso_local i64 @add_limit(i64 %n) #0 {
      %limit = load i64, ptr @limit
      %sum = add i64 %n, %limit
      %r = call i64 @rare(i64 %sum)
      %s = call i64 @shared(i64 %r)
      ret i64 %s
    }
    define internal i64 @rare(i64 %n) #0 {
      %c = load i8, ptr @names
      %w = zext i8 %c to i64
      %r = add i64 %w, %n
      ret i64 %r
    }
    define dso_local i64 @shared(i64 %n) #0 {
      %count = load i64, ptr @counter, !tbaa !0
      %r = add i64 %count, %n
      store i64 %r, ptr @counter, !tbaa !0
      ret i64 %r
    }
    define dso_local i64 @cold(i64 noundef %n) noinline cold { ret i64 %n }
    define dso_local i64 @stateful() { %r = load i64, ptr @state ret i64 %r }
    attributes #0 = { \"target-cpu\"=\"x86-64\" \"target-features\"=\"+sse4.2\" \"tune-cpu\"=\"generic\" }
    !0 = !{!1, !1, i64 0}
    !1 = !{!\"long\", !2}
    !2 = !{!\"root\"}";

const USER: &str = "
    declare i64 @add_limit(i64)
    declare i64 @cold(i64) memory(none)
    declare i64 @elsewhere(i64)
    define i64 @user(i64 %n) {
      %a = call i64 @add_limit(i64 %n)
      %b = call i64 @cold(i64 %a)
      %c = call i64 @elsewhere(i64 %b)
      ret i64 %c
    }";

fn helpers() -> BitcodeLibrary {
    BitcodeLibrary::open("helpers", bitcode(HELPERS)).unwrap()
}

fn imported() -> (Module, BitcodeLibrary) {
    let (mut module, library) = (module(USER), helpers());
    library.import(&mut module).unwrap();
    module.verify().unwrap();
    (module, library)
}

#[test]
fn an_import_brings_just_what_is_named() {
    let (mut module, library) = (module(USER), helpers());
    assert_eq!(
        library.functions(),
        ["add_limit", "shared", "cold", "stateful"]
    );
    let imported = library.import(&mut module).unwrap();
    assert_eq!(imported.functions, ["add_limit", "shared"]);
    module.verify().unwrap();
    let text = module.to_string();
    for expected in [
        "define available_externally i64 @add_limit",
        "define available_externally i64 @shared",
        "define internal i64 @helpers.rare",
        "@counter = external global i64",
        "@limit = available_externally constant i64 7",
        "@helpers.names = private unnamed_addr constant",
        "!tbaa",
        "declare i64 @cold(i64 noundef)",
        "{ cold noinline memory(none) }",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    for unexpected in [
        "target-cpu",
        "tune-cpu",
        "dso_local",
        "stateful",
        "llvm.dbg.cu",
    ] {
        assert!(!text.contains(unexpected), "{unexpected} in\n{text}");
    }
    // Again: nothing to do, nothing twice.
    assert_eq!(library.import(&mut module).unwrap().functions, [""; 0]);
    assert_eq!(module.to_string(), text);
    assert_eq!(module.memory_report().libraries, 1);

    module.run_passes("default<O2>", &machine()).unwrap();
    assert_eq!(definitions(&module), ["user"]);
    assert!(!module.to_string().contains("@add_limit"));
}

#[test]
fn a_second_import_shares_statics_and_constants() {
    let (mut module, library) = imported();
    let rare = |module: &Module| module.to_string().matches("define internal").count();
    assert_eq!(rare(&module), 1);
    // The optimiser drops the body; another import finds the static one still there.
    library.heal(&mut module).unwrap();
    module.edit(|e| {
        let i64_type = e.context().i64_type();
        e.module()
            .add_function("shared2", i64_type.fn_type(&[], false), None);
    });
    library.import(&mut module).unwrap();
    assert_eq!(rare(&module), 1);
    assert_eq!(module.to_string().matches("@helpers.names").count(), 2);
}

#[test]
fn heal_after_any_pass() {
    let pipelines = [
        "globaldce",
        "globalopt",
        "mergefunc",
        "deadargelim",
        "cgscc(argpromotion)",
        "attributor",
        "hotcoldsplit",
        "strip-dead-prototypes",
        "cgscc(inline)",
        "default<O1>",
        "default<O2>",
        "default<O3>",
        "function(instcombine<no-verify-fixpoint>,gvn)",
        "elim-avail-extern",
    ];
    let machine = machine();
    let mut healed = 0;
    for pipeline in pipelines {
        let (mut module, library) = imported();
        assert_eq!(library.audit(&module).unwrap(), []);
        let used: Weak<Function> =
            module.edit(|e| e.weak(e.module().get_function("add_limit").unwrap()));
        module.run_passes(pipeline, &machine).unwrap();
        healed += library.heal(&mut module).unwrap().len();
        module
            .verify()
            .unwrap_or_else(|error| panic!("{pipeline}: {error}"));
        assert_eq!(library.audit(&module).unwrap(), [], "{pipeline}");
        // Where the function survived, so did its handle, and it is the healed one.
        if let Ok(function) = used.get(&module) {
            assert!(function.count_basic_blocks() == 1, "{pipeline}");
        }
    }
    assert!(
        healed >= 5,
        "the pipelines changed next to nothing: {healed}"
    );
}

extern "C" fn twist(n: i64, _unused: i64) -> i64 {
    n.wrapping_mul(31).wrapping_add(5)
}

extern "C" fn peek(p: &i64) -> i64 {
    *p ^ 21
}

/// Helpers of which passes change the signature, or take one for the other.
const TEMPTING: &str = "
    define i64 @twist(i64 %n, i64 %unused) { %a = mul i64 %n, 31 %r = add i64 %a, 5 ret i64 %r }
    define i64 @twin(i64 %n, i64 %unused) { %a = mul i64 %n, 31 %r = add i64 %a, 5 ret i64 %r }
    define i64 @peek(ptr %p) { %v = load i64, ptr %p %r = xor i64 %v, 21 ret i64 %r }";

const TEMPTED: &str = "
    declare i64 @twist(i64, i64)
    declare i64 @twin(i64, i64)
    declare i64 @peek(ptr)
    define i64 @user(i64 %n) {
      %p = alloca i64
      store i64 %n, ptr %p
      %a = call i64 @twist(i64 %n, i64 7) noinline
      %b = call i64 @twin(i64 %a, i64 8) noinline
      %c = call i64 @peek(ptr %p) noinline
      %r = add i64 %b, %c
      ret i64 %r
    }";

/// What compiled code of `user` computes; calls that are left reach the native functions.
fn computed(module: &Module, n: i64) -> i64 {
    let context = InkContext::create();
    let bitcode = module.to_bitcode();
    let buffer = MemoryBuffer::create_from_memory_range_copy(&bitcode, "tempted");
    let module = InkModule::parse_bitcode_from_buffer(&buffer, &context).unwrap();
    let engine = module
        .create_jit_execution_engine(OptimizationLevel::None)
        .unwrap();
    let natives = [
        ("twist", twist as *const () as usize),
        ("twin", twist as *const () as usize),
        ("peek", peek as *const () as usize),
    ];
    for (name, address) in natives {
        if let Some(function) = module.get_function(name) {
            engine.add_global_mapping(&function, address);
        }
    }
    let address = engine.get_function_address("user").unwrap();
    // SAFETY: `user` is of this type, and the engine lives.
    let user: extern "C" fn(i64) -> i64 = unsafe { std::mem::transmute(address) };
    user(n)
}

/// Whatever linkage somebody gives the copies, and whatever list they stand in. One that is local then is the module's
/// own; the library's can still be imported elsewhere.
#[test]
fn heal_under_each_linkage_and_list() {
    let linkages = [
        Linkage::AvailableExternally,
        Linkage::External,
        Linkage::WeakAny,
        Linkage::WeakODR,
        Linkage::LinkOnceAny,
        Linkage::LinkOnceODR,
        Linkage::Internal,
        Linkage::Private,
    ];
    let pipelines = [
        "globaldce",
        "globalopt",
        "mergefunc",
        "cgscc(argpromotion)",
        "deadargelim",
        "default<O2>",
        "default<O3>",
    ];
    let names = ["peek", "twin", "twist"];
    let machine = machine();
    let mut healed = 0;
    for linkage in linkages {
        for list in ["", "llvm.used", "llvm.compiler.used"] {
            for pipeline in pipelines {
                let case = format!("{linkage:?}, {list:?}, {pipeline}");
                let list = match list {
                    "" => String::new(),
                    list => format!(
                        "@{list} = appending global [3 x ptr] [ptr @twist, ptr @twin, ptr @peek], section \"llvm.metadata\""
                    ),
                };
                let mut module = module(&format!("{TEMPTED}\n{list}"));
                let library = BitcodeLibrary::open("tempting", bitcode(TEMPTING)).unwrap();
                library.import(&mut module).unwrap();
                module.edit(|e| {
                    for name in names {
                        e.module().get_function(name).unwrap().set_linkage(linkage);
                    }
                });
                module.run_passes(pipeline, &machine).unwrap();
                let found = library.heal(&mut module);
                healed += found
                    .unwrap_or_else(|error| panic!("{case}: {error}"))
                    .len();
                module
                    .verify()
                    .unwrap_or_else(|error| panic!("{case}: {error}"));
                assert_eq!(library.audit(&module).unwrap(), [], "{case}");
                for n in [0, 1, -7, i64::MAX] {
                    let expected = twist(twist(n, 7), 8).wrapping_add(peek(&n));
                    assert_eq!(computed(&module, n), expected, "{case}:\n{module}");
                }
                // The original is there, under its own name, whatever became of the copy.
                let mut again = self::module(TEMPTED);
                library.import(&mut again).unwrap();
                assert_eq!(definitions(&again), ["twist", "twin", "peek", "user"]);
            }
        }
    }
    assert!(healed > 100, "next to nothing changed: {healed}");
}

#[test]
fn a_changed_meaning_is_found_and_healed() {
    let (mut module, library) = imported();
    let original = module.to_string();
    module.edit(|e| {
        let shared = e.module().get_function("shared").unwrap();
        let entry = shared.get_first_basic_block().unwrap();
        let add = entry.get_instructions().nth(1).unwrap();
        let zero = e.context().i64_type().const_zero();
        assert!(add.set_operand(0, zero));
    });
    let found = library.audit(&module).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].function, "shared");
    let DifferenceKind::Changed { line } = &found[0].kind else {
        panic!("{found:?}")
    };
    assert!(line.contains("add i64 0"), "{line}");
    assert_eq!(library.heal(&mut module).unwrap(), found);
    assert_eq!(module.to_string(), original);
    assert!(library.pristine("rare").unwrap().contains("add i64"));
}

/// `llvm.used` does not keep an `available_externally` body, and it need
/// not: the original is a heal away, and the native twin is what remaining calls reach.
#[test]
fn available_externally_with_llvm_used() {
    for list in ["llvm.used", "llvm.compiler.used"] {
        let mut module = module(&format!(
            "@{list} = appending global [1 x ptr] [ptr @shared], section \"llvm.metadata\"
             declare i64 @shared(i64)
             define i64 @user(i64 %n) {{ %r = call i64 @shared(i64 %n) noinline ret i64 %r }}"
        ));
        let library = helpers();
        library.import(&mut module).unwrap();
        assert_eq!(definitions(&module), ["shared", "user"]);
        module.run_passes("default<O2>", &machine()).unwrap();
        assert_eq!(definitions(&module), ["user"], "{list}");
        let found = library.heal(&mut module).unwrap();
        assert_eq!((found.len(), &found[0].kind), (1, &DifferenceKind::Dropped));
        assert_eq!(definitions(&module), ["shared", "user"]);
        assert_eq!(library.audit(&module).unwrap(), []);
    }
}

#[test]
fn refusals_leave_the_module_as_it_was() {
    let library = helpers();
    let mut other_type = module("declare i32 @add_limit(i32)");
    let error = library.import(&mut other_type).unwrap_err();
    assert!(
        error.to_string().contains("declared as `i32 (i32)`"),
        "{error}"
    );

    let mut stateful = module(
        "declare i64 @shared(i64)
         declare i64 @stateful()
         define i64 @user() { %r = call i64 @stateful() ret i64 %r }",
    );
    let error = library.import(&mut stateful).unwrap_err();
    assert!(error.to_string().contains("`state`"), "{error}");
    assert_eq!(definitions(&stateful), ["user"]);
    stateful.verify().unwrap();

    let mut other_layout = module("target datalayout = \"E-p:32:32\" declare i64 @shared(i64)");
    assert!(matches!(
        library.import(&mut other_layout),
        Err(Error::Library { .. })
    ));

    for (name, bytes) in [("empty", &b""[..]), ("text", &b"; ModuleID"[..])] {
        let refused = BitcodeLibrary::open(name, bytes);
        assert!(matches!(refused, Err(Error::Bitcode { .. })), "{refused:?}");
    }
    let whole = bitcode(HELPERS);
    for cut in [8, whole.len() / 4, whole.len() / 2, whole.len() - 8] {
        // An error now or when it is used, and never an end of the process.
        if let Ok(library) = BitcodeLibrary::open("cut", &whole[..cut / 4 * 4]) {
            let _ = library.import(&mut module(USER));
        }
    }
}

#[test]
fn a_static_function_of_the_modules_own_steps_aside() {
    let mut module = module(
        "define internal i64 @shared(i64 %n) { ret i64 99 }
         declare i64 @add_limit(i64)
         define i64 @user(i64 %n) {
           %a = call i64 @shared(i64 %n)
           %b = call i64 @add_limit(i64 %a)
           ret i64 %b
         }",
    );
    helpers().import(&mut module).unwrap();
    module.verify().unwrap();
    let text = module.to_string();
    assert!(text.contains("call i64 @shared.local(i64 %n)"), "{text}");
    assert!(
        text.contains("define available_externally i64 @shared(i64 %n)"),
        "{text}"
    );
}

#[test]
fn a_context_opens_a_library_once() {
    let library = helpers();
    let mut context = Context::new();
    for _ in 0..3 {
        let mut module = Module::in_context("test", context);
        module.edit(|e| {
            let i64_type = e.context().i64_type();
            e.module()
                .add_function("shared", i64_type.fn_type(&[i64_type.into()], false), None);
        });
        assert_eq!(library.import(&mut module).unwrap().functions, ["shared"]);
        context = module.into_context();
        assert_eq!(context.open_libraries(), 1);
    }
}

#[test]
fn no_pass_deletes_what_is_held_and_imported() {
    let (mut module, library) = (module(USER), helpers());
    let owned = ["add_limit", "cold"].map(|name| module.own(name).unwrap());
    module.edit(|e| {
        let user = e.module().get_function("user").unwrap();
        // SAFETY: nobody uses it.
        unsafe { user.delete() };
    });
    library.import(&mut module).unwrap();
    for pipeline in ["globaldce,strip-dead-prototypes", "default<O2>"] {
        module.run_passes(pipeline, &machine()).unwrap();
        for function in &owned {
            assert!(function.get(&module).is_ok(), "{pipeline}");
        }
    }
    module.verify().unwrap();
    drop(owned);
    assert_eq!(module.collect().erased.len(), 2);
}
