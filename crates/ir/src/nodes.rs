//! The nodes behind a module's handles.

use crate::raw::{Mark, Mode, Node, Value};
use core::panic::Location;
use std::sync::Arc;

/// The nodes of handles, until some time after these are dropped.
///
/// A drop only marks. Who makes handles looks for the marks once there are twice as many nodes as the
/// last time, so that the cost is constant for each; and a node that nobody has any more is the next
/// handle's.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    used: Vec<Node>,
    spare: Vec<Node>,
    /// How many are used when they are next looked through.
    limit: usize,
}

impl Nodes {
    /// Watches a value by a spare node, or by what `make` makes.
    pub(crate) fn add(
        &mut self,
        value: Value<'_>,
        mode: Mode,
        made_at: &'static Location<'static>,
        make: impl FnOnce() -> Node,
    ) -> Arc<Mark> {
        if self.used.len() >= self.limit.max(32) {
            let released = self.used.extract_if(.., |node| node.mark().is_released());
            self.spare.extend(released.map(|mut node| {
                node.rest();
                node
            }));
            self.limit = self.used.len() * 2;
        }
        let spare = self.spare.pop();
        let renewed = spare.and_then(|mut node| node.renew(value, mode, made_at).then_some(node));
        let node = renewed.unwrap_or_else(make);
        let mark = Arc::clone(node.mark());
        self.used.push(node);
        mark
    }

    /// Frees the nodes that nobody has any more.
    pub(crate) fn shrink(&mut self) {
        self.spare.clear();
        self.used.retain(|node| !node.mark().is_released());
    }

    /// The marks of the handles that somebody has.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Arc<Mark>> {
        let marks = self.used.iter().map(Node::mark);
        marks.filter(|mark| !mark.is_released())
    }

    pub(crate) fn len(&self) -> usize {
        self.used.len() + self.spare.len()
    }
}
