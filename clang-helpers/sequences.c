/* sequences.c: lists, tuples, str, their iterators, displays and unpacking.
 *
 * Indices are in range and not negative unless a comment says otherwise; lengths are in items.
 */
#include "inline.h"

#include <string.h>

#include <internal/pycore_dict.h>
#include <internal/pycore_global_objects.h>
#include <internal/pycore_list.h>
#include <internal/pycore_range.h>
#include <internal/pycore_setobject.h>
#include <internal/pycore_unicodeobject.h>

/* Number of items of v, a list. */
MARTLET_HELPER int64_t martlet_list_len(O v)
{
    return Py_SIZE(v);
}

/* Number of items of v, a tuple. */
MARTLET_HELPER int64_t martlet_tuple_len(O v)
{
    return Py_SIZE(v);
}

/* Number of code points of v, a str. */
MARTLET_HELPER int64_t martlet_str_len(O v)
{
    return ((PyASCIIObject *)v)->length;
}

/* Number of keys of v, a dict. */
MARTLET_HELPER int64_t martlet_dict_len(O v)
{
    return ((PyDictObject *)v)->ma_used;
}

/* Item i of the list v; borrowed. */
MARTLET_HELPER O martlet_list_item(O v, int64_t i)
{
    return ((PyListObject *)v)->ob_item[i];
}

/* Item i of the tuple v; borrowed. */
MARTLET_HELPER O martlet_tuple_item(O v, int64_t i)
{
    return ((PyTupleObject *)v)->ob_item[i];
}

/* Character i of v, an exact str, as a str, where it is no constant of the interpreter; new. NULL = MemoryError. */
MARTLET_CALL O martlet_str_item_slow(O v, int64_t i)
{
    return PySequence_GetItem(v, i);
}

/* Character i of v, an exact str, as a str; new. NULL = MemoryError. Source: unicode_getitem. */
MARTLET_HELPER O martlet_str_item(O v, int64_t i)
{
    if (MARTLET_LIKELY(PyUnicode_IS_COMPACT_ASCII(v))) {
        return (O)&martlet_ascii[((uint8_t *)((PyASCIIObject *)v + 1))[i]];
    }
    return martlet_str_item_slow(v, i);
}

/* Whether two exact str of the same length and kind have the same characters. */
MARTLET_CALL bool martlet_str_same(O a, O b)
{
    return memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)PyUnicode_GET_LENGTH(a) * PyUnicode_KIND(a)) == 0;
}

/* a == b, both exactly str. Source: unicode_compare_eq. */
MARTLET_HELPER bool martlet_str_equal(O a, O b)
{
    if (a == b) {
        return true;
    }
    bool alike = PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b) && PyUnicode_KIND(a) == PyUnicode_KIND(b);
    if (!alike) {
        return false;
    }
    if (PyUnicode_IS_COMPACT_ASCII(a) && PyUnicode_IS_COMPACT_ASCII(b)) {
        if (((uint8_t *)((PyASCIIObject *)a + 1))[0] != ((uint8_t *)((PyASCIIObject *)b + 1))[0]) {
            return false;
        }
    }
    return martlet_str_same(a, b);
}

/* The order of two exact str: -1, 0 or 1. Source: unicode_compare. */
MARTLET_CALL int64_t martlet_str_order(O a, O b)
{
    return PyUnicode_Compare(a, b);
}

/* item in container, both exactly str: 0, 1, or -1 = MemoryError. Source: PyUnicode_Contains. */
MARTLET_CALL int martlet_str_contains(O container, O item)
{
    return PyUnicode_Contains(container, item);
}

/* list[start:stop], where the bounds may be beyond the ends, and negative ones count from the end; new. Source:
 * list_subscript. */
MARTLET_CALL O martlet_list_slice(O list, int64_t start, int64_t stop)
{
    PySlice_AdjustIndices(Py_SIZE(list), &start, &stop, 1);
    return PyList_GetSlice(list, start, stop);
}

/* list[start:stop:step], where step is not 0, and bit 0 and 1 of `given` say whether start and stop are; new. Source:
 * PySlice_Unpack, list_subscript. */
MARTLET_CALL O martlet_list_slice_by(O list, int64_t start, int64_t stop, int64_t step, int32_t given)
{
    if (!(given & 1)) {
        start = step < 0 ? PY_SSIZE_T_MAX : 0;
    }
    if (!(given & 2)) {
        stop = step < 0 ? PY_SSIZE_T_MIN : PY_SSIZE_T_MAX;
    }
    step = step < -PY_SSIZE_T_MAX ? -PY_SSIZE_T_MAX : step;
    Py_ssize_t n = PySlice_AdjustIndices(Py_SIZE(list), &start, &stop, step);
    O part = PyList_New(n);
    if (part != NULL) {
        O *from = ((PyListObject *)list)->ob_item, *to = ((PyListObject *)part)->ob_item;
        for (Py_ssize_t i = 0; i < n; i++) {
            to[i] = Py_NewRef(from[start + i * step]);
        }
    }
    return part;
}

/* list[start:stop] = v, both exact lists; steals v. A v that nobody else has, and of as many items, gives them in exchange
 * for the old ones, which die with it. Source: list_ass_subscript. */
MARTLET_CALL int martlet_list_store_slice(O list, int64_t start, int64_t stop, O v)
{
    PySlice_AdjustIndices(Py_SIZE(list), &start, &stop, 1);
    Py_ssize_t n = stop > start ? stop - start : 0;
    if (Py_REFCNT(v) != 1 || Py_SIZE(v) != n || v == list) {
        int status = PyList_SetSlice(list, start, stop, v);
        Py_DECREF(v);
        return status;
    }
    O *old = ((PyListObject *)list)->ob_item + start, *new = ((PyListObject *)v)->ob_item;
    for (Py_ssize_t i = 0; i < n; i++) {
        O item = old[i];
        old[i] = new[i];
        new[i] = item;
    }
    Py_DECREF(v);
    return 0;
}

/* Likewise of an exact tuple. Source: tuplesubscript. */
MARTLET_CALL O martlet_tuple_slice(O tuple, int64_t start, int64_t stop)
{
    PySlice_AdjustIndices(Py_SIZE(tuple), &start, &stop, 1);
    return PyTuple_GetSlice(tuple, start, stop);
}

/* Likewise of an exact str. Source: unicode_subscript. */
MARTLET_CALL O martlet_str_slice(O text, int64_t start, int64_t stop)
{
    PySlice_AdjustIndices(PyUnicode_GET_LENGTH(text), &start, &stop, 1);
    return PyUnicode_Substring(text, start, stop < start ? start : stop);
}

/* Whether replacing item i of a list runs no Python: it is exactly a float, int, str or bool, or None, outlives that, or
 * dies silently. */
MARTLET_HELPER bool martlet_list_item_quiet(O list, int64_t i)
{
    O old = ((PyListObject *)list)->ob_item[i];
    return martlet_inline_is_quiet(old) || martlet_inline_release_quiet(old);
}

/* Local i of the frame += right, both exactly str: in place if the local has the only reference. After an error the
 * local is unbound, as the interpreter leaves it. Source: BINARY_OP_INPLACE_ADD_UNICODE. */
MARTLET_CALL int martlet_str_append_local(F frame, uint32_t i, O right)
{
    /* For `s += s` the second reference keeps the string from being moved under its reader. */
    Py_INCREF(right);
    PyUnicode_Append(&frame->localsplus[i], right);
    Py_DECREF(right);
    return frame->localsplus[i] != NULL ? 0 : -1;
}

/* list[i] = v; steals v. The old item is released last: its destructor may change the list. */
MARTLET_HELPER void martlet_list_store(O list, int64_t i, O v)
{
    O *item = &((PyListObject *)list)->ob_item[i];
    O old = *item;
    *item = v;
    martlet_inline_decref(old);
}

/* list[i] = v, boxed, when the item there cannot be overwritten. */
MARTLET_COLD int martlet_list_store_float_slow(TS ts, O list, int64_t i, double v)
{
    O box = martlet_inline_float_box(ts, v);
    if (box == NULL) {
        return -1;
    }
    martlet_list_store(list, i, box);
    return 0;
}

/* list[i] = v. Overwrites the item there if it is a float that only the list refers to: the caller sees to it that no
 * borrowed reference to it is alive. 0, or -1 = MemoryError. */
MARTLET_HELPER int martlet_list_store_float(TS ts, O list, int64_t i, double v)
{
    if (martlet_inline_overwrite_float(((PyListObject *)list)->ob_item[i], v)) {
        return 0;
    }
    return martlet_list_store_float_slow(ts, list, i, v);
}

/* list[i] = v, boxed, when the item there cannot be overwritten. */
MARTLET_CALL int martlet_list_store_int_boxed(O list, int64_t i, int64_t v)
{
    O box = martlet_inline_int_box(v);
    if (box == NULL) {
        return -1;
    }
    martlet_list_store(list, i, box);
    return 0;
}

/* list[i] = v. Overwrites the item there if it is an int of one digit that only the list refers to, and v has one
 * digit and is not one of the interpreter's small ints, whose identity programs see. As for martlet_list_store_float,
 * no borrowed reference to the old item may be alive. 0, or -1 = MemoryError. */
MARTLET_HELPER int martlet_list_store_int(TS ts, O list, int64_t i, int64_t v)
{
    (void)ts;
    if (martlet_inline_overwrite_int(((PyListObject *)list)->ob_item[i], v)) {
        return 0;
    }
    return martlet_list_store_int_boxed(list, i, v);
}

/* The next number of a range iterator. */
MARTLET_HELPER int64_t martlet_range_iter_start(O v)
{
    return ((_PyRangeIterObject *)v)->start;
}

/* The step of a range iterator. */
MARTLET_HELPER int64_t martlet_range_iter_step(O v)
{
    return ((_PyRangeIterObject *)v)->step;
}

/* How many numbers a range iterator still has; may be negative for none. */
MARTLET_HELPER int64_t martlet_range_iter_len(O v)
{
    return ((_PyRangeIterObject *)v)->len;
}

/* The list that a list iterator runs over; borrowed; NULL (no exception) once it is exhausted. */
MARTLET_HELPER O martlet_list_iter_list(O v)
{
    return (O)((_PyListIterObject *)v)->it_seq;
}

/* The index of the next item of a list iterator. */
MARTLET_HELPER int64_t martlet_list_iter_index(O v)
{
    return ((_PyListIterObject *)v)->it_index;
}

/* The tuple that a tuple iterator runs over; borrowed; NULL (no exception) once it is exhausted. */
MARTLET_HELPER O martlet_tuple_iter_tuple(O v)
{
    return (O)((_PyTupleIterObject *)v)->it_seq;
}

/* The index of the next item of a tuple iterator. */
MARTLET_HELPER int64_t martlet_tuple_iter_index(O v)
{
    return ((_PyTupleIterObject *)v)->it_index;
}

/* A list of n items; new; steals each item. NULL = MemoryError. Source: BUILD_LIST. */
MARTLET_CALL O martlet_build_list(O const *items, int64_t n)
{
    return _PyList_FromArraySteal(items, n);
}

/* A tuple of n items; new; steals each item. NULL = MemoryError. Source: BUILD_TUPLE. */
MARTLET_CALL O martlet_build_tuple(O const *items, int64_t n)
{
    return _PyTuple_FromArraySteal(items, n);
}

/* A tuple of the items of a list that nobody knows, which it takes away; new. NULL = MemoryError. */
MARTLET_CALL O martlet_tuple_of_list(O list)
{
    Py_ssize_t n = Py_SIZE(list);
    Py_SET_SIZE(list, 0);
    return _PyTuple_FromArraySteal(((PyListObject *)list)->ob_item, n);
}

/* An empty set; new. NULL = MemoryError. */
MARTLET_CALL O martlet_new_set(void)
{
    return PySet_New(NULL);
}

static void release_all(O const *items, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        Py_DECREF(items[i]);
    }
}

/* A set of n items; new; steals each item. NULL: an item cannot be hashed or compared. Source: BUILD_SET. */
MARTLET_CALL O martlet_build_set(O const *items, int64_t n)
{
    O set = PySet_New(NULL);
    int status = set == NULL ? -1 : 0;
    for (int64_t i = 0; i < n; i++) {
        /* Each item is released before the next one is added, as the interpreter does. */
        if (status == 0) {
            status = PySet_Add(set, items[i]);
        }
        Py_DECREF(items[i]);
    }
    if (status != 0) {
        Py_XDECREF(set);
        return NULL;
    }
    return set;
}

/* A dict of n pairs, key and value in turn; new; steals each of the 2n. Source: BUILD_MAP. */
MARTLET_CALL O martlet_build_map(O const *pairs, int64_t n)
{
    O map = _PyDict_FromItems(pairs, 2, pairs + 1, 2, n);
    release_all(pairs, 2 * n);
    return map;
}

/* A dict of the n keys in the tuple `keys` and n values; new; steals each value. Source: BUILD_CONST_KEY_MAP. */
MARTLET_CALL O martlet_build_const_key_map(O keys, O const *values, int64_t n)
{
    O map = _PyDict_FromItems(&PyTuple_GET_ITEM(keys, 0), 1, values, 1, n);
    release_all(values, n);
    return map;
}

/* n str joined; new; steals each. NULL = MemoryError. Source: BUILD_STRING. */
MARTLET_CALL O martlet_build_string(O const *pieces, int64_t n)
{
    O empty = PyUnicode_New(0, 0);
    O result = empty == NULL ? NULL : _PyUnicode_JoinArray(empty, pieces, n);
    Py_XDECREF(empty);
    release_all(pieces, n);
    return result;
}

/* slice(start, stop, step); step may be NULL for None; new. NULL = MemoryError. Source: BUILD_SLICE. */
MARTLET_CALL O martlet_build_slice(O start, O stop, O step)
{
    return PySlice_New(start, stop, step);
}

/* Appends v to an exact list. 0, or -1 = MemoryError. Source: LIST_APPEND, list.append. */
MARTLET_HELPER int martlet_list_append(O list, O v)
{
    Py_INCREF(v);
    return _PyList_AppendTakeRef((PyListObject *)list, v);
}

/* Extends a list by an iterable. -1: what the iterable raises, or the TypeError of `[*x]`. Source: LIST_EXTEND. */
MARTLET_CALL int martlet_list_extend(O list, O iterable)
{
    O none = _PyList_Extend((PyListObject *)list, iterable);
    if (none != NULL) {
        return 0;
    }
    if (PyErr_ExceptionMatches(PyExc_TypeError) && Py_TYPE(iterable)->tp_iter == NULL && !PySequence_Check(iterable)) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "Value after * must be an iterable, not %.200s", Py_TYPE(iterable)->tp_name);
    }
    return -1;
}

/* Adds v to a set. Source: SET_ADD. */
MARTLET_CALL int martlet_set_add(O set, O v)
{
    return PySet_Add(set, v);
}

/* Adds the items of an iterable to a set. Source: SET_UPDATE. */
MARTLET_CALL int martlet_set_update(O set, O iterable)
{
    return _PySet_Update(set, iterable);
}

/* dict[key] = v, for an exact dict. Source: MAP_ADD. */
MARTLET_CALL int martlet_map_add(O dict, O key, O v)
{
    return PyDict_SetItem(dict, key, v);
}

/* dict.update(update) of `{**x}`; TypeError if update is no mapping. Source: DICT_UPDATE. */
MARTLET_CALL int martlet_dict_update(O dict, O update)
{
    if (PyDict_Update(dict, update) == 0) {
        return 0;
    }
    if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Format(PyExc_TypeError, "'%.200s' object is not a mapping", Py_TYPE(update)->tp_name);
    }
    return -1;
}

/* As martlet_dict_update for the keywords of a call of `callable`; a key met twice is an error. Source: DICT_MERGE. */
MARTLET_CALL int martlet_dict_merge(TS ts, O callable, O dict, O update)
{
    if (_PyDict_MergeEx(dict, update, 2) == 0) {
        return 0;
    }
    _PyEval_FormatKwargsError(ts, callable, update);
    return -1;
}

/* The interpreter's unpacking fills an array from its end: the first item comes to stand last. */
static int unpack_and_turn(TS ts, O seq, int before, int after, int total, O *out)
{
    if (_PyEval_UnpackIterable(ts, seq, before, after, out + total) == 0) {
        return -1;
    }
    for (int i = 0, j = total - 1; i < j; i++, j--) {
        O item = out[i];
        out[i] = out[j];
        out[j] = item;
    }
    return 0;
}

/* Unpacks seq into exactly n new references, out[0] the first. -1: too few, too many, not iterable, or what the
 * iterator raises; then `out` holds nothing. Source: UNPACK_SEQUENCE. */
MARTLET_CALL int martlet_unpack_sequence(TS ts, O seq, int64_t n, O *out)
{
    O const *items = NULL;
    if (PyTuple_CheckExact(seq) && PyTuple_GET_SIZE(seq) == n) {
        items = ((PyTupleObject *)seq)->ob_item;
    } else if (PyList_CheckExact(seq) && PyList_GET_SIZE(seq) == n) {
        items = ((PyListObject *)seq)->ob_item;
    } else {
        return unpack_and_turn(ts, seq, (int)n, -1, (int)n, out);
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = Py_NewRef(items[i]);
    }
    return 0;
}

/* Unpacks seq into `before` items, a list of the middle ones, and `after` items. Source: UNPACK_EX. */
MARTLET_CALL int martlet_unpack_ex(TS ts, O seq, int64_t before, int64_t after, O *out)
{
    return unpack_and_turn(ts, seq, (int)before, (int)after, (int)(before + 1 + after), out);
}
