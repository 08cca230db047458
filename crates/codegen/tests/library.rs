//! A library under threads that compile from it: bodies come along through others, and go with the last that need them.

use martlet_codegen::{Error, Library, Target, Tier, Translated};

/// `name() = callee() + 1`, or 1.
fn compile(
    library: &Library<u32>,
    key: u32,
    callee: Option<u32>,
) -> Result<Translated<u32>, Error> {
    library.compile(key, callee, Tier::Best, |module, known| {
        let called = match known.first() {
            Some(callee) => {
                module.add(&format!(
                    "declare i64 @f{callee}() define i64 @f{key}() {{
                        %1 = call i64 @f{callee}() %2 = add i64 %1, 1 ret i64 %2 }}"
                ))?;
                module.own(&format!("f{key}"))?
            }
            None => {
                module.add(&format!("define i64 @f{key}() {{ ret i64 1 }}"))?;
                module.own(&format!("f{key}"))?
            }
        };
        Ok(called)
    })
}

/// Whether an object refers to a symbol.
fn names(object: &[u8], symbol: &str) -> bool {
    let symbol = format!("\0{symbol}\0");
    object
        .windows(symbol.len())
        .any(|it| it == symbol.as_bytes())
}

#[test]
fn bodies_come_along_through_others_and_go_with_them() {
    let library = Library::new("library", Target::host()).unwrap();
    compile(&library, 1, None).unwrap();
    compile(&library, 2, Some(1)).unwrap();
    let third = compile(&library, 3, Some(2)).unwrap();
    assert_eq!(third.bodies, [2]);
    // All of it is in it: it calls neither.
    assert!(names(&third.compiled.object, "f3"));
    assert!(!names(&third.compiled.object, "f2") && !names(&third.compiled.object, "f1"));
    // What was released cannot be named any more, but stays for those that have.
    library.release([1]);
    assert_eq!(library.memory_report().definitions, 3);
    assert!(compile(&library, 4, Some(1)).unwrap().bodies.is_empty());
    let fifth = compile(&library, 5, Some(2)).unwrap();
    assert!(!names(&fifth.compiled.object, "f1"));
    library.release([2, 3, 4, 5]);
    assert_eq!((library.len(), library.memory_report().definitions), (0, 0));
}

#[test]
fn what_passes_have_a_body_call_comes_along() {
    let library = Library::new("library", Target::host()).unwrap();
    let twin = |key: u32| {
        library.compile(key, [], Tier::Quick, |module, _| {
            module.add(&format!(
                "define i64 @f{key}(i64 %n) {{
                    %1 = mul i64 %n, 17 %2 = xor i64 %1, %n %3 = udiv i64 %2, 3 ret i64 %3 }}"
            ))?;
            Ok::<_, Error>(module.own(&format!("f{key}"))?)
        })
    };
    twin(1).unwrap();
    twin(2).unwrap();
    // One of the twins calls the other, or both a third, from now on.
    library.maintain("mergefunc").unwrap();
    for key in [1, 2] {
        let user = library.compile(10 + key, [key], Tier::Best, |module, known| {
            assert_eq!(known, [key]);
            module.add(&format!(
                "declare i64 @f{key}(i64) define i64 @user{key}() {{
                    %1 = call i64 @f{key}(i64 5) ret i64 %1 }}"
            ))?;
            Ok::<_, Error>(module.own(&format!("user{key}"))?)
        });
        let object = user.unwrap().compiled.object;
        assert!(!names(&object, "f1") && !names(&object, "f2"));
    }
    library.release([1, 2, 11, 12]);
    assert_eq!(library.memory_report().definitions, 0);
}

#[test]
fn threads_compile_at_once_and_passes_run_in_between() {
    let library = Library::new("library", Target::host()).unwrap();
    compile(&library, 0, None).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let library = &library;
            scope.spawn(move || {
                for no in 0..20 {
                    let key = 1 + thread * 100 + no;
                    assert_eq!(compile(library, key, Some(0)).unwrap().bodies, [0]);
                }
            });
        }
        for pipeline in ["globaldce", "mergefunc", "default<O2>"] {
            library.maintain(pipeline).unwrap();
        }
    });
    assert_eq!(library.len(), 61);
    library.phase(|module| module.verify()).unwrap();
    assert!(matches!(
        library.maintain("no such pass"),
        Err(Error::Ir(_))
    ));
}

#[test]
fn what_is_wrong_is_told_and_the_library_goes_on() {
    let library = Library::new("library", Target::host()).unwrap();
    let wrong = library.compile(1, [], Tier::Quick, |module, _| {
        module.add("define i64 @f1( { ret }")?;
        Ok::<_, Error>(module.own("f1")?)
    });
    assert!(matches!(
        wrong.map(|_| ()),
        Err(Error::Ir(martlet_ir::Error::Text(_)))
    ));
    assert!(library.is_empty());
    compile(&library, 1, None).unwrap();
}
