//! Plain data that crosses between interpreter, engine and compiler.
