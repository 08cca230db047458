//! Handles never lend what is gone, and say what ended it.

mod common;

use common::{machine, module};
use martlet_ir::inkwell::targets::FileType;
use martlet_ir::kind::{Argument, Block, Function, Global, Instruction};
use martlet_ir::{Asserting, Callback, Error, Fate, Module, Stale, Tracking, Weak, What};

const TEXT: &str = "
    @variable = global i64 0
    define internal i64 @unused(i64 %n) { ret i64 %n }
    define i64 @f(i64 %n) {
    entry:
      %twice = add i64 %n, %n
      ret i64 %twice
    }
    define i64 @g(i64 %n) { ret i64 %n }";

fn weak(module: &mut Module, name: &str) -> Weak<Function> {
    module.edit(|e| e.weak(e.module().get_function(name).unwrap()))
}

#[test]
fn stale_handle_says_who() {
    let mut module = module(TEXT);
    let unused = weak(&mut module, "unused");
    let f = weak(&mut module, "f");
    let line = line!() - 2;
    assert_eq!(
        unused.get(&module).unwrap().get_name().to_str(),
        Ok("unused")
    );

    module.run_passes("globaldce", &machine()).unwrap();
    let stale = unused.get(&module).unwrap_err();
    let Stale::Gone { event, made_at } = &stale else {
        panic!("{stale}")
    };
    assert_eq!(event.what, What::Deleted);
    assert_eq!(event.operation, "run_passes `globaldce`");
    assert_eq!(event.pass.as_deref(), Some("GlobalDCEPass"));
    assert!(made_at.file().ends_with("handles.rs") && made_at.line() < line);
    assert!(!unused.is_alive() && f.is_alive());

    // In any order of drops.
    drop(module);
    let Stale::Gone { event, .. } = f.get(&Module::new("other")).unwrap_err() else {
        panic!()
    };
    assert_eq!(event.operation, "drop of the module");
}

#[test]
fn a_value_of_another_module_is_not_lent() {
    let mut module = module(TEXT);
    let f = weak(&mut module, "f");
    let other = Module::new("other");
    assert!(matches!(f.get(&other), Err(Stale::OtherModule { .. })));
    assert!(f.get(&module).is_ok());
}

#[test]
fn replaced_values_are_followed_or_not() {
    let mut module = module(TEXT);
    let (stays, goes, hears): (Weak<Function>, Tracking<Function>, Callback<Function>) = module
        .edit(|e| {
            let f = e.module().get_function("f").unwrap();
            (e.weak(f), e.tracking(f), e.callback(f))
        });
    module.edit(|e| {
        let f = e.module().get_function("f").unwrap();
        f.replace_all_uses_with(e.module().get_function("g").unwrap());
    });
    let name = |function: martlet_ir::inkwell::values::FunctionValue<'_>| {
        function.get_name().to_string_lossy().into_owned()
    };
    assert_eq!(name(stays.get(&module).unwrap()), "f");
    assert_eq!(name(goes.get(&module).unwrap()), "g");
    let events = hears.take_events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].what, events[0].by.as_deref()),
        (What::Replaced, Some("g"))
    );
    assert_eq!(events[0].operation, "edit");
}

#[test]
fn a_replaced_value_that_dies_later_says_what_took_over() {
    let mut module = module(TEXT);
    let f = weak(&mut module, "f");
    module.edit(|e| {
        let function = |name| e.module().get_function(name).unwrap();
        function("f").replace_all_uses_with(function("g"));
    });
    let event = f.last_event().unwrap();
    assert_eq!(
        (event.what, event.by.as_deref()),
        (What::Replaced, Some("g"))
    );
    assert!(f.get(&module).is_ok());
    drop(module.own("f").unwrap());
    module.collect();
    let stale = f.get(&module).unwrap_err().to_string();
    assert!(
        stale.contains("deleted, after it was replaced by `g`, during collect"),
        "{stale}"
    );
}

#[test]
fn an_assertion_fails_in_its_own_module_only() {
    let mut first = module(TEXT);
    let mut second = module(TEXT);
    let held: Asserting<Function> =
        first.edit(|e| e.asserting(e.module().get_function("unused").unwrap()));
    // An edit cannot return it, so the next that can does, and says that it was the edit.
    first.edit(|e| {
        let unused = e.module().get_function("unused").unwrap();
        // SAFETY: nobody uses it.
        unsafe { unused.delete() };
    });
    second.run_passes("globaldce", &machine()).unwrap();
    let falls = first.collect().asserted;
    assert_eq!(falls.len(), 1);
    assert_eq!(falls[0].event.operation, "edit");
    assert!(!held.is_alive());
    assert_eq!(first.check(), Ok(()));

    // The end of a module is nobody's error.
    let held: Asserting<Function> = weak_asserting(&mut first, "f");
    drop(first);
    second.run_passes("globaldce", &machine()).unwrap();
    assert!(!held.is_alive());
}

fn weak_asserting(module: &mut Module, name: &str) -> Asserting<Function> {
    module.edit(|e| e.asserting(e.module().get_function(name).unwrap()))
}

#[test]
fn handles_outlive_everything_in_any_order() {
    enum End {
        Value,
        Module,
        Context,
    }
    use End::{Context as OfContext, Module as OfModule, Value as OfValue};
    let orders = [
        vec![OfValue, OfModule, OfContext],
        vec![OfModule, OfContext],
        vec![OfContext],
    ];
    for order in &orders {
        // How many handles are dropped before each end; the rest go last.
        for n_early in 0..=4 {
            let mut module = Some(module(TEXT));
            let mut context = None;
            let m = module.as_mut().unwrap();
            let owned = m.own("f").unwrap();
            let mut handles = Vec::<Box<dyn Fn() -> bool>>::new();
            m.edit(|e| {
                let f = e.module().get_function("f").unwrap();
                let block = f.get_first_basic_block().unwrap();
                let (a, b) = (e.weak::<Function>(f), e.tracking::<Block>(block));
                let c = e.asserting::<Instruction>(block.get_first_instruction().unwrap());
                let d = e.callback::<Argument>(f.get_first_param().unwrap());
                handles.push(Box::new(move || a.is_alive()));
                handles.push(Box::new(move || b.is_alive()));
                handles.push(Box::new(move || c.is_alive()));
                handles.push(Box::new(move || d.is_alive()));
            });
            handles.truncate(4 - n_early);
            assert!(handles.iter().all(|is_alive| is_alive()));
            for end in order {
                match end {
                    OfValue => {
                        let m = module.as_mut().unwrap();
                        m.edit(|e| {
                            let f = e.module().get_function("f").unwrap();
                            // SAFETY: nobody uses it.
                            unsafe { f.delete() };
                        });
                        assert!(handles.iter().all(|is_alive| !is_alive()));
                    }
                    OfModule => context = module.take().map(Module::into_context),
                    OfContext => drop((module.take(), context.take())),
                }
                assert!(handles.iter().all(|is_alive| !is_alive()));
            }
            assert!(owned.get(&Module::new("other")).is_err());
            drop(handles);
            drop(owned);
        }
    }
}

#[test]
fn assertions_fail_the_operation() {
    let mut module = module(TEXT);
    let owned = module.own("f").unwrap();
    let held: Asserting<Function> =
        module.edit(|e| e.asserting(e.module().get_function("unused").unwrap()));
    let error = module.run_passes("globaldce", &machine()).unwrap_err();
    let Error::Asserted { falls, report } = &error else {
        panic!("{error}")
    };
    assert_eq!(falls.len(), 1);
    assert_eq!(falls[0].event.pass.as_deref(), Some("GlobalDCEPass"));
    assert!(!held.is_alive());
    // What else the pipeline did is not lost.
    let report = report.as_deref().unwrap();
    assert!(matches!(held.fate(report), Some(Fate::Deleted(event)) if *event == falls[0].event));
    assert_eq!(report.fate(owned.id()), Some(&Fate::Kept));
    // Said once.
    module.run_passes("globaldce", &machine()).unwrap();
}

#[test]
fn a_pass_that_reports_an_error_is_an_error() {
    let mut module = module(TEXT);
    let f = module.own("f").unwrap();
    // There is no such profile, and the pass tells the context so.
    let pipeline = "globaldce,sample-profile,function(instcombine<no-verify-fixpoint>)";
    let unused = weak(&mut module, "unused");
    let error = module.run_passes(pipeline, &machine()).unwrap_err();
    let Error::Diagnostic { message, report } = &error else {
        panic!("{error}")
    };
    assert!(message.contains("rofile"), "{message}");
    // The pipeline has run to its end all the same.
    let report = report.as_deref().unwrap();
    assert!(matches!(unused.fate(report), Some(Fate::Deleted(_))));
    assert!(
        matches!(report.fate(f.id()), Some(Fate::BodyChanged { by }) if by == &["InstCombinePass"])
    );
    // Said once, and the module is as usable as before.
    assert_eq!(module.check(), Ok(()));
    module.verify().unwrap();
    module.run_passes("default<O1>", &machine()).unwrap();
}

#[test]
fn what_is_reported_while_a_module_is_lent_is_kept_for_the_next_check() {
    let mut module = module(
        "define void @f() { call void @never() ret void }
         declare void @never() \"dontcall-error\"=\"not this one\"",
    );
    let object = module.read(|e| machine().write_to_memory_buffer(e.module(), FileType::Object));
    object.unwrap();
    let error = module.check().unwrap_err();
    let Error::Diagnostic { message, report } = &error else {
        panic!("{error}")
    };
    assert!(
        message.contains("not this one") && report.is_none(),
        "{message}"
    );
    assert_eq!(module.check(), Ok(()));
    module.run_passes("globaldce", &machine()).unwrap();
}

#[test]
fn a_value_that_was_replaced_and_kept_is_watched_by_those_who_stay() {
    // Of two equal functions that the linker may replace, mergefunc has one replaced by a new function of
    // its name, and keeps it as the body that both call.
    let twin = |name: &str| {
        format!(
            "define weak i64 @{name}(ptr %p, i64 %n) {{
               %a = mul i64 %n, 31 store i64 %a, ptr %p %b = add i64 %a, %a
               store i64 %b, ptr %p %c = mul i64 %b, %a ret i64 %c }}"
        )
    };
    for tracking_first in [true, false] {
        let mut module = module(&(twin("a") + &twin("b")));
        type Both = (Weak<Function>, Tracking<Function>);
        let handles = ["a", "b"].map(|name| -> Both {
            module.edit(|e| {
                let function = e.module().get_function(name).unwrap();
                if tracking_first {
                    let tracking = e.tracking(function);
                    (e.weak(function), tracking)
                } else {
                    (e.weak(function), e.tracking(function))
                }
            })
        });
        let pipeline = "mergefunc,function(instcombine<no-verify-fixpoint>)";
        let report = module.run_passes(pipeline, &machine()).unwrap();
        let (weak, tracking) = handles
            .iter()
            .find(|(weak, tracking)| weak.get(&module) != tracking.get(&module))
            .expect("one of them was replaced");
        assert!(matches!(tracking.fate(&report), Some(Fate::Replaced(_))));
        // It is private now, and its body was simplified.
        let Some(Fate::InterfaceChanged { by }) = weak.fate(&report) else {
            panic!("{:?}", weak.fate(&report))
        };
        assert_eq!(by, &["MergeFunctionsPass", "InstCombinePass"]);
    }
}

#[test]
fn every_kind_is_lent() {
    type All = (
        Tracking<Global>,
        Tracking<Instruction>,
        Tracking<Block>,
        Tracking<Argument>,
    );
    let mut module = module(TEXT);
    let (global, instruction, block, argument): All = module.edit(|e| {
        let f = e.module().get_function("f").unwrap();
        let entry = f.get_first_basic_block().unwrap();
        (
            e.tracking(e.module().get_global("variable").unwrap()),
            e.tracking(entry.get_first_instruction().unwrap()),
            e.tracking(entry),
            e.tracking(f.get_first_param().unwrap()),
        )
    });
    assert_eq!(
        global.get(&module).unwrap().get_name().to_str(),
        Ok("variable")
    );
    assert_eq!(instruction.get(&module).unwrap().get_num_operands(), 2);
    assert_eq!(block.get(&module).unwrap().get_name().to_str(), Ok("entry"));
    assert!(argument.get(&module).unwrap().is_int_value());
    // `add n, n` becomes `shl n, 1`, which takes its place.
    module
        .run_passes("instcombine<no-verify-fixpoint>", &machine())
        .unwrap();
    assert!(
        instruction
            .get(&module)
            .unwrap()
            .to_string()
            .contains("shl")
    );

    let f = module.own("f").unwrap();
    drop(f);
    assert_eq!(module.collect().erased.len(), 1);
    assert!(instruction.get(&module).is_err() && block.get(&module).is_err());
    assert!(argument.get(&module).is_err() && global.get(&module).is_ok());
}

#[test]
fn an_edit_works_on_what_handles_have() {
    let [mut module, mut other] = [(); 2].map(|()| module(TEXT));
    let instruction: Tracking<Instruction> = module.edit(|e| {
        let f = e.module().get_function("f").unwrap();
        e.tracking(
            f.get_first_basic_block()
                .unwrap()
                .get_first_instruction()
                .unwrap(),
        )
    });
    let f = weak(&mut module, "f");
    // Whatever it is called by now.
    let owned = module.edit(|e| {
        e.module()
            .get_function("f")
            .unwrap()
            .as_global_value()
            .set_name("renamed");
        e.own(f.get_in(e).unwrap())
    });
    module.edit(|e| {
        let argument = owned.get_in(e).unwrap().get_first_param().unwrap();
        let builder = e.context().create_builder();
        builder.position_before(&instruction.get_in(e).unwrap());
        let n = argument.into_int_value();
        builder.build_int_mul(n, n, "square").unwrap();
    });
    module.verify().unwrap();
    assert!(
        module.to_string().contains("%square = mul i64 %n, %n"),
        "{module}"
    );
    other.edit(|e| {
        assert!(matches!(f.get_in(e), Err(Stale::OtherModule { .. })));
        assert!(matches!(owned.get_in(e), Err(Stale::OtherModule { .. })));
    });
    drop(owned);
    module.edit(|e| assert!(matches!(instruction.get_in(e), Err(Stale::Gone { .. }))));
}

#[test]
fn handles_may_be_dropped_on_another_thread() {
    let mut module = module(TEXT);
    let handles: Vec<Weak<Function>> = (0..1000).map(|_| weak(&mut module, "f")).collect();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(handles));
        for _ in 0..1000 {
            weak(&mut module, "g");
        }
    });
    module.collect();
    assert_eq!(module.memory_report().nodes, 0);
    std::thread::spawn(move || drop(module)).join().unwrap();
}

#[test]
fn a_new_handle_knows_nothing_of_those_before_it() {
    let mut module = module(TEXT);
    let callbacks = |module: &mut Module, name: &str| -> Vec<Callback<Function>> {
        module.edit(|e| {
            let function = e.module().get_function(name).unwrap();
            (0..100).map(|_| e.callback(function)).collect()
        })
    };
    let mut reports = Vec::new();
    for round in 0..4 {
        let dead = callbacks(&mut module, "unused");
        let old = callbacks(&mut module, "f");
        // Whoever still has a report must not be told of another's value.
        reports.push(module.run_passes("no-op-module", &machine()).unwrap());
        assert_eq!(old[99].fate(reports.last().unwrap()), Some(&Fate::Kept));
        module.edit(|e| {
            let function = |name| e.module().get_function(name).unwrap();
            function("unused").replace_all_uses_with(function("f"));
        });
        assert!(dead.iter().all(|handle| handle.take_events().len() == 1));
        if round % 2 == 1 {
            reports.clear();
        }
        // More than there are, so that what was dropped is used again.
        drop((dead, old));
        let new: Vec<_> = (0..3).flat_map(|_| callbacks(&mut module, "g")).collect();
        for handle in &new {
            assert_eq!((handle.last_event(), handle.take_events()), (None, vec![]));
            assert_eq!(handle.get(&module).unwrap().get_name().to_str(), Ok("g"));
            assert!(reports.iter().all(|report| handle.fate(report).is_none()));
        }
        module.edit(|e| {
            let function = |name| e.module().get_function(name).unwrap();
            function("g").replace_all_uses_with(function("f"));
        });
        assert!(new.iter().all(|handle| handle.take_events().len() == 1));
    }
    module.collect();
    assert_eq!(module.memory_report().nodes, 0);
}

#[test]
fn a_module_may_end_with_its_thread() {
    use std::cell::RefCell;
    thread_local! {
        static KEPT: RefCell<Option<(Module, Asserting<Function>)>> = const { RefCell::new(None) };
    }
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        // Its end is registered before that of anything an operation keeps for its thread.
        KEPT.set(None);
        let mut module = module(TEXT);
        send.send(weak(&mut module, "f")).unwrap();
        module.run_passes("globaldce", &machine()).unwrap();
        let held = weak_asserting(&mut module, "f");
        KEPT.set(Some((module, held)));
    });
    thread.join().unwrap();
    let f = receive.recv().unwrap();
    let event = f.last_event().unwrap();
    assert_eq!(event.operation, "drop of the module");
}

#[test]
fn what_was_taken_out_of_a_block_ends_with_the_module() {
    let mut module = module(TEXT);
    let taken_out: Weak<Instruction> = module.edit(|e| {
        let f = e.module().get_function("g").unwrap();
        let entry = f.get_first_basic_block().unwrap();
        let builder = e.context().create_builder();
        builder.position_before(&entry.get_terminator().unwrap());
        let slot = builder
            .build_alloca(e.context().i64_type(), "slot")
            .unwrap();
        let instruction = slot.as_instruction().unwrap();
        let handle = e.weak(instruction);
        instruction.remove_from_basic_block();
        handle
    });
    assert!(taken_out.get(&module).is_ok());
    drop(module);
    assert!(!taken_out.is_alive());
}
