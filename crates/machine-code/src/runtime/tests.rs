//! The whole life of code over the fake system, each of whose calls fails once.

use object::write::{self, StandardSection, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolKind, SymbolScope};

use super::*;
use crate::os::fake::Fake;
use crate::{Source, Table};

/// The fake clears what it reserves, so that is little.
fn builder() -> Builder {
    Runtime::builder().reserve(2 << 20)
}

fn elf() -> Vec<u8> {
    let mut elf = write::Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let text = elf.section_id(StandardSection::Text);
    elf.append_section_data(text, &[0xc3], 16);
    elf.add_symbol(Symbol {
        name: b"body".to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(text),
        flags: SymbolFlags::None,
    });
    elf.write().expect("a small object")
}

/// Publishes, links both kinds of entries, replaces, retires and frees.
fn life(runtime: &Runtime, elf: &[u8]) -> Result<(), Error> {
    // SAFETY: nothing is ever called on the fake system.
    let default = unsafe { DefaultTarget::new(std::ptr::without_provenance(0x1000)) };
    for (signature, strategy) in (0..).zip([Strategy::IndirectCell, Strategy::PatchedStub]) {
        let key = EntryKey {
            identity: 1,
            signature,
        };
        let entry = runtime.entry(key, strategy, default)?;
        for version in 0..3 {
            let tables = [Table {
                symbol: "table",
                words: 100,
            }];
            let id = CodeId {
                identity: 1,
                version,
            };
            let code = runtime.publish(&Object {
                tables: &tables,
                ..Object::new(id, Source::Elf(elf), "body")
            })?;
            if version > 0 {
                // A patched entry that could be made has a barrier that works.
                if strategy == Strategy::IndirectCell {
                    entry.relink(&code)?;
                }
                code.hold(&entry);
            }
        }
        runtime.collect(&|_| false);
    }
    Ok(())
}

#[test]
fn every_failure_is_an_error_and_leaves_nothing() {
    fail_everything(&builder());
}

#[test]
fn every_failure_is_an_error_under_quarantine_too() {
    fail_everything(&builder().quarantine(256).events(10));
}

fn fail_everything(builder: &Builder) {
    let elf = elf();
    let builder = || builder.clone();
    // What the life leaves behind when nothing fails: the jump to the default.
    let runtime = builder()
        .build_on(Arc::new(Fake::default()))
        .expect("the fake builds");
    life(&runtime, &elf).expect("nothing fails");
    let expected = runtime.ledger();
    assert_eq!((expected.entries, expected.data_bytes), (0, 0));
    let mut errors = 0;
    for n in 0.. {
        let fake = Fake::default();
        let runtime = builder()
            .build_on(Arc::new(fake.clone()))
            .expect("the fake builds");
        fake.fail_at(Some(n));
        let outcome = life(&runtime, &elf);
        let failed = fake.has_failed();
        fake.fail_at(None);
        // Freeing that failed is done now, and whatever the failure prevented can be done.
        runtime.collect(&|_| false);
        errors += u32::from(outcome.is_err());
        life(&runtime, &elf).expect("nothing fails any more");
        let ledger = runtime.ledger();
        assert_eq!(
            (ledger.live, ledger.retired),
            (expected.live, expected.retired),
            "call {n}"
        );
        assert_eq!((ledger.entries, ledger.data_bytes), (0, 0), "call {n}");
        assert_eq!(ledger.code_bytes, expected.code_bytes, "call {n}");
        if !failed {
            break;
        }
    }
    assert!(errors > 10, "{errors} failures came back as errors");
}

#[test]
fn a_refusal_shows_when_the_runtime_is_built() {
    for n in 0..4 {
        let fake = Fake::default();
        fake.fail_at(Some(n));
        let error = builder()
            .build_on(Arc::new(fake))
            .expect_err("it is refused");
        assert!(matches!(error, Error::NoExecMemory { .. }), "{error}");
    }
}

#[test]
fn memory_goes_with_the_last_handle_unless_somebody_may_be_inside() {
    for is_collected in [true, false] {
        let fake = Fake::default();
        let runtime = builder()
            .build_on(Arc::new(fake.clone()))
            .expect("the fake builds");
        // SAFETY: nothing is ever called on the fake system.
        let default = unsafe { DefaultTarget::new(std::ptr::without_provenance(0x1000)) };
        let key = EntryKey {
            identity: 1,
            signature: 0,
        };
        let entry = runtime
            .entry(key, Strategy::IndirectCell, default)
            .expect("a new entry");
        let id = CodeId {
            identity: 1,
            version: 1,
        };
        let code = runtime.publish(&Object::new(id, Source::Elf(&elf()), "body"));
        entry
            .relink(code.as_ref().expect("a good object"))
            .expect("the same identity");
        drop(code);
        if is_collected {
            runtime.collect(&|_| false);
        }
        drop(runtime);
        assert!(
            !fake.take_calls().contains(&"release"),
            "the entry is a handle too"
        );
        drop(entry);
        assert_eq!(fake.take_calls().contains(&"release"), is_collected);
    }
}
