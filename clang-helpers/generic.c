/* generic.c: what bytecodes do when nothing is known about their operands.
 *
 * Any of these may run Python code, unless its comment says otherwise. Operands are borrowed: the caller releases them
 * afterwards, also after an error.
 */
#include "inline.h"

#include <internal/pycore_dict.h>

#define NAME_ERROR "name '%.200s' is not defined"

/* operators.c */
O martlet_mixed_op(O left, O right, int32_t op);

/* left OP right, where op is BINARY_OP's argument (in-place forms included); new. Numbers need no dispatch.
 * Source: BINARY_OP. */
MARTLET_CALL O martlet_binary_op(O left, O right, int32_t op)
{
    O result = martlet_mixed_op(left, right, op);
    return result != NULL ? result : _PyEval_BinaryOps[op](left, right);
}

/* The rich comparison `op` (Py_LT .. Py_GE); new. Source: COMPARE_OP. */
MARTLET_HELPER O martlet_compare(O left, O right, int32_t op)
{
    return PyObject_RichCompare(left, right, op);
}

/* The truth of v: 0, 1, or -1. Source: TO_BOOL. */
static int is_true(O v)
{
    if (v == Py_True) {
        return 1;
    }
    if (v == Py_False || v == Py_None) {
        return 0;
    }
    return PyObject_IsTrue(v);
}

/* The truth of the rich comparison `op`: 0, 1, or -1. Not PyObject_RichCompareBool, which takes identity for equality.
 * Source: COMPARE_OP with its bool bit. */
MARTLET_CALL MARTLET_TRUTH int martlet_compare_bool(O left, O right, int32_t op)
{
    O result = PyObject_RichCompare(left, right, op);
    if (result == NULL) {
        return -1;
    }
    int truth = is_true(result);
    Py_DECREF(result);
    return truth;
}

/* The rich comparison `op`; new; steals left and right. Source: COMPARE_OP. */
MARTLET_CALL O martlet_compare_owned(O left, O right, int32_t op)
{
    O result = PyObject_RichCompare(left, right, op);
    Py_DECREF(left);
    Py_DECREF(right);
    return result;
}

/* Its truth: 0, 1, or -1; asked for when left and right are gone. Source: COMPARE_OP with its bool bit. */
MARTLET_CALL MARTLET_TRUTH int martlet_compare_bool_owned(O left, O right, int32_t op)
{
    O result = martlet_compare_owned(left, right, op);
    if (result == NULL) {
        return -1;
    }
    int truth = is_true(result);
    Py_DECREF(result);
    return truth;
}

/* -v; new. Source: UNARY_NEGATIVE. */
MARTLET_HELPER O martlet_negative(O v)
{
    return PyNumber_Negative(v);
}

/* ~v; new. Source: UNARY_INVERT. */
MARTLET_HELPER O martlet_invert(O v)
{
    return PyNumber_Invert(v);
}

/* item in container: 0, 1, or -1. Source: CONTAINS_OP. */
MARTLET_HELPER int martlet_contains(O item, O container)
{
    return PySequence_Contains(container, item);
}

/* iter(v); new. Source: GET_ITER. */
MARTLET_HELPER O martlet_get_iter(O v)
{
    return PyObject_GetIter(v);
}

/* The next item of an iterator; new. NULL: ask martlet_iter_stopped why. Source: FOR_ITER. */
MARTLET_HELPER O martlet_iter_next(TS ts, O it)
{
    (void)ts;
    return Py_TYPE(it)->tp_iternext(it);
}

/* Says why martlet_iter_next gave NULL. true: exhausted, and no exception is set any more; false: an exception is set.
 * Source: FOR_ITER. */
MARTLET_CALL bool martlet_iter_stopped(TS ts)
{
    if (ts->current_exception == NULL) {
        return true;
    }
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        return false;
    }
    _PyEval_MonitorRaise(ts, ts->current_frame, ts->current_frame->instr_ptr);
    PyErr_Clear();
    return true;
}

/* container[key]; new. Source: BINARY_SUBSCR. */
MARTLET_HELPER O martlet_get_item(O container, O key)
{
    return PyObject_GetItem(container, key);
}

/* container[key] = v. Source: STORE_SUBSCR. */
MARTLET_HELPER int martlet_set_item(O v, O container, O key)
{
    return PyObject_SetItem(container, key, v);
}

/* The method of v's class for container[key], if that is a Python function that takes just the key; NULL otherwise.
 * Source: BINARY_SUBSCR_GETITEM. */
MARTLET_INLINE O python_getitem(O v)
{
    PyTypeObject *type = Py_TYPE(v);
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return NULL;
    }
    O method = ((PyHeapTypeObject *)type)->_spec_cache.getitem;
    bool holds = method != NULL &&
                 ((PyFunctionObject *)method)->func_version == ((PyHeapTypeObject *)type)->_spec_cache.getitem_version;
    return holds ? method : NULL;
}

/* container[key] where the class was seen to have its method in Python; new. Source: BINARY_SUBSCR_GETITEM. */
MARTLET_CALL O martlet_get_item_by_method(TS ts, O container, O key)
{
    O method = python_getitem(container);
    if (method == NULL) {
        return PyObject_GetItem(container, key);
    }
    O args[2] = {Py_NewRef(container), Py_NewRef(key)};
    return martlet_call_function(ts, Py_NewRef(method), args, 2, NULL);
}

/* The special method `name` of a context manager, bound; new. NULL with an exception set, which says of which `protocol`
 * it is and what is `missed`. */
static O context_method(TS ts, O manager, O name, const char *protocol, const char *missed)
{
    O method = _PyObject_LookupSpecial(manager, name);
    if (method == NULL && !_PyErr_Occurred(ts)) {
        _PyErr_Format(ts, PyExc_TypeError, "'%.200s' object does not support the %s protocol%s",
                      Py_TYPE(manager)->tp_name, protocol, missed);
    }
    return method;
}

/* Calls the method of a context manager that enters it: out[0] is its result, out[1] the method that leaves it, both new.
 * Steals the manager. */
static int enter_context(TS ts, O manager, O enter_name, O exit_name, const char *protocol, const char *missed, O *out)
{
    O enter = context_method(ts, manager, enter_name, protocol, "");
    O exit = enter == NULL ? NULL : context_method(ts, manager, exit_name, protocol, missed);
    Py_DECREF(manager);
    if (exit == NULL) {
        Py_XDECREF(enter);
        return -1;
    }
    O result = PyObject_CallNoArgs(enter);
    Py_DECREF(enter);
    if (result == NULL) {
        Py_DECREF(exit);
        return -1;
    }
    out[0] = result;
    out[1] = exit;
    return 0;
}

/* Enters a context manager, which it steals: out[0] is what __enter__ returned, out[1] its __exit__, both new. -1: an
 * exception. Source: BEFORE_WITH. */
MARTLET_CALL int martlet_before_with(TS ts, O manager, O *out)
{
    return enter_context(ts, manager, martlet_names.enter, martlet_names.exit, "context manager",
                         " (missed __exit__ method)", out);
}

/* Likewise of `async with`: out[0] is to be awaited. Source: BEFORE_ASYNC_WITH. */
MARTLET_CALL int martlet_before_async_with(TS ts, O manager, O *out)
{
    return enter_context(ts, manager, martlet_names.aenter, martlet_names.aexit, "asynchronous context manager",
                         " (missed __aexit__ method)", out);
}

/* del container[key]. Source: DELETE_SUBSCR. */
MARTLET_HELPER int martlet_del_item(O container, O key)
{
    return PyObject_DelItem(container, key);
}

/* container[start:stop]; new. Source: BINARY_SLICE. */
MARTLET_CALL O martlet_binary_slice(O start, O stop, O container)
{
    O slice = PySlice_New(start, stop, NULL);
    if (slice == NULL) {
        return NULL;
    }
    O result = PyObject_GetItem(container, slice);
    Py_DECREF(slice);
    return result;
}

/* container[start:stop] = v. Source: STORE_SLICE. */
MARTLET_CALL int martlet_store_slice(O start, O stop, O v, O container)
{
    O slice = PySlice_New(start, stop, NULL);
    if (slice == NULL) {
        return -1;
    }
    int status = PyObject_SetItem(container, slice, v);
    Py_DECREF(slice);
    return status;
}

static O name_error(TS ts, O name)
{
    _PyEval_FormatExcCheckArg(ts, PyExc_NameError, NAME_ERROR, name);
    return NULL;
}

/* A name of the builtins, which may be any mapping; new. */
static O load_builtin(TS ts, F frame, O name)
{
    O result;
    if (PyMapping_GetOptionalItem(frame->f_builtins, name, &result) < 0) {
        return NULL;
    }
    return result != NULL ? result : name_error(ts, name);
}

/* The global or builtin `name`; new; NameError. Source: LOAD_GLOBAL. */
MARTLET_CALL O martlet_load_global(TS ts, F frame, O name)
{
    O result;
    if (PyDict_CheckExact(frame->f_globals) && PyDict_CheckExact(frame->f_builtins)) {
        result = _PyDict_LoadGlobal((PyDictObject *)frame->f_globals, (PyDictObject *)frame->f_builtins, name);
        return result != NULL || ts->current_exception != NULL ? result : name_error(ts, name);
    }
    if (PyMapping_GetOptionalItem(frame->f_globals, name, &result) < 0) {
        return NULL;
    }
    return result != NULL ? result : load_builtin(ts, frame, name);
}

/* Entry `index` of a dict of str keys while its keys have this version, otherwise NULL; borrowed. */
MARTLET_INLINE O probe(O dict, uint32_t version, uint32_t index)
{
    if (MARTLET_UNLIKELY(!Py_IS_TYPE(dict, &PyDict_Type))) {
        return NULL;
    }
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (MARTLET_UNLIKELY(keys->dk_version != version)) {
        return NULL;
    }
    return DK_UNICODE_ENTRIES(keys)[index].me_value;
}

MARTLET_INLINE bool has_keys_version(O dict, uint32_t version)
{
    return Py_IS_TYPE(dict, &PyDict_Type) && ((PyDictObject *)dict)->ma_keys->dk_version == version;
}

MARTLET_INLINE bool has_str_keys(O dict)
{
    return PyDict_CheckExact(dict) && DK_IS_UNICODE(((PyDictObject *)dict)->ma_keys);
}

/* The global or builtin `name`, borrowed; NULL (no exception) where there is none, or where only Python code could tell.
 * For names whose inline cache is out of date: a module has got another name since. */
MARTLET_COLD O martlet_find_global(F frame, O name)
{
    if (!has_str_keys(frame->f_globals) || !has_str_keys(frame->f_builtins)) {
        return NULL;
    }
    O found = PyDict_GetItemWithError(frame->f_globals, name);
    return found != NULL ? found : PyDict_GetItemWithError(frame->f_builtins, name);
}

/* The global at `index` while the globals' keys have this version, otherwise what martlet_find_global finds; borrowed;
 * NULL: no exception. Source: LOAD_GLOBAL_MODULE. */
MARTLET_HELPER O martlet_probe_global_module(F frame, O name, uint32_t keys_version, uint32_t index)
{
    O found = probe(frame->f_globals, keys_version, index);
    return MARTLET_LIKELY(found != NULL) ? found : martlet_find_global(frame, name);
}

/* The builtin at `index` while the keys of globals and builtins have these versions, otherwise what martlet_find_global
 * finds; borrowed; NULL: no exception. Source: LOAD_GLOBAL_BUILTIN. */
MARTLET_HELPER O martlet_probe_global_builtin(F frame, O name, uint32_t module_version, uint32_t builtin_version,
                                              uint32_t index)
{
    O found = NULL;
    if (MARTLET_LIKELY(has_keys_version(frame->f_globals, module_version))) {
        found = probe(frame->f_builtins, builtin_version, index);
    }
    return MARTLET_LIKELY(found != NULL) ? found : martlet_find_global(frame, name);
}

/* The global `name`, through an inline cache; new; NameError. Source: LOAD_GLOBAL_MODULE. */
MARTLET_HELPER O martlet_load_global_module(TS ts, F frame, O name, uint32_t keys_version, uint32_t index)
{
    O result = probe(frame->f_globals, keys_version, index);
    if (MARTLET_UNLIKELY(result == NULL)) {
        return martlet_load_global(ts, frame, name);
    }
    Py_INCREF(result);
    return result;
}

/* The builtin `name`, through an inline cache; new; NameError. Source: LOAD_GLOBAL_BUILTIN. */
MARTLET_HELPER O martlet_load_global_builtin(TS ts, F frame, O name, uint32_t module_version, uint32_t builtin_version,
                                             uint32_t index)
{
    O result = NULL;
    if (MARTLET_LIKELY(has_keys_version(frame->f_globals, module_version))) {
        result = probe(frame->f_builtins, builtin_version, index);
    }
    if (MARTLET_UNLIKELY(result == NULL)) {
        return martlet_load_global(ts, frame, name);
    }
    Py_INCREF(result);
    return result;
}

/* Sets the global `name`. Source: STORE_GLOBAL. */
MARTLET_HELPER int martlet_store_global(F frame, O name, O v)
{
    return PyDict_SetItem(frame->f_globals, name, v);
}

/* Deletes the global `name`; NameError. Source: DELETE_GLOBAL. */
MARTLET_CALL int martlet_delete_global(TS ts, F frame, O name)
{
    int found = PyDict_Pop(frame->f_globals, name, NULL);
    if (found == 0) {
        name_error(ts, name);
    }
    return found > 0 ? 0 : -1;
}

static O no_locals(void)
{
    PyErr_SetString(PyExc_SystemError, "no locals found");
    return NULL;
}

/* What a mapping has under `name`, or else the global or builtin; new; NameError. Source: LOAD_FROM_DICT_OR_GLOBALS. */
MARTLET_CALL O martlet_load_of_mapping(TS ts, F frame, O mapping, O name)
{
    O result;
    if (PyMapping_GetOptionalItem(mapping, name, &result) < 0) {
        return NULL;
    }
    if (result == NULL && PyDict_GetItemRef(frame->f_globals, name, &result) < 0) {
        return NULL;
    }
    return result != NULL ? result : load_builtin(ts, frame, name);
}

/* What a mapping has under the name of local `i` of the frame, or else what its cell holds; new; NameError.
 * Source: LOAD_FROM_DICT_OR_DEREF. */
MARTLET_CALL O martlet_load_of_mapping_or_deref(TS ts, F frame, O mapping, O cell, uint32_t i)
{
    PyCodeObject *code = (PyCodeObject *)frame->f_executable;
    O result;
    if (PyMapping_GetOptionalItem(mapping, PyTuple_GET_ITEM(code->co_localsplusnames, i), &result) < 0) {
        return NULL;
    }
    if (result == NULL) {
        result = Py_XNewRef(((PyCellObject *)cell)->ob_ref);
    }
    if (result == NULL) {
        _PyEval_FormatExcUnbound(ts, code, (int)i);
    }
    return result;
}

/* The local, global or builtin `name` of a module or class body; new; NameError. Source: LOAD_NAME. */
MARTLET_CALL O martlet_load_name(TS ts, F frame, O name)
{
    return frame->f_locals != NULL ? martlet_load_of_mapping(ts, frame, frame->f_locals, name) : no_locals();
}

/* Sets the local `name` of a module or class body. Source: STORE_NAME. */
MARTLET_CALL int martlet_store_name(TS ts, F frame, O name, O v)
{
    (void)ts;
    O locals = frame->f_locals;
    if (locals == NULL) {
        PyErr_Format(PyExc_SystemError, "no locals found when storing %R", name);
        return -1;
    }
    return PyDict_CheckExact(locals) ? PyDict_SetItem(locals, name, v) : PyObject_SetItem(locals, name, v);
}

/* Deletes the local `name` of a module or class body; NameError. Source: DELETE_NAME. */
MARTLET_CALL int martlet_delete_name(TS ts, F frame, O name)
{
    if (frame->f_locals == NULL) {
        PyErr_Format(PyExc_SystemError, "no locals when deleting %R", name);
        return -1;
    }
    if (PyObject_DelItem(frame->f_locals, name) != 0) {
        /* Whatever went wrong, the interpreter says that the name is not defined. */
        name_error(ts, name);
        return -1;
    }
    return 0;
}

/* The mapping of locals of a module or class body; new. Source: LOAD_LOCALS. */
MARTLET_CALL O martlet_load_locals(TS ts, F frame)
{
    (void)ts;
    return frame->f_locals != NULL ? Py_NewRef(frame->f_locals) : no_locals();
}

/* builtins.__build_class__; new; NameError. Source: LOAD_BUILD_CLASS. */
MARTLET_CALL O martlet_load_build_class(TS ts, F frame)
{
    (void)ts;
    O result;
    if (PyMapping_GetOptionalItemString(frame->f_builtins, "__build_class__", &result) < 0) {
        return NULL;
    }
    if (result == NULL) {
        PyErr_SetString(PyExc_NameError, "__build_class__ not found");
    }
    return result;
}

/* AssertionError, the class; borrowed. Source: LOAD_ASSERTION_ERROR. */
MARTLET_HELPER O martlet_load_assertion_error(void)
{
    return PyExc_AssertionError;
}

/* len(v) as an int; new. Source: GET_LEN. */
MARTLET_CALL O martlet_get_len(O v)
{
    Py_ssize_t n = PyObject_Length(v);
    return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

/* Whether a sequence pattern may match v; runs nothing. Source: MATCH_SEQUENCE. */
MARTLET_HELPER bool martlet_match_sequence(O v)
{
    return (Py_TYPE(v)->tp_flags & Py_TPFLAGS_SEQUENCE) != 0;
}

/* Whether a mapping pattern may match v; runs nothing. Source: MATCH_MAPPING. */
MARTLET_HELPER bool martlet_match_mapping(O v)
{
    return (Py_TYPE(v)->tp_flags & Py_TPFLAGS_MAPPING) != 0;
}

/* The values that v, a mapping, has for these keys, as a tuple; None if it has not all; new. Source: MATCH_KEYS. */
MARTLET_CALL O martlet_match_keys(TS ts, O v, O keys)
{
    return _PyEval_MatchKeys(ts, v, keys);
}

/* The attributes that a class pattern asks an object for, n of them by place and the rest by these names, as a tuple; None
 * if it does not match; new. Source: MATCH_CLASS. */
MARTLET_CALL O martlet_match_class(TS ts, O v, O class, O names, int32_t n)
{
    O attributes = _PyEval_MatchClass(ts, v, class, n, names);
    return attributes != NULL || ts->current_exception != NULL ? attributes : Py_NewRef(Py_None);
}
