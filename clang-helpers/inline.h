/* inline.h: the few operations that several families of helpers are made of.
 *
 * Everything here is folded into its callers; nothing has a symbol of its own.
 */
#ifndef MARTLET_INLINE_H
#define MARTLET_INLINE_H

#include "martlet.h"

#include <martlet_bitcode.h>

#include <internal/pycore_freelist.h>
#include <internal/pycore_object_state.h>

/* State of the int helpers: one for the process, guarded by the GIL of the main interpreter. Defined in state.c, so
 * that every user of it, inlined or not, sees the same words. */
struct martlet_ints {
    PyLongObject *small;   /* the interpreter's own -5; its small ints follow it without a gap */
    PyLongObject *free;    /* free blocks of at least 32 bytes, linked through lv_tag, type already set */
    int64_t n_free;        /* number of blocks in `free` */
    int64_t limit;         /* most blocks to keep; 0 while the allocator in use wants to see every allocation */
    int64_t until_check;   /* slow allocations until the allocator is looked at again */
};
extern struct martlet_ints martlet_ints;

/* Part of the C stack that the thread seen last leaves to machine code. Defined in state.c. */
struct martlet_stack {
    uint64_t thread;  /* the thread state's id; addresses of thread states are used again, ids are not */
    uintptr_t limit;  /* machine code calls no machine code below this address */
};
extern struct martlet_stack martlet_stack;

/* The attribute `__class__` that all objects have, as `object` has it. Defined in state.c. */
struct martlet_class {
    O name;       /* "__class__", interned */
    O descriptor; /* what `object` has under it */
};
extern struct martlet_class martlet_class;

/* The interpreter's strings of one ASCII character, in order; its versions have them at different places. Defined in
 * state.c. */
struct martlet_ascii {
    PyASCIIObject object;
    uint8_t text[2];
};
extern struct martlet_ascii *martlet_ascii;

/* Names of methods, interned. Defined in state.c. */
struct martlet_names {
    O send, enter, exit, aenter, aexit;
};
extern struct martlet_names martlet_names;

/* How objects of all classes of Python's are destroyed, subtype_dealloc. Defined in state.c. */
extern destructor martlet_instance_dealloc;

/* Whether no audit hook of the process but the extension's own hears C code: then events that it does not care for need
 * not be raised where no interpreter has hooks of its own. Defined in state.c. */
extern bool martlet_audits_alone;

/* The class `array.array`, once an array was seen; owned. Defined in state.c. */
struct martlet_arrays {
    PyTypeObject *type;
};
extern struct martlet_arrays martlet_arrays;

/* An object of a frame that is gone, to be the next one's: it says nothing yet. NULL: there is none. Defined in state.c. */
struct martlet_spare {
    PyFrameObject *frame;
    int room; /* words behind it */
};
extern struct martlet_spare martlet_spare;

/* Behind MARTLET_CALL and its kind, of a function whose result is 0, 1, or -1. */
#define MARTLET_TRUTH BITCODE_RANGE(-1, 2)

/* The values that CPython keeps as immortal singletons. */
#define MARTLET_SMALL_MIN (-_PY_NSMALLNEGINTS)
#define MARTLET_SMALL_COUNT (_PY_NSMALLNEGINTS + _PY_NSMALLPOSINTS)

/* Slow paths that more than one file calls. */
O martlet_int_box_slow(int64_t value);
O martlet_float_box_slow(double value);
MARTLET_LEAF void martlet_int_free(O v);
MARTLET_LEAF void martlet_float_free(TS ts, O v);
void martlet_dealloc(O v);
MARTLET_LEAF bool martlet_dies_quietly(O v);
MARTLET_LEAF bool martlet_die_quietly(O const *items, int64_t n);
MARTLET_CALL void martlet_release(O v);
void martlet_ints_check_allocator(void);
struct martlet_int_ok martlet_int_unbox_slow(O v);

/* Whether the C stack of the current thread is low: see state.c. */
bool martlet_stack_is_low(TS ts);

MARTLET_INLINE bool martlet_inline_is_immortal(O v)
{
    return (int32_t)v->ob_refcnt < 0;
}

MARTLET_INLINE void martlet_inline_decref(O v)
{
    if (MARTLET_LIKELY(!martlet_inline_is_immortal(v))) {
        if (MARTLET_UNLIKELY(--v->ob_refcnt == 0)) {
            martlet_dealloc(v);
        }
    }
}

MARTLET_INLINE void martlet_inline_xdecref(O v)
{
    if (v != NULL) {
        martlet_inline_decref(v);
    }
}

/* Whether releasing v cannot run Python: it is exactly a float, int, str or bool, or None. */
MARTLET_INLINE bool martlet_inline_is_quiet(O v)
{
    PyTypeObject *type = Py_TYPE(v);
    return type == &PyFloat_Type || type == &PyLong_Type || type == &PyUnicode_Type || type == &PyBool_Type ||
           v == Py_None;
}

/* Whether releasing a reference to v runs no Python: it is NULL, not the last one, or v dies silently. */
MARTLET_INLINE bool martlet_inline_release_quiet(O v)
{
    return v == NULL || MARTLET_LIKELY(v->ob_refcnt > 1) || martlet_dies_quietly(v);
}

MARTLET_INLINE bool martlet_inline_int_is_compact(O v)
{
    return ((PyLongObject *)v)->long_value.lv_tag < (2 << NON_SIZE_BITS);
}

MARTLET_INLINE int64_t martlet_inline_int_compact_value(O v)
{
    const PyLongObject *i = (const PyLongObject *)v;
    int64_t sign = 1 - (int64_t)(i->long_value.lv_tag & SIGN_MASK);
    return sign * (int64_t)i->long_value.ob_digit[0];
}

/* The int `value`, new; NULL = MemoryError. */
MARTLET_INLINE O martlet_inline_int_box(int64_t value)
{
    if ((uint64_t)(value - MARTLET_SMALL_MIN) < MARTLET_SMALL_COUNT) {
        return (O)(martlet_ints.small + (value - MARTLET_SMALL_MIN));
    }
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    PyLongObject *block = martlet_ints.free;
    if (MARTLET_UNLIKELY(block == NULL || magnitude >> (2 * PyLong_SHIFT) != 0)) {
        return martlet_int_box_slow(value);
    }
    martlet_ints.free = (PyLongObject *)block->long_value.lv_tag;
    martlet_ints.n_free--;
    uint64_t high = magnitude >> PyLong_SHIFT;
    uint64_t n_digits = high != 0 ? 2 : 1;
    block->ob_base.ob_refcnt = 1;
    block->long_value.lv_tag = n_digits << NON_SIZE_BITS | (value < 0 ? SIGN_NEGATIVE : 0);
    block->long_value.ob_digit[0] = (digit)(magnitude & PyLong_MASK);
    /* Every block has room for two digits. */
    (&block->long_value.ob_digit[0])[1] = (digit)high;
    return (O)block;
}

/* Releases an exact int. */
MARTLET_INLINE void martlet_inline_int_decref(O v)
{
    if (MARTLET_LIKELY(!martlet_inline_is_immortal(v))) {
        if (--v->ob_refcnt == 0) {
            martlet_int_free(v);
        }
    }
}

/* The float `value`, new; NULL = MemoryError. CPython's own freelist, as PyFloat_FromDouble uses it. */
MARTLET_INLINE O martlet_inline_float_box(TS ts, double value)
{
    struct _Py_float_freelist *list = &ts->interp->object_state.freelists.floats;
    PyFloatObject *block = list->items;
    if (MARTLET_UNLIKELY(block == NULL)) {
        return martlet_float_box_slow(value);
    }
    list->items = (PyFloatObject *)block->ob_base.ob_type;
    list->numfree--;
    block->ob_base.ob_refcnt = 1;
    block->ob_base.ob_type = &PyFloat_Type;
    block->ob_fval = value;
    return (O)block;
}

/* Gives the float `old` another value, if it is one to which there is only one reference: the caller sees to it that
 * no borrowed one is alive. */
MARTLET_INLINE bool martlet_inline_overwrite_float(O old, double value)
{
    if (MARTLET_LIKELY(Py_IS_TYPE(old, &PyFloat_Type) && old->ob_refcnt == 1)) {
        ((PyFloatObject *)old)->ob_fval = value;
        return true;
    }
    return false;
}

/* Likewise of an int of one digit, where `value` has one digit and is not one of the interpreter's small ints, whose
 * identity programs see. */
MARTLET_INLINE bool martlet_inline_overwrite_int(O old, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    bool one_digit = magnitude >> PyLong_SHIFT == 0;
    bool small = (uint64_t)(value - MARTLET_SMALL_MIN) < MARTLET_SMALL_COUNT;
    if (one_digit && !small && Py_IS_TYPE(old, &PyLong_Type) && old->ob_refcnt == 1 &&
        martlet_inline_int_is_compact(old)) {
        PyLongObject *block = (PyLongObject *)old;
        block->long_value.lv_tag = 1 << NON_SIZE_BITS | (value < 0 ? SIGN_NEGATIVE : 0);
        block->long_value.ob_digit[0] = (digit)magnitude;
        return true;
    }
    return false;
}

/* Releases an exact float. */
MARTLET_INLINE void martlet_inline_float_decref(TS ts, O v)
{
    if (MARTLET_LIKELY(!martlet_inline_is_immortal(v))) {
        if (--v->ob_refcnt == 0) {
            martlet_float_free(ts, v);
        }
    }
}

#endif /* MARTLET_INLINE_H */
