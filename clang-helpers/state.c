/* state.c: the variables that helpers share, and what sets them up. Native only: a variable has one home.
 */
#include "inline.h"

#include <pthread.h>
#include <string.h>

#include <internal/pycore_pymem.h>
#include <internal/pycore_typeobject.h>

struct martlet_ints martlet_ints;
struct martlet_stack martlet_stack;
struct martlet_arrays martlet_arrays;
struct martlet_class martlet_class;
struct martlet_ascii *martlet_ascii;
struct martlet_names martlet_names;
struct martlet_spare martlet_spare;
destructor martlet_instance_dealloc;
bool martlet_audits_alone;

/* How many int blocks are kept, and after how many slow allocations the allocator is looked at again. */
enum { INT_POOL_LIMIT = 100, INT_POOL_CHECK_EVERY = 256 };

/* Whether the allocators in use are plain ones, so that nobody misses the allocations that a freelist saves. A
 * debugging allocator, tracemalloc and other hooks have other names or none. */
static bool allocator_is_plain(void)
{
    const char *name = _PyMem_GetCurrentAllocatorName();
    return name != NULL &&
           (strcmp(name, "pymalloc") == 0 || strcmp(name, "malloc") == 0 || strcmp(name, "mimalloc") == 0);
}

static void release_int_blocks(void)
{
    PyLongObject *block = martlet_ints.free;
    martlet_ints.free = NULL;
    martlet_ints.n_free = 0;
    while (block != NULL) {
        PyLongObject *next = (PyLongObject *)block->long_value.lv_tag;
        PyObject_Free(block);
        block = next;
    }
}

/* Looks at the allocator and opens or closes the freelist of ints accordingly. Needs the GIL; never fails. */
MARTLET_CALL void martlet_ints_check_allocator(void)
{
    martlet_ints.until_check = INT_POOL_CHECK_EVERY;
    if (allocator_is_plain()) {
        martlet_ints.limit = INT_POOL_LIMIT;
    } else {
        martlet_ints.limit = 0;
        release_int_blocks();
    }
}

/* Learns how objects of Python's classes are destroyed, from one that every interpreter has. 0, or -1 with an exception
 * set. */
static int find_instance_dealloc(void)
{
    O module = PyImport_ImportModule("_frozen_importlib");
    O cls = module != NULL ? PyObject_GetAttrString(module, "ModuleSpec") : NULL;
    Py_XDECREF(module);
    if (cls == NULL) {
        return -1;
    }
    if (PyType_Check(cls) && PyType_HasFeature((PyTypeObject *)cls, Py_TPFLAGS_HEAPTYPE)) {
        martlet_instance_dealloc = ((PyTypeObject *)cls)->tp_dealloc;
    }
    Py_DECREF(cls);
    return 0;
}

/* Finds the strings that the interpreter keeps. 0, or -1 with an exception set. */
static int find_strings(void)
{
    struct {
        O *place;
        const char *text;
    } names[] = {
        {&martlet_class.name, "__class__"}, {&martlet_names.send, "send"},         {&martlet_names.enter, "__enter__"},
        {&martlet_names.exit, "__exit__"},  {&martlet_names.aenter, "__aenter__"}, {&martlet_names.aexit, "__aexit__"},
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        *names[i].place = PyUnicode_InternFromString(names[i].text);
        if (*names[i].place == NULL) {
            return -1;
        }
    }
    O first = PyUnicode_FromOrdinal(0), last = PyUnicode_FromOrdinal(127);
    if (first == NULL || last == NULL) {
        return -1;
    }
    martlet_ascii = (struct martlet_ascii *)first; /* immortal, as the last */
    if ((O)(martlet_ascii + 127) != last) {
        PyErr_SetString(PyExc_SystemError, "martlet: the interpreter's characters do not lie as its headers say");
        return -1;
    }
    return 0;
}

/* Sets up the state of all helpers. To be called once, in the main interpreter, with the GIL held, before any other
 * helper runs. Returns 0, or -1 with an exception set. */
MARTLET_CALL int martlet_init(void)
{
    O lowest = PyLong_FromLong(MARTLET_SMALL_MIN);
    O zero = PyLong_FromLong(0);
    O highest = PyLong_FromLong(_PY_NSMALLPOSINTS - 1);
    if (lowest == NULL || zero == NULL || highest == NULL) {
        return -1;
    }
    PyLongObject *small = (PyLongObject *)lowest;
    if ((O)(small + _PY_NSMALLNEGINTS) != zero || (O)(small + MARTLET_SMALL_COUNT - 1) != highest) {
        PyErr_SetString(PyExc_SystemError, "martlet: the interpreter's small ints do not lie as its headers say");
        return -1;
    }
    if (find_strings() < 0) {
        return -1;
    }
    martlet_class.descriptor = _PyType_Lookup(&PyBaseObject_Type, martlet_class.name);
    if (find_instance_dealloc() < 0) {
        return -1;
    }
    martlet_ints.small = small; /* immortal: the references above need not be given back */
    martlet_ints_check_allocator();
    return 0;
}

/* Gives back what the helpers keep. To be called with the GIL held when no helper will run any more. */
MARTLET_CALL void martlet_fini(void)
{
    martlet_ints.limit = 0;
    release_int_blocks();
    Py_CLEAR(martlet_arrays.type);
    Py_CLEAR(martlet_spare.frame);
}

/* The lowest stack address at which machine code of this thread may still call machine code. A quarter of the stack
 * is machine code's: the interpreter and C extensions, which do not know of it, keep the rest. */
static uintptr_t stack_limit_of_this_thread(void)
{
    static _Thread_local uintptr_t known;
    if (known == 0) {
        pthread_attr_t attributes;
        void *base = NULL;
        size_t size = 0;
        uintptr_t here = (uintptr_t)__builtin_frame_address(0);
        known = here - 16 * 1024; /* when the system does not say */
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            if (pthread_attr_getstack(&attributes, &base, &size) == 0 && here > (uintptr_t)base) {
                size_t left = here - (uintptr_t)base;
                size_t most = 64 * 1024 * 1024;
                known = here - (left < most ? left : most) / 4;
            }
            pthread_attr_destroy(&attributes);
        }
    }
    return known;
}

/* Whether the C stack of the current thread is low. Remembers the answer's base for the fast test in frames.c. */
MARTLET_COLD bool martlet_stack_is_low(TS ts)
{
    martlet_stack.thread = ts->id;
    martlet_stack.limit = stack_limit_of_this_thread();
    return (uintptr_t)__builtin_frame_address(0) < martlet_stack.limit;
}
