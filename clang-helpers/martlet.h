/* martlet.h: what every C helper, the runtime and the compiler agree on.
 *
 * A helper is a small C function `martlet_*`. It exists twice: natively, linked into the extension, and as LLVM
 * bitcode, so that the compiler can inline it into machine code. README.md beside this file has the rules.
 *
 * Words used in the comments on helpers
 *   new        the result is a reference that the caller owns
 *   borrowed   the result is not owned; it lives as long as what it was taken from
 *   steals     the helper takes over the caller's reference, also when it fails
 *   (an argument about which nothing is said is borrowed)
 *   NULL / -1  an exception is set, unless the comment says otherwise
 */
#ifndef MARTLET_H
#define MARTLET_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_BUILD_CORE_MODULE
#  define Py_BUILD_CORE_MODULE 1
#endif
#include <Python.h>

#include <internal/pycore_ceval.h>
#include <internal/pycore_code.h>
#include <internal/pycore_frame.h>
#include <internal/pycore_function.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_long.h>
#include <internal/pycore_object.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_tuple.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if PY_VERSION_HEX < 0x030D0000 || PY_VERSION_HEX >= 0x030E0000
#  error "Martlet's helpers are written for CPython 3.13"
#endif
#if defined(Py_GIL_DISABLED) || defined(Py_DEBUG)
#  error "Martlet's helpers need a release build of CPython with the GIL"
#endif

/* Short names for the types that nearly every signature has. */
typedef PyObject *O;
typedef PyThreadState *TS;
typedef struct _PyInterpreterFrame *F;

/* A helper that the compiler may inline. Visible to the linker natively; its bitcode has a body. */
#define MARTLET_HELPER __attribute__((visibility("default")))
/* As MARTLET_HELPER, where LLVM would take the calls inside for more than they cost. */
#define MARTLET_HOT __attribute__((visibility("default"), always_inline))
/* A slow path: never inlined, kept out of the way of the fast code that calls it. In the compiler's view it is a
 * declaration, resolved to the native function. */
#define MARTLET_COLD __attribute__((visibility("default"), cold, noinline))
/* As MARTLET_COLD for functions that are called often but are too large to inline. */
#define MARTLET_CALL __attribute__((visibility("default"), noinline))
/* As MARTLET_CALL for small functions that are called at very many places: nearly all registers outlive the call. */
#define MARTLET_LEAF __attribute__((visibility("default"), noinline, preserve_most))
/* A small function of this folder that has no life of its own: always folded into its callers. */
#define MARTLET_INLINE static inline __attribute__((always_inline))

#define MARTLET_LIKELY(x) __builtin_expect(!!(x), 1)
#define MARTLET_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* What a body returns for "the frame is in a state from which the interpreter can go on". Never a valid object. */
#define MARTLET_SENTINEL ((PyObject *)1)

/* What martlet_poll_frame returns for "go on in machine code". */
#define MARTLET_GO_ON ((PyObject *)2)

/* What every version has in the first slot of its slot table. Written by the embedder when the version is
 * published; read by machine code, exits and adapters. */
struct martlet_unit {
    uint8_t valid;          /* 1; 0 once an assumption of the version is broken */
    uint8_t kind;           /* 0 entered as a function, 1 entered at a loop header */
    uint16_t mark;          /* what frame->return_offset holds while the version runs in the frame: 0x8000 | n */
    uint32_t n_exits;       /* number of exits */
    const uint32_t *exits;  /* the exit table: see the runtime's exit routine */
    uint64_t *exit_counts;  /* how often each exit was taken: n_exits words */
    O const *slots;         /* the slot table that this header is slot 0 of */
    PyCodeObject *code;     /* the code object that was translated (borrowed) */
    void *owner;            /* the embedder's own */
    uint64_t *notes;        /* what was seen of operands: see notes.c */
};

/* A version's machine code. `frame` is pushed and linked, arguments stand in localsplus. Result: new reference,
 * NULL with an exception set, or MARTLET_SENTINEL. */
typedef O (*martlet_body)(TS ts, F frame);

/* What classmethod and staticmethod objects begin with (funcobject.c). */
struct martlet_wrapper {
    PyObject ob_base;
    PyObject *callable;
};

/* An attribute that is no inline value. */
#define MARTLET_NO_INDEX UINT32_MAX

/* A note of what was now an int and now a float: see notes.c. */
#define MARTLET_NUMBER 17

/* Results of more than one word; all of them travel in two registers. */
struct martlet_pair {
    O first;
    O second;
};
struct martlet_int_ok {
    int64_t value;
    int64_t ok; /* 0: no value */
};
struct martlet_float_ok {
    double value;
    int64_t ok; /* 0: no value */
};

/* Calls a Python function with n arguments, the last of them named by `names`. Steals all but the names: what the frame
 * takes over dies when that drops it. New; NULL = exception. In entry.c of the runtime. */
O martlet_call_function(TS ts, O callable, O *args, size_t n, O names);

/* v's own attribute `name`, borrowed, where v's class has no such attribute; NULL (no exception): not found. In lookups.c. */
O martlet_probe_by_name(O v, O name);

/* The next item of a generator, whatever its state; new, or NULL with an exception set or not. In generators.c of the
 * runtime. */
O martlet_next_of_generator(TS ts, O generator);

/* Calls of coroutines' functions that are awaited at once. In generators.c of the runtime. */
bool martlet_awaits_call(TS ts, O callable, size_t n);
int martlet_await_call(TS ts, O callable, O *args, size_t n, O *out);

/* Items of asynchronous generators that are awaited at once. In async.c of the runtime. */
bool martlet_awaits_next(TS ts, O iterator);
int martlet_await_next(TS ts, O iterator, O *out);

#endif /* MARTLET_H */
