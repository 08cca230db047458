/* dicts.h: lookups in exact dicts without a call, for keys whose kind is known. */
#ifndef DICTS_H
#define DICTS_H

#include "ceiling.h"

/* 2: keys are looked up in place; an int key has no box until it is stored. 1: the C functions behind the methods are
 * called, with boxed keys. 0: as 1, through a bound method and an array of arguments. */
#ifndef LOOKUPS
#  define LOOKUPS 2
#endif

/* The index in the table of entries at place i of the hash table. Source: dictobject.c, dictkeys_get_index. */
MARTLET_INLINE int64_t index_at(const PyDictKeysObject *keys, size_t i)
{
    uint8_t log2 = keys->dk_log2_size;
    if (log2 < 8) {
        return ((const int8_t *)keys->dk_indices)[i];
    }
    if (log2 < 16) {
        return ((const int16_t *)keys->dk_indices)[i];
    }
    return ((const int32_t *)keys->dk_indices)[i];
}

/* Whether a key is the int `value`, which is below 2**60. */
MARTLET_INLINE bool is_int_key(O key, uint64_t value)
{
    GUARD(PyLong_CheckExact(key));
    const PyLongObject *i = (const PyLongObject *)key;
    uint64_t size = i->long_value.lv_tag >> NON_SIZE_BITS;
    uint64_t found = i->long_value.ob_digit[0];
    if (size == 2) {
        found |= (uint64_t)(&i->long_value.ob_digit[0])[1] << PyLong_SHIFT;
    }
    return found == value && size <= 2 && !(i->long_value.lv_tag & SIGN_NEGATIVE);
}

/* The value of the int `key`, which is below 2**60, so that it is its own hash; borrowed; NULL without an exception if
 * there is none. Source: dictobject.c, dictkeys_generic_lookup. */
MARTLET_INLINE O probe_int(O dict, uint64_t key)
{
    const PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (DK_IS_UNICODE(keys)) {
        return NULL; /* no int equals a string */
    }
    size_t mask = (size_t)DK_SIZE(keys) - 1;
    size_t perturb = key;
    for (size_t i = key & mask;; i = (i * 5 + perturb + 1) & mask) {
        int64_t index = index_at(keys, i);
        if (index == DKIX_EMPTY) {
            return NULL;
        }
        if (index >= 0) {
            PyDictKeyEntry *entry = &DK_ENTRIES((PyDictKeysObject *)keys)[index];
            if (entry->me_hash == (Py_hash_t)key && is_int_key(entry->me_key, key)) {
                return entry->me_value;
            }
        }
        perturb >>= 5;
    }
}

/* The value of a key that hashes and compares by identity, such as a class; borrowed; NULL if there is none. */
MARTLET_INLINE O probe_identity(O dict, O key)
{
    const PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (DK_IS_UNICODE(keys)) {
        return NULL;
    }
    size_t address = (size_t)key;
    size_t hash = address >> 4 | address << 60; /* _Py_HashPointerRaw */
    size_t mask = (size_t)DK_SIZE(keys) - 1;
    size_t perturb = hash;
    for (size_t i = hash & mask;; i = (i * 5 + perturb + 1) & mask) {
        int64_t index = index_at(keys, i);
        if (index == DKIX_EMPTY) {
            return NULL;
        }
        if (index >= 0 && DK_ENTRIES((PyDictKeysObject *)keys)[index].me_key == key) {
            return DK_ENTRIES((PyDictKeysObject *)keys)[index].me_value;
        }
        perturb >>= 5;
    }
}

/* The index of an interned string among the keys of instances; -1 if there is none. */
MARTLET_INLINE int64_t probe_shared_keys(const PyDictKeysObject *keys, O name)
{
    size_t hash = (size_t)((PyASCIIObject *)name)->hash;
    size_t mask = (size_t)DK_SIZE(keys) - 1;
    size_t perturb = hash;
    for (size_t i = hash & mask;; i = (i * 5 + perturb + 1) & mask) {
        int64_t index = index_at(keys, i);
        if (index == DKIX_EMPTY) {
            return -1;
        }
        if (index >= 0 && DK_UNICODE_ENTRIES((PyDictKeysObject *)keys)[index].me_key == name) {
            return index;
        }
        perturb >>= 5;
    }
}

/* dict.get(key), borrowed; None if there is none: as a call of the method, or of the C function behind it. */
static __attribute__((noinline)) O get_boxed(O dict, O key)
{
    O value;
    if (LOOKUPS == 0) {
        static O name;
        if (name == NULL) {
            name = PyUnicode_InternFromString("get");
        }
        O method = PyObject_GetAttr(dict, name);
        O args[] = {NULL, key};
        MUST(method != NULL);
        value = PyObject_Vectorcall(method, args + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        Py_DECREF(method);
        MUST(value != NULL);
        Py_DECREF(value);
        return value == Py_None ? NULL : value;
    }
    value = PyDict_GetItemWithError(dict, key);
    MUST(value != NULL || !PyErr_Occurred());
    return value;
}

/* dict.get(id(x)), borrowed; NULL if there is none. */
MARTLET_INLINE O get_by_id(O dict, O x)
{
    GUARD(PyDict_CheckExact(dict));
    if (LOOKUPS == 2) {
        return probe_int(dict, (uint64_t)x);
    }
    O key = PyLong_FromVoidPtr(x);
    MUST(key != NULL);
    O value = get_boxed(dict, key);
    Py_DECREF(key);
    return value;
}

/* dict.get(type), borrowed; NULL if there is none. */
MARTLET_INLINE O get_by_type(O dict, PyTypeObject *type)
{
    GUARD(PyDict_CheckExact(dict));
    GUARD(Py_IS_TYPE(type, &PyType_Type)); /* so that it hashes by identity */
    return LOOKUPS == 2 ? probe_identity(dict, (O)type) : get_boxed(dict, (O)type);
}

/* dict[id(x)] = value; steals value. */
MARTLET_INLINE void set_by_id(O dict, O x, O value)
{
    GUARD(PyDict_CheckExact(dict));
    O key = PyLong_FromVoidPtr(x);
    MUST(key != NULL);
    if (LOOKUPS == 2) {
        MUST(_PyDict_SetItem_KnownHash_LockHeld((PyDictObject *)dict, key, value, (Py_hash_t)x) == 0);
    } else {
        MUST(PyObject_SetItem(dict, key, value) == 0);
    }
    Py_DECREF(key);
    Py_DECREF(value);
}

#endif /* DICTS_H */
