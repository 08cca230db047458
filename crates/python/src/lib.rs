//! The Python extension module: martlet on an unmodified CPython 3.13.
