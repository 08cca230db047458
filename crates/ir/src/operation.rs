//! What this thread is doing to a module, so that a handle can say when its value died.

use crate::raw::current_pass;
use crate::stale::{Event, What};
use core::mem::ManuallyDrop;
use std::cell::RefCell;

thread_local! {
    /// Never dropped, so that a module in a thread's own storage may end with its thread, in whatever
    /// order. Between operations there is nothing to drop.
    static CURRENT: RefCell<ManuallyDrop<Current>> = const {
        RefCell::new(ManuallyDrop::new(Current { name: "", detail: String::new() }))
    };
}

#[derive(Debug)]
struct Current {
    name: &'static str,
    detail: String,
}

/// One operation on a module, from `enter` to drop. Operations nest: the inner one is named.
#[derive(Debug)]
pub(crate) struct Operation {
    outer: Option<(&'static str, String)>,
}

impl Operation {
    pub(crate) fn enter(name: &'static str, detail: &str) -> Self {
        CURRENT.with_borrow_mut(|current| {
            let outer_name = core::mem::replace(&mut current.name, name);
            let outer_detail = core::mem::replace(&mut current.detail, detail.to_owned());
            Operation {
                outer: Some((outer_name, outer_detail)),
            }
        })
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if let Some((name, detail)) = self.outer.take() {
            CURRENT.with_borrow_mut(|current| {
                current.name = name;
                current.detail = detail;
            });
        }
    }
}

/// Describes what happens to a value now.
pub(crate) fn event(what: What, by: Option<String>) -> Event {
    Event {
        what,
        by,
        operation: describe(),
        pass: current_pass(),
    }
}

/// What this thread is doing.
pub(crate) fn describe() -> String {
    CURRENT.with_borrow(|current| match (current.name, current.detail.as_str()) {
        ("", _) => "a call of LLVM's own interface".to_owned(),
        (name, "") => name.to_owned(),
        (name, detail) => format!("{name} `{detail}`"),
    })
}
