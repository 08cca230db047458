/* lookups.c: dictionaries and sets where nothing of the program's has a say, and what else is found out that way.
 *
 * A key is looked up here only if the interpreter alone hashes it and compares it with what stands in its way: a str, an
 * int, a float, a bool, None, an object that hashes by identity, a tuple of such. So no Python code runs. What is not so
 * is left to the caller, who does it in the general way.
 */
#include "inline.h"

#include <internal/pycore_dict.h>
#include <internal/pycore_list.h>
#include <internal/pycore_range.h>
#include <internal/pycore_setobject.h>
#include <internal/pycore_unicodeobject.h>

bool martlet_release_quiet(O v);

/* Tuples in tuples in a key that is looked into. */
#define KEY_DEPTH 4

/* Whether an object is hashed, and compared with others of which that is true, by the interpreter alone. */
static bool is_quiet_key(O v, int depth)
{
    PyTypeObject *type = Py_TYPE(v);
    if (type == &PyLong_Type || type == &PyUnicode_Type || type == &PyFloat_Type || type == &PyBool_Type ||
        v == Py_None) {
        return true;
    }
    if (type->tp_hash != PyTuple_Type.tp_hash || type->tp_richcompare != PyTuple_Type.tp_richcompare) {
        return type->tp_hash == PyBaseObject_Type.tp_hash && type->tp_richcompare == PyBaseObject_Type.tp_richcompare;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(v); i++) {
        if (depth == 0 || !is_quiet_key(PyTuple_GET_ITEM(v, i), depth - 1)) {
            return false;
        }
    }
    return true;
}

/* The hash of a key that the interpreter alone hashes; -1 (no exception) for any other. */
static Py_hash_t quiet_hash(O key)
{
    PyTypeObject *type = Py_TYPE(key);
    if (MARTLET_LIKELY(type == &PyUnicode_Type)) {
        Py_hash_t hash = ((PyASCIIObject *)key)->hash;
        return MARTLET_LIKELY(hash != -1) ? hash : PyObject_Hash(key);
    }
    if (type == &PyLong_Type && martlet_inline_int_is_compact(key)) {
        Py_hash_t value = martlet_inline_int_compact_value(key);
        return value == -1 ? -2 : value;
    }
    if (type->tp_hash == PyBaseObject_Type.tp_hash) {
        return Py_HashPointer(key);
    }
    return is_quiet_key(key, KEY_DEPTH) ? PyObject_Hash(key) : -1;
}

/* Whether an object is of a class whose objects are never equal to a string. */
MARTLET_INLINE bool is_never_str(O v)
{
    return PyLong_CheckExact(v) || PyFloat_CheckExact(v) || PyBool_Check(v) || v == Py_None || PyTuple_CheckExact(v);
}

/* Whether two objects are equal: 0, 1; -1 (no exception): Python code may have a say. */
static int quietly_equal(O a, O b)
{
    if (MARTLET_LIKELY(a == b)) {
        return 1;
    }
    if (PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)) {
        return _PyUnicode_Equal(a, b);
    }
    bool ints = PyLong_CheckExact(a) && PyLong_CheckExact(b);
    if (ints && martlet_inline_int_is_compact(a) && martlet_inline_int_is_compact(b)) {
        return martlet_inline_int_compact_value(a) == martlet_inline_int_compact_value(b);
    }
    bool differ = (PyUnicode_CheckExact(a) && is_never_str(b)) || (PyUnicode_CheckExact(b) && is_never_str(a));
    if (differ || !is_quiet_key(a, KEY_DEPTH) || !is_quiet_key(b, KEY_DEPTH)) {
        return differ ? 0 : -1;
    }
    int equal = PyObject_RichCompareBool(a, b, Py_EQ);
    if (MARTLET_UNLIKELY(equal < 0)) {
        PyErr_Clear(); /* too deep: the general way says so */
    }
    return equal;
}

/* Where a key is: the place of its value, or why there is none. */
struct place {
    O *value;
    bool unknown; /* Python code would have to tell */
};

/* The index in slot i of a dictionary's hash table. Source: dictkeys_get_index. */
MARTLET_INLINE Py_ssize_t index_in_slot(PyDictKeysObject *keys, size_t i)
{
    uint8_t log2_size = keys->dk_log2_size;
    if (MARTLET_LIKELY(log2_size < 8)) {
        return ((const int8_t *)keys->dk_indices)[i];
    }
    if (log2_size < 16) {
        return ((const int16_t *)keys->dk_indices)[i];
    }
    return log2_size < 32 ? ((const int32_t *)keys->dk_indices)[i] : ((const int64_t *)keys->dk_indices)[i];
}

/* Whether an entry has this key: as quietly_equal. `value` is where its value stands. */
MARTLET_INLINE int entry_has(PyDictObject *dict, Py_ssize_t index, O key, Py_hash_t hash, O **value)
{
    PyDictKeysObject *keys = dict->ma_keys;
    if (MARTLET_LIKELY(DK_IS_UNICODE(keys))) {
        PyDictUnicodeEntry *entry = &DK_UNICODE_ENTRIES(keys)[index];
        *value = dict->ma_values != NULL ? &dict->ma_values->values[index] : &entry->me_value;
        if (MARTLET_LIKELY(entry->me_key == key)) {
            return 1;
        }
        return ((PyASCIIObject *)entry->me_key)->hash == hash ? quietly_equal(entry->me_key, key) : 0;
    }
    PyDictKeyEntry *entry = &DK_ENTRIES(keys)[index];
    *value = &entry->me_value;
    return entry->me_hash == hash ? quietly_equal(entry->me_key, key) : 0;
}

/* Looks a key up. Source: _Py_dict_lookup. */
static struct place find(PyDictObject *dict, O key, Py_hash_t hash)
{
    PyDictKeysObject *keys = dict->ma_keys;
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash, i = (size_t)hash & mask;
    for (;;) {
        Py_ssize_t index = index_in_slot(keys, i);
        if (MARTLET_LIKELY(index >= 0)) {
            O *value = NULL;
            int has = entry_has(dict, index, key, hash, &value);
            if (MARTLET_LIKELY(has != 0)) {
                return (struct place){has > 0 && *value != NULL ? value : NULL, has < 0};
            }
        } else if (index == DKIX_EMPTY) {
            return (struct place){NULL, false};
        }
        perturb >>= 5; /* PERTURB_SHIFT */
        i = mask & (i * 5 + perturb + 1);
    }
}

/* The index of a string among keys that are all strings; -1: it is none of them; -2: it cannot be told here. */
static Py_ssize_t index_of_name(PyDictKeysObject *keys, O name)
{
    Py_hash_t hash = ((PyASCIIObject *)name)->hash;
    if (hash == -1 || !DK_IS_UNICODE(keys)) {
        return -2;
    }
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1, perturb = (size_t)hash, i = (size_t)hash & mask;
    for (;;) {
        Py_ssize_t index = index_in_slot(keys, i);
        if (index >= 0) {
            const PyDictUnicodeEntry *entry = &DK_UNICODE_ENTRIES(keys)[index];
            bool same_hash = ((PyASCIIObject *)entry->me_key)->hash == hash;
            if (entry->me_key == name || (same_hash && _PyUnicode_Equal(entry->me_key, name))) {
                return index;
            }
        } else if (index == DKIX_EMPTY) {
            return -1;
        }
        perturb >>= 5; /* PERTURB_SHIFT */
        i = mask & (i * 5 + perturb + 1);
    }
}

/* What an object whose class gives it a managed dictionary has of its own under a name, in `value`, borrowed; NULL if it
 * has nothing. False: it cannot be told here. */
static bool own_attribute(O v, O name, O *value)
{
    *value = NULL;
    PyTypeObject *type = Py_TYPE(v);
    if (!PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) {
        return false;
    }
    if (PyType_HasFeature(type, Py_TPFLAGS_INLINE_VALUES) && _PyObject_InlineValues(v)->valid) {
        Py_ssize_t index = index_of_name(((PyHeapTypeObject *)type)->ht_cached_keys, name);
        *value = index >= 0 ? _PyObject_InlineValues(v)->values[index] : NULL;
        return index >= -1;
    }
    PyDictObject *dict = _PyObject_GetManagedDict(v);
    if (dict == NULL) {
        return true;
    }
    Py_ssize_t index = index_of_name(dict->ma_keys, name);
    if (index >= 0) {
        *value = dict->ma_values != NULL ? dict->ma_values->values[index]
                                         : DK_UNICODE_ENTRIES(dict->ma_keys)[index].me_value;
    }
    return index >= -1;
}

/* v's own attribute `name`, borrowed, where v's class has no such attribute; NULL (no exception): not found.
 * Source: _PyObject_GenericGetAttrWithDict. */
MARTLET_CALL O martlet_probe_by_name(O v, O name)
{
    O value;
    return own_attribute(v, name, &value) ? value : NULL;
}

/* `of_class`, where v's class is the one with this version and has it under `name`, and v has nothing of its own there;
 * NULL (no exception): not so. */
MARTLET_CALL O martlet_probe_not_own(O v, O name, uint32_t type_version, O of_class)
{
    O value;
    bool hit = Py_TYPE(v)->tp_version_tag == type_version && own_attribute(v, name, &value) && value == NULL;
    return hit ? of_class : NULL;
}

/* Looks up what may be hashed by anything. */
MARTLET_INLINE struct place find_any(O dict, O key)
{
    Py_hash_t hash = quiet_hash(key);
    return MARTLET_LIKELY(hash != -1) ? find((PyDictObject *)dict, key, hash) : (struct place){NULL, true};
}

/* dict.get(key, fallback) of a dict, new; NULL (no exception): Python code has a say. Source: dict_get_impl. */
MARTLET_CALL O martlet_quick_dict_get(O dict, O key, O fallback)
{
    struct place found = find_any(dict, key);
    if (MARTLET_UNLIKELY(found.unknown)) {
        return NULL;
    }
    return Py_NewRef(found.value != NULL ? *found.value : fallback);
}

/* container[key] of an exact dict that has the key, new; NULL (no exception): ask in the general way.
 * Source: BINARY_SUBSCR_DICT. */
MARTLET_CALL O martlet_quick_dict_item(O container, O key)
{
    if (MARTLET_UNLIKELY(!PyDict_CheckExact(container))) {
        return NULL;
    }
    struct place found = find_any(container, key);
    return MARTLET_LIKELY(found.value != NULL) ? Py_NewRef(*found.value) : NULL;
}

/* Whether slot `entry` of a set ends the search for a key: 1 it has it, 0 it is free; -1 neither, -2 Python code has a
 * say. */
MARTLET_INLINE int set_entry_has(const setentry *entry, O key, Py_hash_t hash)
{
    if (entry->hash == 0 && entry->key == NULL) {
        return 0;
    }
    int has = entry->hash == hash ? quietly_equal(entry->key, key) : 0;
    return has > 0 ? 1 : has == 0 ? -1 : -2;
}

/* Whether a set has a key: 0, 1; -1 (no exception): Python code has a say. Source: set_lookkey. */
static int set_has(PySetObject *set, O key)
{
    enum { LINEAR_PROBES = 9 };
    Py_hash_t hash = quiet_hash(key);
    if (MARTLET_UNLIKELY(hash == -1)) {
        return -1;
    }
    size_t mask = (size_t)set->mask, perturb = (size_t)hash, i = (size_t)hash & mask;
    for (;;) {
        const setentry *entry = &set->table[i];
        int probes = i + LINEAR_PROBES <= mask ? LINEAR_PROBES : 0;
        do {
            int has = set_entry_has(entry, key, hash);
            if (MARTLET_LIKELY(has != -1)) {
                return has == -2 ? -1 : has;
            }
            entry++;
        } while (probes--);
        perturb >>= 5; /* PERTURB_SHIFT */
        i = (i * 5 + 1 + perturb) & mask;
    }
}

/* a == b. ok = 0: ask in the general way. Source: do_richcompare, object_richcompare. */
MARTLET_CALL struct martlet_int_ok martlet_quick_equal(O a, O b)
{
    richcmpfunc by_identity = PyBaseObject_Type.tp_richcompare;
    if (Py_TYPE(a)->tp_richcompare == by_identity && Py_TYPE(b)->tp_richcompare == by_identity) {
        return (struct martlet_int_ok){a == b, true};
    }
    /* Other objects may differ from themselves. */
    bool is_told = a != b || PyUnicode_CheckExact(a) || PyLong_CheckExact(a);
    int equal = is_told ? quietly_equal(a, b) : -1;
    return (struct martlet_int_ok){equal == 1, equal >= 0};
}

/* Whether a key is one of some items: 0, 1; -1 (no exception): Python code has a say. Source: list_contains. */
static int items_have(O const *items, Py_ssize_t n, O key)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        int has = quietly_equal(items[i], key);
        if (has != 0) {
            return has;
        }
    }
    return 0;
}

/* key in container, of an exact dict, set, frozenset, list or tuple. ok = 0: ask in the general way.
 * Source: CONTAINS_OP_DICT, CONTAINS_OP_SET, list_contains, tuplecontains. */
MARTLET_CALL struct martlet_int_ok martlet_quick_contains(O container, O key)
{
    if (PyDict_CheckExact(container)) {
        struct place found = find_any(container, key);
        return (struct martlet_int_ok){found.value != NULL, !found.unknown};
    }
    if (PyList_CheckExact(container) || PyTuple_CheckExact(container)) {
        int is_one = items_have(PySequence_Fast_ITEMS(container), PySequence_Fast_GET_SIZE(container), key);
        return (struct martlet_int_ok){is_one == 1, is_one >= 0};
    }
    int has =
        PySet_CheckExact(container) || PyFrozenSet_CheckExact(container) ? set_has((PySetObject *)container, key) : -1;
    return (struct martlet_int_ok){has == 1, has >= 0};
}

/* Whether a value of a dict may be replaced in its place: nobody watches, and its release is quiet. */
MARTLET_INLINE bool is_replaceable(PyDictObject *dict, O old)
{
    return (dict->ma_version_tag & DICT_WATCHER_MASK) == 0 && dict->ma_values == NULL && martlet_release_quiet(old);
}

MARTLET_INLINE void replace(TS ts, PyDictObject *dict, O *place, O v)
{
    O old = *place;
    *place = Py_NewRef(v);
    if (!_PyObject_GC_IS_TRACKED((O)dict) && _PyObject_GC_MAY_BE_TRACKED(v)) {
        PyObject_GC_Track(dict);
    }
    dict->ma_version_tag = DICT_NEXT_VERSION(ts->interp) | (dict->ma_version_tag & DICT_WATCHER_AND_MODIFICATION_MASK);
    martlet_inline_decref(old);
}

/* container[key] = v of an exact dict: 1. 0: nothing has happened, do it in the general way: that may run Python code.
 * -1 = MemoryError. Source: STORE_SUBSCR_DICT. */
MARTLET_CALL int martlet_quick_dict_store(TS ts, O container, O key, O v)
{
    PyDictObject *dict = (PyDictObject *)container;
    Py_hash_t hash = PyDict_CheckExact(container) ? quiet_hash(key) : -1;
    if (MARTLET_UNLIKELY(hash == -1)) {
        return 0;
    }
    struct place found = find(dict, key, hash);
    if (found.value != NULL && is_replaceable(dict, *found.value)) {
        replace(ts, dict, found.value, v);
        return 1;
    }
    bool adds = found.value == NULL && !found.unknown && (dict->ma_version_tag & DICT_WATCHER_MASK) == 0;
    return adds ? (_PyDict_SetItem_KnownHash(container, key, v, hash) == 0 ? 1 : -1) : 0;
}

/* set.add(key): 1. 0: nothing has happened, do it in the general way: that may run Python code. -1 = MemoryError.
 * Source: set_add. */
MARTLET_CALL int martlet_quick_set_add(O set, O key)
{
    int has = set_has((PySetObject *)set, key);
    if (has != 0) {
        return has > 0;
    }
    return PySet_Add(set, key) == 0 ? 1 : -1;
}

/* Whether `v.__class__` is the class of v for all objects of a class, without asking any of them. */
static bool keeps_class(PyTypeObject *type)
{
    return type == &PyType_Type || (type->tp_getattro == PyObject_GenericGetAttr &&
                                    _PyType_Lookup(type, martlet_class.name) == martlet_class.descriptor);
}

/* Whether v is an instance of one class: 0, 1; -1 (no exception): Python code has a say. Source:
 * object_recursive_isinstance. */
static int is_instance(O v, O class)
{
    if (Py_IS_TYPE(v, (PyTypeObject *)class)) {
        return 1;
    }
    if (!PyType_CheckExact(class)) {
        return -1;
    }
    if (PyType_IsSubtype(Py_TYPE(v), (PyTypeObject *)class)) {
        return 1;
    }
    return keeps_class(Py_TYPE(v)) ? 0 : -1;
}

/* isinstance(v, classes). ok = 0: ask in the general way. Source: CALL_ISINSTANCE. */
MARTLET_CALL struct martlet_int_ok martlet_quick_isinstance(O v, O classes)
{
    int is = 0;
    if (PyTuple_CheckExact(classes)) {
        for (Py_ssize_t i = 0; is == 0 && i < PyTuple_GET_SIZE(classes); i++) {
            is = is_instance(v, PyTuple_GET_ITEM(classes, i));
        }
    } else {
        is = is_instance(v, classes);
    }
    return (struct martlet_int_ok){is == 1, is >= 0};
}

/* len(v) of the usual containers. ok = 0: ask in the general way. Source: CALL_LEN. */
MARTLET_CALL struct martlet_int_ok martlet_quick_len(O v)
{
    PyTypeObject *type = Py_TYPE(v);
    if (type == &PySet_Type || type == &PyFrozenSet_Type) {
        return (struct martlet_int_ok){((PySetObject *)v)->used, 1};
    }
    if (type == &PyDict_Type) {
        return (struct martlet_int_ok){((PyDictObject *)v)->ma_used, 1};
    }
    if (type == &PyUnicode_Type) {
        return (struct martlet_int_ok){((PyASCIIObject *)v)->length, 1};
    }
    bool sized = type == &PyBytes_Type || type == &PyList_Type || type == &PyTuple_Type || type == &PyByteArray_Type;
    return (struct martlet_int_ok){sized ? Py_SIZE(v) : 0, sized};
}

/* Whether an object is true that needs no Python code to tell: of the usual kinds, or of a class that says nothing of it.
 * ok = 0: ask in the general way. Source: PyObject_IsTrue. */
MARTLET_CALL struct martlet_int_ok martlet_quick_truth(O v)
{
    PyTypeObject *type = Py_TYPE(v);
    if (type == &PyBool_Type || v == Py_None) {
        return (struct martlet_int_ok){v == Py_True, 1};
    }
    if (type == &PyLong_Type) {
        return (struct martlet_int_ok){!_PyLong_IsZero((PyLongObject *)v), 1};
    }
    if (type == &PyFloat_Type) {
        return (struct martlet_int_ok){PyFloat_AS_DOUBLE(v) != 0.0, 1};
    }
    bool asks = (type->tp_as_number != NULL && type->tp_as_number->nb_bool != NULL) ||
                (type->tp_as_mapping != NULL && type->tp_as_mapping->mp_length != NULL) ||
                (type->tp_as_sequence != NULL && type->tp_as_sequence->sq_length != NULL);
    if (!asks) {
        return (struct martlet_int_ok){1, 1};
    }
    struct martlet_int_ok length = martlet_quick_len(v);
    return (struct martlet_int_ok){length.value != 0, length.ok};
}

/* ord(v) of a str or bytes of one item. ok = 0: ask in the general way. Source: builtin_ord. */
MARTLET_CALL struct martlet_int_ok martlet_quick_ord(O v)
{
    if (PyUnicode_CheckExact(v) && PyUnicode_GET_LENGTH(v) == 1) {
        return (struct martlet_int_ok){PyUnicode_READ_CHAR(v, 0), 1};
    }
    if (PyBytes_CheckExact(v) && PyBytes_GET_SIZE(v) == 1) {
        return (struct martlet_int_ok){(unsigned char)PyBytes_AS_STRING(v)[0], 1};
    }
    return (struct martlet_int_ok){0, 0};
}

/* chr(v), new; NULL (no exception): ask in the general way. Source: builtin_chr. */
MARTLET_CALL O martlet_quick_chr(int64_t v)
{
    if (v < 0 || v > 0x10ffff) {
        return NULL;
    }
    O result = PyUnicode_FromOrdinal((int)v);
    if (result == NULL) {
        PyErr_Clear();
    }
    return result;
}

/* id(v), new; NULL (no exception): somebody listens, ask in the general way. Source: builtin_id. */
MARTLET_CALL O martlet_quick_id(TS ts, O v)
{
    if (MARTLET_UNLIKELY(!martlet_audits_alone || ts->interp->audit_hooks != NULL)) {
        return NULL;
    }
    O result = martlet_inline_int_box((int64_t)(intptr_t)v);
    if (result == NULL) {
        PyErr_Clear();
    }
    return result;
}

/* type(v), new. Source: CALL_TYPE_1. */
MARTLET_HELPER O martlet_type_of(O v)
{
    return Py_NewRef((O)Py_TYPE(v));
}

/* None; borrowed, immortal. */
MARTLET_HELPER O martlet_none(void)
{
    return Py_None;
}

/* Whether list.pop() has an item to give. Source: list_pop_impl. */
MARTLET_HELPER bool martlet_list_can_pop(O list)
{
    return Py_SIZE(list) > 0;
}

/* martlet_list_pop where the list needs less memory, or none, from there on. */
MARTLET_CALL O martlet_list_pop_shrinking(O list)
{
    Py_ssize_t n = Py_SIZE(list) - 1;
    O last = Py_NewRef(((PyListObject *)list)->ob_item[n]);
    if (PyList_SetSlice(list, n, n + 1, NULL) < 0) {
        PyErr_Clear(); /* it keeps the memory */
        Py_SET_SIZE(list, n);
        Py_DECREF(last);
    }
    return last;
}

/* list.pop() of a list that martlet_list_can_pop says it of: the last item, new; never NULL. Source: list_pop_impl,
 * list_resize. */
MARTLET_HELPER O martlet_list_pop(O list)
{
    Py_ssize_t n = Py_SIZE(list) - 1;
    if (MARTLET_UNLIKELY(n == 0 || n < ((PyListObject *)list)->allocated >> 1)) {
        return martlet_list_pop_shrinking(list);
    }
    Py_SET_SIZE(list, n);
    return ((PyListObject *)list)->ob_item[n];
}

/* Operators whose operands are handed over: for the general way behind a quick one. */

/* container[key]; new; steals both. Source: BINARY_SUBSCR. */
MARTLET_CALL O martlet_get_item_owned(O container, O key)
{
    O result = PyObject_GetItem(container, key);
    martlet_inline_decref(container);
    martlet_inline_decref(key);
    return result;
}

/* container[key] = v; steals all three. Source: STORE_SUBSCR. */
MARTLET_CALL int martlet_set_item_owned(O container, O key, O v)
{
    int status = PyObject_SetItem(container, key, v);
    martlet_inline_decref(v);
    martlet_inline_decref(container);
    martlet_inline_decref(key);
    return status;
}

/* key in container: 0, 1, or -1; steals both. Source: CONTAINS_OP. */
MARTLET_CALL MARTLET_TRUTH int martlet_contains_owned(O container, O key)
{
    int has = PySequence_Contains(container, key);
    martlet_inline_decref(key);
    martlet_inline_decref(container);
    return has;
}

/* The next item of a list's, tuple's or range's own iterator; new. NULL, no exception: it has none, and must still let go
 * of its list or tuple, or it is of another class. Source: FOR_ITER_LIST, FOR_ITER_TUPLE, FOR_ITER_RANGE. */
MARTLET_CALL O martlet_quick_next(O it)
{
    PyTypeObject *type = Py_TYPE(it);
    if (type == &PyListIter_Type) {
        _PyListIterObject *iterator = (_PyListIterObject *)it;
        PyListObject *list = iterator->it_seq;
        bool has_item = list != NULL && (size_t)iterator->it_index < (size_t)PyList_GET_SIZE(list);
        return has_item ? Py_NewRef(PyList_GET_ITEM(list, iterator->it_index++)) : NULL;
    }
    if (type == &PyTupleIter_Type) {
        _PyTupleIterObject *iterator = (_PyTupleIterObject *)it;
        PyTupleObject *tuple = iterator->it_seq;
        bool has_item = tuple != NULL && iterator->it_index < PyTuple_GET_SIZE(tuple);
        return has_item ? Py_NewRef(PyTuple_GET_ITEM(tuple, iterator->it_index++)) : NULL;
    }
    if (type != &PyRangeIter_Type) {
        return NULL;
    }
    _PyRangeIterObject *iterator = (_PyRangeIterObject *)it;
    if (iterator->len <= 0) {
        return NULL;
    }
    O item = martlet_inline_int_box(iterator->start);
    if (item == NULL) {
        PyErr_Clear(); /* the general way will not find any memory either */
        return NULL;
    }
    iterator->start += iterator->step;
    iterator->len--;
    return item;
}

/* The truth of v: 0, 1, or -1; steals it. Source: TO_BOOL. */
MARTLET_CALL MARTLET_TRUTH int martlet_is_true_owned(O v)
{
    int is = PyObject_IsTrue(v);
    martlet_inline_decref(v);
    return is;
}
