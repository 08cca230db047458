/* calls.c: calls, functions, cells, raising and formatting.
 *
 * Calls steal the callable and the arguments, also when they fail: a Python function owns its arguments, and what it
 * drops dies at once, as where the interpreter runs it inline.
 */
#include "inline.h"

#include <internal/pycore_call.h>
#include <internal/pycore_cell.h>
#include <internal/pycore_intrinsics.h>
#include <internal/pycore_opcode_utils.h>

/* The result of calling what is no Python function: behind such a call the interpreter looks up, still at the call, for
 * signals, other threads and the collector. NULL with an exception set if that raised. Source: CHECK_EVAL_BREAKER. */
static O looked_up(TS ts, O result)
{
    bool due = (_Py_atomic_load_uintptr_relaxed(&ts->eval_breaker) & _PY_EVAL_EVENTS_MASK) != 0;
    if (MARTLET_UNLIKELY(due) && result != NULL && _Py_HandlePending(ts) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

/* A C function that takes no argument, or one, in `arg`. Such calls count towards the recursion limit; where that is
 * reached, nothing is called, and the general way says so. */
MARTLET_INLINE bool call_simple(TS ts, PyCFunction function, O self, O arg, O *result)
{
    if (MARTLET_UNLIKELY(ts->c_recursion_remaining <= 0)) {
        return false;
    }
    ts->c_recursion_remaining--;
    *result = function(self, arg);
    ts->c_recursion_remaining++;
    return true;
}

/* Calls a C function by the protocol that its definition names, with n arguments. Whether it did: where arguments are
 * wrong, or the protocol is another one, nothing has happened. Source: CALL_BUILTIN_*, CALL_METHOD_DESCRIPTOR_*. */
MARTLET_INLINE bool call_by_definition(TS ts, const PyMethodDef *def, O self, O *args, size_t n, O *result)
{
    PyCFunction function = def->ml_meth;
    switch (def->ml_flags) {
    case METH_NOARGS:
        return n == 0 && call_simple(ts, function, self, NULL, result);
    case METH_O:
        return n == 1 && call_simple(ts, function, self, args[0], result);
    case METH_FASTCALL:
        *result = ((PyCFunctionFast)(void (*)(void))function)(self, args, (Py_ssize_t)n);
        return true;
    case METH_FASTCALL | METH_KEYWORDS:
        *result = ((PyCFunctionFastWithKeywords)(void (*)(void))function)(self, args, (Py_ssize_t)n, NULL);
        return true;
    default:
        return false;
    }
}

/* What a C function has returned, which may be NULL without an exception, or an object with one: then a SystemError. */
static O checked(TS ts, O callable, O result)
{
    bool as_usual = (result == NULL) == (ts->current_exception != NULL);
    return MARTLET_LIKELY(as_usual) ? result : _Py_CheckFunctionResult(ts, callable, result, NULL);
}

/* Calls what is no Python function with n positional arguments; new. */
static O call_c(TS ts, O callable, O *args, size_t n, size_t flag)
{
    O result = NULL;
    if (Py_IS_TYPE(callable, &PyMethodDescr_Type)) {
        PyMethodDescrObject *method = (PyMethodDescrObject *)callable;
        PyTypeObject *class = method->d_common.d_type;
        bool fits = n > 0 && (Py_IS_TYPE(args[0], class) || PyType_IsSubtype(Py_TYPE(args[0]), class));
        if (fits && call_by_definition(ts, method->d_method, args[0], args + 1, n - 1, &result)) {
            return checked(ts, callable, result);
        }
    } else if (Py_IS_TYPE(callable, &PyCFunction_Type)) {
        const PyMethodDef *def = ((PyCFunctionObject *)callable)->m_ml;
        if (call_by_definition(ts, def, PyCFunction_GET_SELF(callable), args, n, &result)) {
            return checked(ts, callable, result);
        }
    }
    return _PyObject_VectorcallTstate(ts, callable, args, n | flag, NULL);
}

/* Calls with the n arguments in `args`, the last of them named by `names`; steals the callable and the arguments.
 * args[-1] is free if `flag` says so. */
MARTLET_INLINE O call_owned(TS ts, O callable, O *args, size_t n, size_t flag, O names)
{
    if (Py_IS_TYPE(callable, &PyFunction_Type)) {
        return martlet_call_function(ts, callable, args, n, names);
    }
    size_t n_positional = names == NULL ? n : n - (size_t)PyTuple_GET_SIZE(names);
    O result = names == NULL ? call_c(ts, callable, args, n, flag)
                             : _PyObject_VectorcallTstate(ts, callable, args, n_positional | flag, names);
    martlet_inline_decref(callable);
    for (size_t i = 0; i < n; i++) {
        martlet_inline_decref(args[i]);
    }
    return looked_up(ts, result);
}

/* As the interpreter's CALL: `self` comes first; a bound method is taken apart. args[-1] is room for self. */
MARTLET_INLINE O call_arranged(TS ts, O callable, O self, O *args, size_t n, O names)
{
    if (self == NULL && Py_IS_TYPE(callable, &PyMethod_Type)) {
        O method = callable;
        self = Py_NewRef(((PyMethodObject *)method)->im_self);
        callable = Py_NewRef(((PyMethodObject *)method)->im_func);
        martlet_inline_decref(method);
    }
    if (self == NULL) {
        return call_owned(ts, callable, args, n, PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    }
    args[-1] = self;
    return call_owned(ts, callable, args - 1, n + 1, 0, names);
}

/* callable(*args), or callable(self, *args) if self is not NULL; new; steals callable, self and the arguments. args[-1]
 * is room that the helper may write. Source: CALL. */
MARTLET_CALL O martlet_call(TS ts, O callable, O self, O *args, int64_t n)
{
    return call_arranged(ts, callable, self, args, (size_t)n, NULL);
}

/* As martlet_call, the last of the n arguments being the values of the keywords in the tuple `names`, which is borrowed;
 * new. Source: CALL_KW. */
MARTLET_CALL O martlet_call_kw(TS ts, O callable, O self, O names, O *args, int64_t n)
{
    return call_arranged(ts, callable, self, args, (size_t)n, names);
}

/* Sets the TypeError of `f(*args)` where args is no iterable, and answers false. */
static bool can_be_starred(TS ts, O callable, O args)
{
    (void)ts;
    if (Py_TYPE(args)->tp_iter != NULL || PySequence_Check(args)) {
        return true;
    }
    PyErr_Clear();
    O text = _PyObject_FunctionStr(callable);
    if (text != NULL) {
        PyErr_Format(PyExc_TypeError, "%U argument after * must be an iterable, not %.200s", text,
                     Py_TYPE(args)->tp_name);
        Py_DECREF(text);
    }
    return false;
}

/* function(*tuple); new; steals both; the tuple need not outlive the start of the call. */
static O call_unpacked(TS ts, O function, O tuple)
{
    size_t n = (size_t)PyTuple_GET_SIZE(tuple);
    O few[8];
    O *args = n <= 8 ? few : PyMem_Malloc(n * sizeof(O));
    if (args == NULL) {
        Py_DECREF(function);
        Py_DECREF(tuple);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; i < n; i++) {
        args[i] = Py_NewRef(PyTuple_GET_ITEM(tuple, i));
    }
    Py_DECREF(tuple);
    O result = call_owned(ts, function, args, n, 0, NULL);
    if (args != few) {
        PyMem_Free(args);
    }
    return result;
}

/* callable(*args, **kwargs); kwargs is an exact dict or NULL; new; steals all three. Source: CALL_FUNCTION_EX. */
MARTLET_CALL O martlet_call_ex(TS ts, O callable, O args, O kwargs)
{
    if (!PyTuple_CheckExact(args)) {
        O tuple = can_be_starred(ts, callable, args) ? PySequence_Tuple(args) : NULL;
        if (tuple == NULL) {
            /* As what stands on the stack goes where an exception leaves. */
            Py_XDECREF(kwargs);
            Py_DECREF(args);
            Py_DECREF(callable);
            return NULL;
        }
        Py_SETREF(args, tuple);
    }
    if (Py_IS_TYPE(callable, &PyFunction_Type) && (kwargs == NULL || PyDict_GET_SIZE(kwargs) == 0)) {
        Py_XDECREF(kwargs);
        return call_unpacked(ts, callable, args);
    }
    O result = PyObject_Call(callable, args, kwargs);
    Py_DECREF(callable);
    Py_DECREF(args);
    Py_XDECREF(kwargs);
    return looked_up(ts, result);
}

/* Whether v is the class of this version. */
MARTLET_HELPER bool martlet_is_class(O v, uint32_t type_version)
{
    return PyType_Check(v) && ((PyTypeObject *)v)->tp_version_tag == type_version;
}

/* Item `i` of a function's n default values, borrowed; NULL (no exception) if it has not n of them any more. */
MARTLET_HELPER O martlet_probe_default(O function, uint32_t n, uint32_t i)
{
    O defaults = ((PyFunctionObject *)function)->func_defaults;
    bool as_known = defaults != NULL && PyTuple_GET_SIZE(defaults) == (Py_ssize_t)n;
    return MARTLET_LIKELY(as_known) ? PyTuple_GET_ITEM(defaults, i) : NULL;
}

/* Whether a function has the globals and builtins of the frame. */
MARTLET_HELPER bool martlet_same_globals(F frame, O function)
{
    PyFunctionObject *f = (PyFunctionObject *)function;
    return f->func_globals == frame->f_globals && f->func_builtins == frame->f_builtins;
}

/* An object of a class that makes its objects as `object` does, before __init__; new. NULL = MemoryError.
 * Source: _PyType_NewManagedObject. */
MARTLET_CALL O martlet_new_instance(O class)
{
    return PyType_GenericAlloc((PyTypeObject *)class, 0);
}

/* 0 if an __init__ returned None, else -1 = TypeError. Source: EXIT_INIT_CHECK. */
MARTLET_CALL int martlet_init_result(O result)
{
    if (result == Py_None) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(result)->tp_name);
    return -1;
}

/* A function of `code` with the frame's globals; new. NULL = MemoryError. Source: MAKE_FUNCTION. */
MARTLET_CALL O martlet_make_function(F frame, O code)
{
    O function = PyFunction_New(code, frame->f_globals);
    if (function != NULL) {
        _PyFunction_SetVersion((PyFunctionObject *)function, ((PyCodeObject *)code)->co_version);
    }
    return function;
}

/* Sets the attribute `which` (MAKE_FUNCTION_DEFAULTS, ...) of a function just made; steals value.
 * Source: SET_FUNCTION_ATTRIBUTE. */
MARTLET_CALL void martlet_set_function_attribute(O function, O value, int32_t which)
{
    PyFunctionObject *f = (PyFunctionObject *)function;
    O *slot = which == MAKE_FUNCTION_CLOSURE       ? &f->func_closure
              : which == MAKE_FUNCTION_ANNOTATIONS ? &f->func_annotations
              : which == MAKE_FUNCTION_KWDEFAULTS  ? &f->func_kwdefaults
                                                   : &f->func_defaults;
    O old = *slot;
    *slot = value;
    Py_XDECREF(old);
}

/* A cell that holds `initial`, which may be NULL and is borrowed; new. NULL = MemoryError. Source: MAKE_CELL. */
MARTLET_CALL O martlet_make_cell(O initial)
{
    return PyCell_New(initial);
}

/* Sets the NameError or UnboundLocalError of an empty cell, which is local `i` of the frame. */
MARTLET_COLD O martlet_unbound_cell(TS ts, F frame, uint32_t i)
{
    _PyEval_FormatExcUnbound(ts, (PyCodeObject *)frame->f_executable, (int)i);
    return NULL;
}

/* The content of a cell; borrowed; NULL (no exception) if it is empty. Source: LOAD_DEREF. */
MARTLET_HELPER O martlet_probe_cell(O cell)
{
    return ((PyCellObject *)cell)->ob_ref;
}

/* The content of a cell, which is local `i` of the frame; new; NameError or UnboundLocalError. Source: LOAD_DEREF. */
MARTLET_HELPER O martlet_load_deref(TS ts, F frame, O cell, uint32_t i)
{
    O value = ((PyCellObject *)cell)->ob_ref;
    if (MARTLET_UNLIKELY(value == NULL)) {
        return martlet_unbound_cell(ts, frame, i);
    }
    Py_INCREF(value);
    return value;
}

/* Puts v into a cell; steals v. The old content is released last. Source: STORE_DEREF. */
MARTLET_HELPER void martlet_store_deref(O cell, O v)
{
    O old = ((PyCellObject *)cell)->ob_ref;
    ((PyCellObject *)cell)->ob_ref = v;
    martlet_inline_xdecref(old);
}

/* Empties a cell, which is local `i` of the frame; -1: it is empty. Source: DELETE_DEREF. */
MARTLET_CALL int martlet_delete_deref(TS ts, F frame, O cell, uint32_t i)
{
    O old = ((PyCellObject *)cell)->ob_ref;
    if (old == NULL) {
        martlet_unbound_cell(ts, frame, i);
        return -1;
    }
    ((PyCellObject *)cell)->ob_ref = NULL;
    Py_DECREF(old);
    return 0;
}

/* Copies the n cells of the function's closure to the last n locals of its frame. Source: COPY_FREE_VARS. */
MARTLET_CALL void martlet_copy_free_vars(F frame, uint32_t n)
{
    O closure = ((PyFunctionObject *)frame->f_funcobj)->func_closure;
    uint32_t first = (uint32_t)((PyCodeObject *)frame->f_executable)->co_nlocalsplus - n;
    for (uint32_t i = 0; i < n; i++) {
        frame->localsplus[first + i] = Py_NewRef(PyTuple_GET_ITEM(closure, i));
    }
}

/* The exception to raise for `given`, a class or an instance; new. `what` is the error for anything else. */
static O exception_of(O given, const char *what)
{
    if (PyExceptionInstance_Check(given)) {
        return Py_NewRef(given);
    }
    if (!PyExceptionClass_Check(given)) {
        PyErr_SetString(PyExc_TypeError, what);
        return NULL;
    }
    O made = PyObject_CallNoArgs(given);
    if (made != NULL && !PyExceptionInstance_Check(made)) {
        PyErr_Format(PyExc_TypeError, "calling %R should have returned an instance of BaseException, not %R", given,
                     Py_TYPE(made));
        Py_CLEAR(made);
    }
    return made;
}

/* Raises the exception that is being handled once more. true: done, and the traceback of this frame has its line
 * already; false: there is none, and a RuntimeError is set instead. Source: do_raise in ceval.c. */
MARTLET_CALL bool martlet_reraise(TS ts)
{
    (void)ts;
    O handled = PyErr_GetHandledException();
    if (handled == NULL || handled == Py_None) {
        PyErr_SetString(PyExc_RuntimeError, "No active exception to reraise");
        return false;
    }
    PyErr_SetRaisedException(handled);
    return true;
}

/* `raise exc from cause`; either may be NULL (exc == NULL: as martlet_reraise). An exception is always set.
 * Source: RAISE_VARARGS, do_raise in ceval.c. */
MARTLET_CALL void martlet_raise(TS ts, O exc, O cause)
{
    if (exc == NULL) {
        martlet_reraise(ts);
        return;
    }
    O value = exception_of(exc, "exceptions must derive from BaseException");
    if (value == NULL) {
        return;
    }
    if (cause != NULL) {
        O fixed = NULL;
        if (cause != Py_None) {
            fixed = exception_of(cause, "exception causes must derive from BaseException");
            if (fixed == NULL) {
                Py_DECREF(value);
                return;
            }
        }
        PyException_SetCause(value, fixed);
    }
    /* The class that was called, or the instance's: PyErr_SetObject makes a new exception if they do not fit. */
    O type = Py_NewRef(PyExceptionClass_Check(exc) ? exc : PyExceptionInstance_Class(value));
    PyErr_SetObject(type, value);
    Py_DECREF(type);
    Py_DECREF(value);
}

/* format(v), as `{v}` in an f-string; new. Source: FORMAT_SIMPLE. */
MARTLET_CALL O martlet_format_simple(O v)
{
    return PyUnicode_CheckExact(v) ? Py_NewRef(v) : PyObject_Format(v, NULL);
}

/* format(v, spec); new. Source: FORMAT_WITH_SPEC. */
MARTLET_CALL O martlet_format_with_spec(O v, O spec)
{
    return PyObject_Format(v, spec);
}

/* str(v), repr(v) or ascii(v), where `which` is CONVERT_VALUE's argument; new. Source: CONVERT_VALUE. */
MARTLET_CALL O martlet_convert_value(O v, int32_t which)
{
    return _PyEval_ConversionFuncs[which](v);
}

/* The one-argument intrinsic `which`; new. Source: CALL_INTRINSIC_1. */
MARTLET_CALL O martlet_intrinsic_1(TS ts, int32_t which, O v)
{
    return _PyIntrinsics_UnaryFunctions[which].func(ts, v);
}

/* The two-argument intrinsic `which`; a was pushed before b; new. Source: CALL_INTRINSIC_2. */
MARTLET_CALL O martlet_intrinsic_2(TS ts, int32_t which, O a, O b)
{
    return _PyIntrinsics_BinaryFunctions[which].func(ts, a, b);
}
