//! A system made of ordinary memory: it records every request and fails on demand. Nothing in it can be executed.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Os;
use crate::Error;

const PAGE: usize = 4096;

/// A handle on the recording; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Recording>>);

#[derive(Default)]
struct Recording {
    calls: Vec<&'static str>,
    /// Fails the call with this number, counted from 0 over all calls that can fail.
    fail_at: Option<usize>,
    fallible: usize,
    views: Vec<(usize, usize)>,
}

impl Fake {
    /// Makes the `n`-th call from now on that can fail do so.
    pub(crate) fn fail_at(&self, n: Option<usize>) {
        let mut recording = self.recording();
        recording.fail_at = n;
        recording.fallible = 0;
    }

    /// The names of the calls made since the last time this was asked.
    pub(crate) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.recording().calls)
    }

    /// Whether the call that was to fail has been made.
    pub(crate) fn has_failed(&self) -> bool {
        let recording = self.recording();
        recording.fail_at.is_some_and(|n| recording.fallible > n)
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        self.0
            .lock()
            .expect("no test panics while it holds the recording")
    }

    fn record(&self, call: &'static str) -> Result<(), Error> {
        let mut recording = self.recording();
        recording.calls.push(call);
        recording.fallible += 1;
        match recording.fail_at {
            Some(n) if recording.fallible == n + 1 => Err(Error::NoExecMemory {
                step: call,
                errno: 12,
            }),
            _ => Ok(()),
        }
    }

    fn fill(start: usize, len: usize, byte: u8) {
        // SAFETY: callers pass parts of a live reservation.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(start).write_bytes(byte, len) }
    }
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len, PAGE).expect("tests reserve sensible sizes")
}

impl Os for Fake {
    fn reserve(&self, len: usize) -> Result<usize, Error> {
        self.record("reserve")?;
        // SAFETY: the length is not zero.
        Ok(unsafe { alloc_zeroed(layout(len)) }.expose_provenance())
    }

    fn release(&self, start: usize, len: usize) {
        self.recording().calls.push("release");
        // SAFETY: `reserve` allocated it with the same layout.
        unsafe { dealloc(ptr::with_exposed_provenance_mut(start), layout(len)) }
    }

    fn commit_code(&self, start: usize, len: usize) -> Result<(), Error> {
        self.record("commit_code")?;
        Self::fill(start, len, 0);
        Ok(())
    }

    fn commit_data(&self, start: usize, len: usize) -> Result<(), Error> {
        self.record("commit_data")?;
        Self::fill(start, len, 0);
        Ok(())
    }

    fn decommit(&self, start: usize, len: usize) -> Result<(), Error> {
        self.record("decommit")?;
        Self::fill(start, len, 0);
        Ok(())
    }

    fn write_code(&self, writes: &[(usize, &[u8])]) -> Result<(), Error> {
        self.record("write_code")?;
        for (address, bytes) in writes {
            // SAFETY: callers pass committed parts of a live reservation.
            unsafe {
                ptr::with_exposed_provenance_mut::<u8>(*address)
                    .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
        }
        Ok(())
    }

    fn map_stubs(&self, _start: usize, len: usize) -> Result<usize, Error> {
        self.record("map_stubs")?;
        // SAFETY: the length is not zero.
        let view = unsafe { alloc_zeroed(layout(len)) }.expose_provenance();
        self.recording().views.push((view, len));
        Ok(view)
    }

    fn unmap_view(&self, view: usize, len: usize) {
        self.recording().views.retain(|&it| it != (view, len));
        // SAFETY: `map_stubs` allocated it with the same layout.
        unsafe { dealloc(ptr::with_exposed_provenance_mut(view), layout(len)) }
    }

    fn sync_core(&self) -> Result<(), Error> {
        self.record("sync_core")
    }

    fn has_barrier(&self) -> bool {
        true
    }

    fn barrier(&self) {
        self.recording().calls.push("barrier");
    }
}
