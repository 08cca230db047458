//! Tests on text.

mod round_trip;
mod verify;
