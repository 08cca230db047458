//! Which block a jump goes to: one for each shape of frames, up to a limit, then a joined one.

use super::frame::{
    self, Field, FieldShape, Frame, FrameShape, Item, ItemShape, Local, LocalShape, Shape,
};
use super::{Builder, Refusal, Work};
use crate::hir::{Block, Kind, Rep, Target, Term, Type, Value};
use std::collections::HashMap;

/// Versions of a loop's header before shapes are joined: one for the first iteration, one for the others, and one more.
const LOOP_LIMIT: usize = 3;
/// Versions of any other block.
const LIMIT: usize = 2;

/// The versions of all blocks, by the offset they start at and the code they are in.
#[derive(Default)]
pub(super) struct Versions {
    blocks: HashMap<(usize, u32), Vec<(Shape, Block)>>,
}

/// How many frames are outside of a fused expression: their values are at hand in all of its blocks.
fn n_outer(shape: &Shape) -> usize {
    let depth = shape.iter().position(|it| it.fused.is_some());
    depth.unwrap_or(0)
}

fn is_number(hint: Kind) -> bool {
    matches!(hint, Kind::INT | Kind::FLOAT)
}

impl Builder<'_> {
    /// Ends the current block with a jump to the bytecode at `offset`, which more than one instruction may lead to.
    pub(super) fn jump(&mut self, offset: u32) -> Result<(), Refusal> {
        self.begin(offset, offset);
        let code = self.frame().code;
        if !self.is_join(offset) && offset != 0 {
            self.show_floats();
            return self.continue_at(offset);
        }
        if self.frame().head.is_some() {
            return self.leave_head();
        }
        self.forget_exceptions(offset);
        if self.infos[code].loop_headers.contains(&offset) {
            self.speculate_at_header();
        }
        self.jump_to_join(offset)
    }

    /// The same, where the state in front of that bytecode is not an exit's.
    pub(super) fn jump_to_join(&mut self, offset: u32) -> Result<(), Refusal> {
        let code = self.frame().code;
        self.forget_details(offset);
        self.show_floats();
        self.keep_outer_frames();
        let shape: Shape = self
            .frames
            .iter()
            .map(|frame| frame.shape(&self.func))
            .collect();
        let versions = self.versions.blocks.entry((code, offset)).or_default();
        if let Some((_, block)) = versions.iter().find(|(known, _)| *known == shape) {
            let block = *block;
            return self.jump_to_version(block, &shape);
        }
        // A function that has grown to twice its size gets no more versions than it must have.
        let limit = match (
            self.infos[code].loop_headers.contains(&offset),
            self.func.bytecodes > self.affordable,
        ) {
            (_, true) => 1,
            (true, _) => LOOP_LIMIT,
            (false, _) => LIMIT,
        };
        if versions.len() < limit {
            return self.jump_to_new_version(offset, shape);
        }
        // The widest one that fits, else a wider one. Kinds only grow, so this ends.
        if let Some((known, block)) = versions
            .iter()
            .find(|(known, _)| frame::convertible(&shape, known))
        {
            let (known, block) = (known.clone(), *block);
            return self.jump_to_version(block, &known);
        }
        let joined = versions.iter().fold(shape, |joined, (known, _)| {
            frame::join(&joined, known).unwrap_or(joined)
        });
        self.jump_to_new_version(offset, joined)
    }

    /// Shapes do not tell apart what only multiplies versions: whether the memory of a variable agrees with its raw
    /// value at the moment, and, in front of a loop that stores to it, whether one that holds objects is bound: it is
    /// wherever it is read.
    fn forget_details(&mut self, offset: u32) {
        let info = &self.infos[0];
        let assigned = info.assigned_around(offset);
        let in_loop = info.loop_headers.contains(&offset);
        for (index, local) in self.frames[0].locals.iter_mut().enumerate() {
            if !assigned[index] {
                continue;
            }
            match local {
                Local::Raw { synced, .. } => *synced = false,
                Local::Memory { ty, .. }
                    if in_loop
                        && (ty.kinds == Kind::NULL || ty.kinds == Kind::ANY)
                        && !is_number(info.hints[index]) =>
                {
                    *ty = Type::of(Kind::all());
                }
                _ => {}
            }
        }
    }

    /// The stack's raw floats of which a variable keeps the object are that object from here on.
    pub(super) fn show_floats(&mut self) {
        for depth in 0..self.frames.len() {
            for index in 0..self.frames[depth].stack.len() {
                if let Item::Val(value) = self.frames[depth].stack[index]
                    && self.keeping_local(value).is_some()
                {
                    let object = self.boxed(value);
                    self.frames[depth].stack[index] = Item::Val(object);
                }
            }
        }
    }

    /// Goes on at `offset` in a block of its own, with the frames as they are.
    fn continue_at(&mut self, offset: u32) -> Result<(), Refusal> {
        let block = self.func.add_block(offset);
        self.end(Term::Jump(Target {
            block,
            args: vec![],
        }));
        self.work.push(Work {
            block,
            frames: self.frames.clone(),
            offset,
            classes: self.classes.clone(),
            plain: false,
            caught: false,
            goes_there: false,
        });
        Ok(())
    }

    fn jump_to_new_version(&mut self, offset: u32, shape: Shape) -> Result<(), Refusal> {
        let block = self.func.add_block(offset);
        let frames = self.frames_of_shape(block, &shape);
        let code = self.frame().code;
        self.versions
            .blocks
            .entry((code, offset))
            .or_default()
            .push((shape.clone(), block));
        self.work.push(Work {
            block,
            frames,
            offset,
            classes: HashMap::new(),
            plain: false,
            caught: false,
            goes_there: false,
        });
        self.jump_to_version(block, &shape)
    }

    /// Brings the frames into `shape` and jumps.
    fn jump_to_version(&mut self, block: Block, shape: &Shape) -> Result<(), Refusal> {
        let mut args = Vec::new();
        for (depth, frame) in shape.iter().enumerate().skip(n_outer(shape)) {
            self.convert_frame(depth, frame, &mut args)?;
        }
        self.end(Term::Jump(Target { block, args }));
        Ok(())
    }

    /// Unboxes locals that are numbers, where a loop is entered: so the loop need not. Those are taken whose value is
    /// used, and where a running loop is entered, those that were seen in it: else the loop is built twice, once for its
    /// first iteration. That guess alone may meet an unbound variable, and it is given up when it fails.
    fn speculate_at_header(&mut self) {
        if self.is_inlined() {
            return;
        }
        let header = self.start;
        let is_entry = self.block == self.func.entry && self.may_speculate();
        for local in 0..self.frame().locals.len() {
            let Local::Memory { ty, cached } = self.frame().locals[local] else {
                continue;
            };
            let hint = self.infos[0].hints[local];
            let seen = self.request.codes[0].seen_locals.get(local);
            let was_bound = seen.is_some_and(|it| *it != martlet_snapshot::Seen::Nothing);
            let is_used = self.infos[0].is_used_from(header, local);
            if (is_used || is_entry && was_bound)
                && ty.kinds.contains(hint)
                && matches!(hint, Kind::INT | Kind::FLOAT)
                && !self.infos[0].identity_matters
            {
                if is_used {
                    let ty = Type {
                        kinds: ty.kinds & Kind::ANY,
                        object: ty.object,
                    };
                    self.frame_mut().locals[local] = Local::Memory { ty, cached };
                }
                self.unbox_local(local as u32, hint);
            }
        }
    }

    fn convert_frame(
        &mut self,
        depth: usize,
        shape: &FrameShape,
        args: &mut Vec<Value>,
    ) -> Result<(), Refusal> {
        if let Some(function) = self.frames[depth].function {
            args.push(function);
        }
        for (index, local) in shape.locals.iter().enumerate() {
            match (self.frames[depth].locals[index].clone(), local) {
                (Local::Memory { .. }, LocalShape::Memory(_)) => {}
                (Local::Raw { value, .. }, LocalShape::Raw(..)) => args.push(value),
                (Local::Raw { synced: true, .. }, LocalShape::Memory(_)) => {}
                (Local::Raw { value, .. }, LocalShape::Memory(_)) => {
                    self.store_boxed(index as u32, value)
                }
                (Local::Inlined(item), LocalShape::Inlined(shape)) => {
                    self.convert_item(item, shape, args)?
                }
                _ => return Err(Refusal::new("shape", "a local cannot be converted")),
            }
        }
        for (index, item) in shape.stack.iter().enumerate() {
            let from = self.frames[depth].stack[index].clone();
            self.convert_item(from, item, args)?;
        }
        Ok(())
    }

    fn convert_item(
        &mut self,
        item: Item,
        shape: &ItemShape,
        args: &mut Vec<Value>,
    ) -> Result<(), Refusal> {
        match (item, shape) {
            (Item::Null, ItemShape::Null) => {}
            (Item::Val(value), ItemShape::Raw(_)) => args.push(value),
            (Item::Virtual(_, fields), ItemShape::Virtual(_, shapes)) => {
                for (field, shape) in fields.into_iter().zip(shapes) {
                    match (field, shape) {
                        (Field::Raw(value), FieldShape::Raw) => args.push(value),
                        (Field::Item(item), FieldShape::Item(shape)) => {
                            self.convert_item(item, shape, args)?
                        }
                        _ => {
                            return Err(Refusal::new(
                                "shape",
                                "a virtual object's field cannot be converted",
                            ));
                        }
                    }
                }
            }
            (item, ItemShape::Obj(_)) => {
                let value = self.obj(&item)?;
                args.push(value);
            }
            _ => return Err(Refusal::new("shape", "a stack item cannot be converted")),
        }
        Ok(())
    }

    /// Frames of a shape, with fresh parameters of `block` for what they hold.
    fn frames_of_shape(&mut self, block: Block, shape: &Shape) -> Vec<Frame> {
        let n_outer = n_outer(shape);
        let mut frames = self.frames[..n_outer].to_vec();
        let inner = shape[n_outer..].iter();
        frames.extend(inner.map(|frame| self.frame_of_shape(block, frame)));
        frames
    }

    fn frame_of_shape(&mut self, block: Block, shape: &FrameShape) -> Frame {
        let function = shape.inlined.then(|| {
            self.func
                .add_param(block, Rep::Obj, Type::of(Kind::FUNCTION))
        });
        let locals = shape
            .locals
            .iter()
            .map(|local| match local {
                LocalShape::Memory(kinds) => Local::Memory {
                    ty: Type::of(*kinds),
                    cached: None,
                },
                LocalShape::Raw(rep, synced) => {
                    let value = self
                        .func
                        .add_param(block, *rep, Type::of(frame::raw_kind(*rep)));
                    Local::Raw {
                        value,
                        synced: *synced,
                    }
                }
                LocalShape::Inlined(item) => Local::Inlined(self.item_of_shape(block, item)),
            })
            .collect();
        let stack = shape
            .stack
            .iter()
            .map(|item| self.item_of_shape(block, item))
            .collect();
        Frame {
            code: shape.code,
            function,
            locals,
            stack,
            sees_globals: shape.sees_globals,
            call: shape.call,
            head: None,
            fused: shape.fused,
            exceptions: shape.exceptions.clone(),
        }
    }

    fn item_of_shape(&mut self, block: Block, shape: &ItemShape) -> Item {
        match shape {
            ItemShape::Null => Item::Null,
            ItemShape::Obj(kinds) => {
                Item::Val(self.func.add_param(block, Rep::Obj, Type::of(*kinds)))
            }
            ItemShape::Raw(rep) => Item::Val(self.func.add_param(
                block,
                *rep,
                Type::of(frame::raw_kind(*rep)),
            )),
            ItemShape::Virtual(kind, fields) => {
                let fields = fields
                    .iter()
                    .map(|field| match field {
                        FieldShape::Raw => {
                            Field::Raw(self.func.add_param(block, Rep::I64, Type::of(Kind::INT)))
                        }
                        FieldShape::Item(item) => Field::Item(self.item_of_shape(block, item)),
                    })
                    .collect();
                Item::Virtual(*kind, fields)
            }
        }
    }
}
