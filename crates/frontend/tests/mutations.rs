//! Requests made by the real interpreter, damaged: whatever they have become, they are refused or translated, and
//! nothing panics. (What is translated need not mean anything: bytecode that takes a bool for an iterator does not either.)
//! `PROPTEST_CASES` says how many are tried.

use martlet_frontend::translate;
use martlet_snapshot::{CodeSnapshot, EntryPoint, Request};
use proptest::prelude::*;

const REQUESTS: [&str; 10] = [
    include_str!("snapshots/int_loop.json"),
    include_str!("snapshots/while_loop.json"),
    include_str!("snapshots/part.json"),
    include_str!("snapshots/fib.json"),
    include_str!("snapshots/item_sum.json"),
    include_str!("snapshots/attributes.json"),
    include_str!("snapshots/unpack.json"),
    include_str!("snapshots/text.json"),
    include_str!("snapshots/caught.json"),
    include_str!("snapshots/resumed.json"),
];

/// A change of one code object: of which part, where, to what.
#[derive(Debug, Clone)]
struct Mutation {
    code: usize,
    part: u8,
    position: usize,
    value: u8,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    (any::<usize>(), 0u8..16, any::<usize>(), any::<u8>()).prop_map(
        |(code, part, position, value)| Mutation {
            code,
            part,
            position,
            value,
        },
    )
}

fn at<T>(items: &mut [T], position: usize) -> Option<&mut T> {
    let n = items.len();
    (n > 0).then(|| &mut items[position % n])
}

/// Both kinds of code get the same new opcode or argument, as code that was made wrong has it.
fn replace_byte(code: &mut CodeSnapshot, position: usize, value: u8) {
    for bytes in [&mut code.code, &mut code.adaptive] {
        if let Some(byte) = at(bytes, position) {
            *byte = value;
        }
    }
}

/// An instruction, with its caches, is replaced by a copy of what stands elsewhere.
fn copy_units(code: &mut CodeSnapshot, position: usize, n_units: usize) {
    for bytes in [&mut code.code, &mut code.adaptive] {
        let n = bytes.len() / 2;
        if n > n_units {
            let from = position % (n - n_units) * 2;
            let to = position / 7 % (n - n_units) * 2;
            bytes.copy_within(from..from + n_units * 2, to);
        }
    }
}

fn apply(request: &mut Request, mutation: &Mutation) {
    let &Mutation {
        code,
        part,
        position,
        value,
    } = mutation;
    let number = u32::from(value);
    let n_objects = request.objects.len();
    let Some(code) = at(&mut request.codes, code) else {
        return;
    };
    let swap = |bytes: &mut Vec<u8>| {
        if let Some(byte) = at(bytes, position) {
            *byte = value;
        }
    };
    match part {
        0..5 => replace_byte(code, position, value),
        5 | 6 => copy_units(code, position, 1 + usize::from(value % 6)),
        7 => swap(&mut code.adaptive),
        8 => swap(&mut code.exception_table),
        9 => swap(&mut code.line_table),
        10 => code.stack_size = number,
        11 => {
            let n = code.sites.len().max(1);
            code.sites.rotate_left(position % n);
        }
        12 => {
            if let Some((offset, _)) = at(&mut code.sites, position) {
                *offset = number;
            }
        }
        13 => {
            if n_objects > 0
                && let Some(object) = at(&mut code.consts, position)
            {
                object.0 = number % n_objects as u32;
            }
        }
        14 => {
            code.code.truncate(position % (code.code.len() + 1));
            code.adaptive.truncate(code.code.len());
        }
        _ => {
            request.entry = match value % 3 {
                0 => EntryPoint::Start,
                1 => EntryPoint::Loop(position as u32 % 256),
                _ => EntryPoint::Resume,
            };
        }
    }
}

proptest! {
    #[test]
    fn damaged_requests_are_refused_or_translated(
        which in 0..REQUESTS.len(),
        generic in any::<bool>(),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let mut request: Request = serde_json::from_str(REQUESTS[which]).expect("a request");
        request.mode.generic_unknown = generic;
        for mutation in &mutations {
            apply(&mut request, mutation);
        }
        let _ = translate(&request);
    }
}
