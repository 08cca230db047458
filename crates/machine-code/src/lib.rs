//! Machine code that can be replaced and freed while threads run it.
