/* attributes.c: attributes, methods, super and imports.
 *
 * A helper with an inline cache takes what CPython's specialised instruction has in its cache, and gives the same
 * result as the generic helper when the cache does not hold: a miss costs time, never correctness. `type_version` is
 * the version of the owner's type, never 0.
 */
#include "inline.h"

#include <internal/pycore_call.h>
#include <internal/pycore_dict.h>
#include <internal/pycore_import.h>
#include <internal/pycore_moduleobject.h>
#include <internal/pycore_typeobject.h>

#include <opcode.h>

/* v.name; new. Source: LOAD_ATTR. */
MARTLET_HELPER O martlet_get_attr(O v, O name)
{
    return PyObject_GetAttr(v, name);
}

/* v.name; new; steals v. Source: LOAD_ATTR. */
MARTLET_CALL O martlet_get_attr_owned(O v, O name)
{
    O value = PyObject_GetAttr(v, name);
    Py_DECREF(v);
    return value;
}

/* v.name = value. Source: STORE_ATTR. */
MARTLET_HELPER int martlet_set_attr(O value, O v, O name)
{
    return PyObject_SetAttr(v, name, value);
}

/* del v.name. Source: DELETE_ATTR. */
MARTLET_HELPER int martlet_del_attr(O v, O name)
{
    return PyObject_DelAttr(v, name);
}

/* v.name for a call: {function, v}, both new, if it is a method to be called with v first; otherwise {value, NULL}, new.
 * first == NULL: an exception is set. Source: LOAD_ATTR with its method bit. */
MARTLET_CALL struct martlet_pair martlet_load_method(TS ts, O v, O name)
{
    (void)ts;
    O method = NULL;
    if (_PyObject_GetMethod(v, name, &method)) {
        return (struct martlet_pair){method, Py_NewRef(v)};
    }
    return (struct martlet_pair){method, NULL};
}

/* Whether v's attributes are its inline values. Its class has a managed dict. */
MARTLET_INLINE bool has_inline_values(O v)
{
    return PyType_HasFeature(Py_TYPE(v), Py_TPFLAGS_INLINE_VALUES) && _PyObject_InlineValues(v)->valid;
}

MARTLET_INLINE bool has_type_version(O v, uint32_t type_version)
{
    return Py_TYPE(v)->tp_version_tag == type_version;
}

/* Entry `hint` of a dict if its key is `name` and it has a value; NULL otherwise. */
MARTLET_INLINE O *hinted_entry(PyDictObject *dict, O name, uint32_t hint)
{
    PyDictKeysObject *keys = dict->ma_keys;
    if (MARTLET_UNLIKELY(hint >= (size_t)keys->dk_nentries || !DK_IS_UNICODE(keys) || dict->ma_values != NULL)) {
        return NULL;
    }
    PyDictUnicodeEntry *entry = &DK_UNICODE_ENTRIES(keys)[hint];
    if (MARTLET_UNLIKELY(entry->me_key != name || entry->me_value == NULL)) {
        return NULL;
    }
    return &entry->me_value;
}

/* Whether v's class is the one with this version. */
MARTLET_HELPER bool martlet_has_class(O v, uint32_t type_version)
{
    return has_type_version(v, type_version);
}

/* Probes: what an inline cache of CPython's finds, borrowed; NULL (no exception) where the cache does not hold. They
 * change nothing and run nothing. */

/* The value at `index` of v's inline values. Source: LOAD_ATTR_INSTANCE_VALUE. */
MARTLET_HELPER O martlet_probe_instance_value(O v, uint32_t type_version, uint32_t index)
{
    if (MARTLET_UNLIKELY(!has_type_version(v, type_version))) {
        return NULL;
    }
    PyDictValues *values = _PyObject_InlineValues(v);
    return MARTLET_LIKELY(values->valid) ? values->values[index] : NULL;
}

/* The value `offset` bytes into v (`__slots__`). Source: LOAD_ATTR_SLOT. */
MARTLET_HELPER O martlet_probe_slot(O v, uint32_t type_version, uint32_t offset)
{
    return MARTLET_LIKELY(has_type_version(v, type_version)) ? *(O *)((char *)v + offset) : NULL;
}

/* v's own attribute `name`, where v's class has no such attribute. Objects with inline values have it at `index` of these
 * (MARTLET_NO_INDEX: nobody knows), others probably at entry `hint` of their dict. Source: LOAD_ATTR_INSTANCE_VALUE,
 * LOAD_ATTR_WITH_HINT. */
MARTLET_HELPER O martlet_probe_own(O v, O name, uint32_t type_version, uint32_t index, uint32_t hint)
{
    if (MARTLET_UNLIKELY(!has_type_version(v, type_version))) {
        return NULL;
    }
    if (index != MARTLET_NO_INDEX && has_inline_values(v)) {
        return _PyObject_InlineValues(v)->values[index];
    }
    PyDictObject *dict = _PyObject_GetManagedDict(v);
    O *entry = dict != NULL ? hinted_entry(dict, name, hint) : NULL;
    return MARTLET_LIKELY(entry != NULL) ? *entry : martlet_probe_by_name(v, name);
}

/* The value at `index` of a module's dict. Source: LOAD_ATTR_MODULE. */
MARTLET_HELPER O martlet_probe_module_value(O v, uint32_t keys_version, uint32_t index)
{
    if (MARTLET_UNLIKELY(!Py_IS_TYPE(v, &PyModule_Type))) {
        return NULL;
    }
    PyDictKeysObject *keys = ((PyDictObject *)((PyModuleObject *)v)->md_dict)->ma_keys;
    return MARTLET_LIKELY(keys->dk_version == keys_version) ? DK_UNICODE_ENTRIES(keys)[index].me_value : NULL;
}

/* `method`, where v is an object with inline values and its class is the one that has it. Source:
 * LOAD_ATTR_METHOD_WITH_VALUES. */
MARTLET_HELPER O martlet_probe_method_with_values(O v, uint32_t type_version, uint32_t keys_version, O method)
{
    bool hit = has_type_version(v, type_version) && _PyObject_InlineValues(v)->valid &&
               ((PyHeapTypeObject *)Py_TYPE(v))->ht_cached_keys->dk_version == keys_version;
    return MARTLET_LIKELY(hit) ? method : NULL;
}

/* `method`, where v's class is the one that has it and its objects have no dict. Source: LOAD_ATTR_METHOD_NO_DICT. */
MARTLET_HELPER O martlet_probe_method_no_dict(O v, uint32_t type_version, O method)
{
    return MARTLET_LIKELY(has_type_version(v, type_version)) ? method : NULL;
}

/* What CPython's method cache has of a class under a name, borrowed, in `found`; NULL: the class has nothing there.
 * False: the cache does not tell. Source: _PyType_LookupRef. */
MARTLET_INLINE bool in_method_cache(TS ts, PyTypeObject *type, O name, O *found)
{
    uint32_t version = type->tp_version_tag;
    uint32_t index = (version ^ (uint32_t)((uintptr_t)name >> 3)) & ((1u << MCACHE_SIZE_EXP) - 1);
    const struct type_cache_entry *entry = &ts->interp->types.type_cache.hashtable[index];
    *found = entry->value;
    return version != 0 && entry->version == version && entry->name == name;
}

/* As martlet_class_attr, where the method cache does not tell. */
MARTLET_COLD O martlet_class_attr_slow(O v, O name)
{
    return _PyType_Lookup(Py_TYPE(v), name);
}

/* What v's class has under `name`, borrowed, where it is the one with this version. Source: _PyType_LookupRef. */
MARTLET_HELPER O martlet_class_attr(TS ts, O v, O name, uint32_t type_version)
{
    if (MARTLET_UNLIKELY(!has_type_version(v, type_version))) {
        return NULL;
    }
    O found;
    return MARTLET_LIKELY(in_method_cache(ts, Py_TYPE(v), name, &found)) ? found : martlet_class_attr_slow(v, name);
}

/* What class v has under a name, borrowed, where that is what v.name goes by: NULL where v is no class, has nothing there,
 * or its metaclass has a say, and where the method cache does not tell. Source: _Py_type_getattro. */
MARTLET_INLINE O of_class(TS ts, O v, O name)
{
    PyTypeObject *meta = Py_TYPE(v);
    if (MARTLET_UNLIKELY(!PyType_Check(v) || meta->tp_getattro != PyType_Type.tp_getattro)) {
        return NULL;
    }
    O own;
    O of_meta;
    bool known = in_method_cache(ts, meta, name, &of_meta) && of_meta == NULL &&
                 in_method_cache(ts, (PyTypeObject *)v, name, &own);
    return known ? own : NULL;
}

/* v.name, where v is a class that has there what is no descriptor. */
MARTLET_CALL O martlet_probe_class_value(TS ts, O v, O name)
{
    O own = of_class(ts, v, name);
    return own != NULL && Py_TYPE(own)->tp_descr_get == NULL ? own : NULL;
}

/* `function`, where v is a class that has it there as a class method (as a static method with `is_static`). Source:
 * cm_descr_get, sm_descr_get. */
MARTLET_CALL O martlet_probe_wrapped(TS ts, O v, O name, O function, uint32_t is_static)
{
    PyTypeObject *wrapper = is_static ? &PyStaticMethod_Type : &PyClassMethod_Type;
    O own = of_class(ts, v, name);
    bool hit = own != NULL && Py_IS_TYPE(own, wrapper) && ((struct martlet_wrapper *)own)->callable == function;
    return MARTLET_LIKELY(hit) ? function : NULL;
}

/* Whether an object whose class may give it a dict has none yet. */
MARTLET_INLINE bool has_no_dict_yet(O v)
{
    PyTypeObject *type = Py_TYPE(v);
    bool managed = type->tp_flags & Py_TPFLAGS_MANAGED_DICT;
    Py_ssize_t offset = managed ? MANAGED_DICT_OFFSET : type->tp_dictoffset;
    return *(O *)((char *)v + offset) == NULL;
}

/* `method`, where v's class is the one that has it and v's dict is not made yet. Source: LOAD_ATTR_METHOD_LAZY_DICT. */
MARTLET_HELPER O martlet_probe_method_lazy_dict(O v, uint32_t type_version, O method)
{
    return MARTLET_LIKELY(has_type_version(v, type_version) && has_no_dict_yet(v)) ? method : NULL;
}

/* A new reference to a cached value, or the generic way if there is none. */
MARTLET_INLINE O found_or_generic(O value, O v, O name)
{
    if (MARTLET_UNLIKELY(value == NULL)) {
        return PyObject_GetAttr(v, name);
    }
    Py_INCREF(value);
    return value;
}

/* v.name where the value stands at `index` of the object's inline values; new. Source: LOAD_ATTR_INSTANCE_VALUE. */
MARTLET_HELPER O martlet_get_attr_instance_value(TS ts, O v, O name, uint32_t type_version, uint32_t index)
{
    (void)ts;
    O value = NULL;
    if (MARTLET_LIKELY(has_type_version(v, type_version))) {
        PyDictValues *values = _PyObject_InlineValues(v);
        if (MARTLET_LIKELY(values->valid)) {
            value = values->values[index];
        }
    }
    return found_or_generic(value, v, name);
}

/* v.name where the value stands at entry `hint` of the object's dict; new. Source: LOAD_ATTR_WITH_HINT. */
MARTLET_HELPER O martlet_get_attr_with_hint(TS ts, O v, O name, uint32_t type_version, uint32_t hint)
{
    (void)ts;
    O value = NULL;
    if (MARTLET_LIKELY(has_type_version(v, type_version))) {
        PyDictObject *dict = _PyObject_GetManagedDict(v);
        O *entry = dict != NULL ? hinted_entry(dict, name, hint) : NULL;
        if (MARTLET_LIKELY(entry != NULL)) {
            value = *entry;
        }
    }
    return found_or_generic(value, v, name);
}

/* v.name where the value stands `offset` bytes into the object (`__slots__`); new. Source: LOAD_ATTR_SLOT. */
MARTLET_HELPER O martlet_get_attr_slot(TS ts, O v, O name, uint32_t type_version, uint32_t offset)
{
    (void)ts;
    O value = NULL;
    if (MARTLET_LIKELY(has_type_version(v, type_version))) {
        value = *(O *)((char *)v + offset);
    }
    return found_or_generic(value, v, name);
}

/* v.name where v is a module, its dict's keys have this version and the value stands at `index`; new.
 * Source: LOAD_ATTR_MODULE. */
MARTLET_HELPER O martlet_get_attr_module(TS ts, O v, O name, uint32_t keys_version, uint32_t index)
{
    (void)ts;
    O value = NULL;
    if (MARTLET_LIKELY(Py_IS_TYPE(v, &PyModule_Type))) {
        PyDictKeysObject *keys = ((PyDictObject *)((PyModuleObject *)v)->md_dict)->ma_keys;
        if (MARTLET_LIKELY(keys->dk_version == keys_version)) {
            value = DK_UNICODE_ENTRIES(keys)[index].me_value;
        }
    }
    return found_or_generic(value, v, name);
}

/* v.name where v is a class of this version and the value is `value`; new. Source: LOAD_ATTR_CLASS. */
MARTLET_HELPER O martlet_get_attr_class(TS ts, O v, O name, uint32_t type_version, O value)
{
    (void)ts;
    bool hit = PyType_Check(v) && ((PyTypeObject *)v)->tp_version_tag == type_version;
    return found_or_generic(MARTLET_LIKELY(hit) ? value : NULL, v, name);
}

/* {method, v}, both new, on a hit of the cache; the generic way otherwise. */
MARTLET_INLINE struct martlet_pair method_or_generic(TS ts, bool hit, O v, O name, O method)
{
    if (MARTLET_UNLIKELY(!hit)) {
        return martlet_load_method(ts, v, name);
    }
    Py_INCREF(method);
    Py_INCREF(v);
    return (struct martlet_pair){method, v};
}

/* As martlet_load_method, where objects of the type have inline values and no attribute hides the method: the type's
 * cached keys have this version. Source: LOAD_ATTR_METHOD_WITH_VALUES. */
MARTLET_HELPER struct martlet_pair martlet_load_method_with_values(TS ts, O v, O name, uint32_t type_version,
                                                                   uint32_t keys_version, O method)
{
    bool hit = has_type_version(v, type_version) && _PyObject_InlineValues(v)->valid &&
               ((PyHeapTypeObject *)Py_TYPE(v))->ht_cached_keys->dk_version == keys_version;
    return method_or_generic(ts, hit, v, name, method);
}

/* As martlet_load_method, where objects of the type have no dict. Source: LOAD_ATTR_METHOD_NO_DICT. */
MARTLET_HELPER struct martlet_pair martlet_load_method_no_dict(TS ts, O v, O name, uint32_t type_version, O method)
{
    return method_or_generic(ts, has_type_version(v, type_version), v, name, method);
}

/* As martlet_load_method, where the object's dict is not made yet. Source: LOAD_ATTR_METHOD_LAZY_DICT. */
MARTLET_HELPER struct martlet_pair martlet_load_method_lazy_dict(TS ts, O v, O name, uint32_t type_version, O method)
{
    bool hit = has_type_version(v, type_version) && has_no_dict_yet(v);
    return method_or_generic(ts, hit, v, name, method);
}

/* Whether v's attributes are its inline values, and a store to them is nobody else's business: v has no dict, or one that
 * has the same values and that nobody watches. Source: store_instance_attr_lock_held. */
MARTLET_INLINE bool may_store_values(O v)
{
    PyDictObject *dict = _PyObject_GetManagedDict(v);
    PyDictValues *values = _PyObject_InlineValues(v);
    if (MARTLET_LIKELY(dict == NULL)) {
        return values->valid;
    }
    return has_inline_values(v) && dict->ma_values == values && (dict->ma_version_tag & DICT_WATCHER_MASK) == 0;
}

/* The inline value `index` of v is there for the first time. */
MARTLET_LEAF void martlet_value_added(O v, uint32_t index)
{
    PyDictObject *dict = _PyObject_GetManagedDict(v);
    _PyDictValues_AddToInsertionOrder(_PyObject_InlineValues(v), index);
    if (dict != NULL) {
        dict->ma_used++;
    }
}

/* v.name = value where the value stands at `index` of the object's inline values. Source: STORE_ATTR_INSTANCE_VALUE. */
MARTLET_HOT int martlet_set_attr_instance_value(TS ts, O value, O v, O name, uint32_t type_version, uint32_t index)
{
    (void)ts;
    if (MARTLET_UNLIKELY(!has_type_version(v, type_version) || !may_store_values(v))) {
        return PyObject_SetAttr(v, name, value);
    }
    PyDictValues *values = _PyObject_InlineValues(v);
    O old = values->values[index];
    Py_INCREF(value);
    values->values[index] = value;
    if (old == NULL) {
        martlet_value_added(v, index);
    } else {
        martlet_inline_decref(old);
    }
    return 0;
}

/* v.name = value where the value stands `offset` bytes into the object (`__slots__`). Source: STORE_ATTR_SLOT. */
MARTLET_HELPER int martlet_set_attr_slot(TS ts, O value, O v, O name, uint32_t type_version, uint32_t offset)
{
    (void)ts;
    if (MARTLET_UNLIKELY(!has_type_version(v, type_version))) {
        return PyObject_SetAttr(v, name, value);
    }
    O *slot = (O *)((char *)v + offset);
    O old = *slot;
    Py_INCREF(value);
    *slot = value;
    martlet_inline_xdecref(old);
    return 0;
}

/* v.name = value where the value stands at entry `hint` of the object's dict. A watched dict goes the generic way,
 * which tells its watchers. Source: STORE_ATTR_WITH_HINT. */
MARTLET_CALL int martlet_set_attr_with_hint(TS ts, O value, O v, O name, uint32_t type_version, uint32_t hint)
{
    PyDictObject *dict = has_type_version(v, type_version) ? _PyObject_GetManagedDict(v) : NULL;
    bool plain = dict != NULL && (dict->ma_version_tag & DICT_WATCHER_MASK) == 0;
    O *entry = plain ? hinted_entry(dict, name, hint) : NULL;
    if (entry == NULL) {
        return PyObject_SetAttr(v, name, value);
    }
    O old = *entry;
    *entry = Py_NewRef(value);
    if (!_PyObject_GC_IS_TRACKED((O)dict) && _PyObject_GC_MAY_BE_TRACKED(value)) {
        PyObject_GC_Track(dict);
    }
    dict->ma_version_tag = DICT_NEXT_VERSION(ts->interp) | (dict->ma_version_tag & DICT_WATCHER_AND_MODIFICATION_MASK);
    Py_DECREF(old);
    return 0;
}

/* Places: where the inline cache of a STORE_ATTR says that an attribute stands in an object. `kind` says how `index`
 * is to be read. */
enum place_kind {
    PLACE_VALUE, /* it counts the inline values */
    PLACE_SLOT, /* bytes from the start of the object (`__slots__`) */
    PLACE_ENTRY, /* it counts the entries of the object's dict */
};

MARTLET_INLINE O *place_of(O v, uint32_t kind, uint32_t index)
{
    switch (kind) {
    case PLACE_VALUE:
        return &_PyObject_InlineValues(v)->values[index];
    case PLACE_SLOT:
        return (O *)((char *)v + index);
    default:
        return &DK_UNICODE_ENTRIES(_PyObject_GetManagedDict(v)->ma_keys)[index].me_value;
    }
}

/* Whether v has the place, an inline value or a slot, which may be empty. Source: STORE_ATTR_INSTANCE_VALUE,
 * STORE_ATTR_SLOT, store_instance_attr_lock_held. */
MARTLET_HELPER bool martlet_has_place(O v, uint32_t kind, uint32_t index, uint32_t type_version)
{
    (void)index;
    if (MARTLET_UNLIKELY(!has_type_version(v, type_version))) {
        return false;
    }
    return kind == PLACE_SLOT || may_store_values(v);
}

/* Whether v has a dict that nobody watches with a value for `name` at entry `index`: then it has that place. `kind` is
 * for the other helpers. Source: STORE_ATTR_WITH_HINT. */
MARTLET_HELPER bool martlet_has_entry(O v, uint32_t kind, uint32_t index, uint32_t type_version, O name)
{
    (void)kind;
    PyDictObject *dict = MARTLET_LIKELY(has_type_version(v, type_version)) ? _PyObject_GetManagedDict(v) : NULL;
    bool plain = dict != NULL && (dict->ma_version_tag & DICT_WATCHER_MASK) == 0;
    return plain && hinted_entry(dict, name, index) != NULL;
}

/* Whether releasing what stands at a place runs no Python. */
MARTLET_HELPER bool martlet_place_quiet(O v, uint32_t kind, uint32_t index)
{
    return martlet_inline_release_quiet(*place_of(v, kind, index));
}

/* What stands at a place; borrowed, NULL (no exception) if it is empty. */
MARTLET_HELPER O martlet_place_value(O v, uint32_t kind, uint32_t index)
{
    return *place_of(v, kind, index);
}

/* Puts a value at a place that is no entry of a dict; steals it. The old value is released last. */
MARTLET_HELPER void martlet_place_store(O v, uint32_t kind, uint32_t index, O value)
{
    O *place = place_of(v, kind, index);
    O old = *place;
    *place = value;
    if (old != NULL) {
        martlet_release(old);
    } else if (kind == PLACE_VALUE) {
        martlet_value_added(v, index);
    }
}

/* As martlet_place_store_float, boxed: what stands there cannot be overwritten. */
MARTLET_COLD int martlet_place_store_float_slow(TS ts, O v, uint32_t kind, uint32_t index, double value)
{
    O box = martlet_inline_float_box(ts, value);
    if (box == NULL) {
        return -1;
    }
    martlet_place_store(v, kind, index, box);
    return 0;
}

/* As martlet_place_store for a double. Overwrites the float there if nothing else refers to it: the caller sees to it
 * that no borrowed reference to it is alive. 0, or -1 = MemoryError. */
MARTLET_HELPER int martlet_place_store_float(TS ts, O v, uint32_t kind, uint32_t index, double value)
{
    O old = *place_of(v, kind, index);
    if (MARTLET_LIKELY(old != NULL) && martlet_inline_overwrite_float(old, value)) {
        return 0;
    }
    return martlet_place_store_float_slow(ts, v, kind, index, value);
}

/* As martlet_place_store_int, boxed: what stands there cannot be overwritten. */
MARTLET_CALL int martlet_place_store_int_boxed(O v, uint32_t kind, uint32_t index, int64_t value)
{
    O box = martlet_inline_int_box(value);
    if (box == NULL) {
        return -1;
    }
    martlet_place_store(v, kind, index, box);
    return 0;
}

/* Likewise for an int of one digit that is none of the interpreter's small ones. */
MARTLET_HELPER int martlet_place_store_int(O v, uint32_t kind, uint32_t index, int64_t value)
{
    O old = *place_of(v, kind, index);
    if (MARTLET_LIKELY(old != NULL) && martlet_inline_overwrite_int(old, value)) {
        return 0;
    }
    return martlet_place_store_int_boxed(v, kind, index, value);
}

/* Puts a value at entry `index` of v's dict, which is such as martlet_has_entry wants it; steals it. */
MARTLET_HELPER void martlet_entry_store(TS ts, O v, uint32_t kind, uint32_t index, O value)
{
    (void)kind;
    PyDictObject *dict = _PyObject_GetManagedDict(v);
    O *place = place_of(v, PLACE_ENTRY, index);
    O old = *place;
    *place = value;
    if (MARTLET_UNLIKELY(!_PyObject_GC_IS_TRACKED((O)dict)) && _PyObject_GC_MAY_BE_TRACKED(value)) {
        PyObject_GC_Track(dict);
    }
    dict->ma_version_tag = DICT_NEXT_VERSION(ts->interp) | (dict->ma_version_tag & DICT_WATCHER_AND_MODIFICATION_MASK);
    martlet_inline_decref(old);
}

/* Whether the LOAD_SUPER_ATTR that the current frame stands at was written with arguments, as `super(C, self)`. */
static bool super_has_arguments(TS ts)
{
    const _Py_CODEUNIT *instr = ts->current_frame->instr_ptr;
    while (instr->op.code == EXTENDED_ARG) {
        instr++;
    }
    return instr->op.arg & 2;
}

/* The object that `super()` gives where `super` is something unusual; new. */
static O call_super(TS ts, O global_super, O class, O self)
{
    O args[2] = {class, self};
    return PyObject_Vectorcall(global_super, args, super_has_arguments(ts) ? 2 : 0, NULL);
}

/* super().name, by whatever `super` is; new. The current frame stands at its LOAD_SUPER_ATTR.
 * Source: LOAD_SUPER_ATTR. */
MARTLET_CALL O martlet_load_super_attr(TS ts, O global_super, O class, O self, O name)
{
    if (global_super == (O)&PySuper_Type && PyType_Check(class)) {
        return _PySuper_Lookup((PyTypeObject *)class, self, name, NULL);
    }
    O super = call_super(ts, global_super, class, self);
    if (super == NULL) {
        return NULL;
    }
    O attr = PyObject_GetAttr(super, name);
    Py_DECREF(super);
    return attr;
}

/* super().name for a call: as martlet_load_method. Source: LOAD_SUPER_ATTR with its method bit. */
MARTLET_CALL struct martlet_pair martlet_load_super_method(TS ts, O global_super, O class, O self, O name)
{
    if (global_super == (O)&PySuper_Type && PyType_Check(class)) {
        int is_method = 0;
        bool plain = Py_TYPE(self)->tp_getattro == PyObject_GenericGetAttr;
        O attr = _PySuper_Lookup((PyTypeObject *)class, self, name, plain ? &is_method : NULL);
        return (struct martlet_pair){attr, attr != NULL && is_method ? Py_NewRef(self) : NULL};
    }
    return (struct martlet_pair){martlet_load_super_attr(ts, global_super, class, self, name), NULL};
}

/* `import name`; new. `level` is an int, `fromlist` a tuple or None. Source: IMPORT_NAME, import_name in ceval.c. */
MARTLET_CALL O martlet_import_name(TS ts, F frame, O name, O fromlist, O level)
{
    O function;
    if (PyMapping_GetOptionalItemString(frame->f_builtins, "__import__", &function) < 0) {
        return NULL;
    }
    if (function == NULL) {
        PyErr_SetString(PyExc_ImportError, "__import__ not found");
        return NULL;
    }
    O locals = frame->f_locals != NULL ? frame->f_locals : Py_None;
    O result = NULL;
    if (function == ts->interp->imports.import_func) {
        int depth = PyLong_AsInt(level);
        if (depth != -1 || ts->current_exception == NULL) {
            result = PyImport_ImportModuleLevelObject(name, frame->f_globals, locals, fromlist, depth);
        }
    } else {
        O args[5] = {name, frame->f_globals, locals, fromlist, level};
        result = PyObject_Vectorcall(function, args, 5, NULL);
    }
    Py_DECREF(function);
    return result;
}

/* 1 if a module's spec says that it is still being imported, 0 if not, -1. */
static int is_initializing(O module)
{
    O spec;
    int status = PyObject_GetOptionalAttrString(module, "__spec__", &spec);
    if (status > 0) {
        O flag;
        status = PyObject_GetOptionalAttrString(spec, "_initializing", &flag);
        Py_DECREF(spec);
        if (status > 0) {
            status = PyObject_IsTrue(flag);
            Py_DECREF(flag);
        }
    }
    return status;
}

/* The text of the ImportError of `from module import name`; new; `path` may be NULL. */
static O import_from_message(O module, O name, O module_name, O path)
{
    if (path == NULL) {
        return PyUnicode_FromFormat("cannot import name %R from %R (unknown location)", name, module_name);
    }
    int partial = is_initializing(module);
    if (partial < 0) {
        return NULL;
    }
    const char *format = partial ? "cannot import name %R from partially initialized module %R "
                                   "(most likely due to a circular import) (%S)"
                                 : "cannot import name %R from %R (%S)";
    return PyUnicode_FromFormat(format, name, module_name, path);
}

/* Sets the ImportError of `from module import name`; `module_name` and `path` may be NULL. */
static void import_from_error(O module, O name, O module_name, O path)
{
    O shown = module_name != NULL ? Py_NewRef(module_name) : PyUnicode_FromString("<unknown module name>");
    O message = shown != NULL ? import_from_message(module, name, shown, path) : NULL;
    if (message != NULL) {
        PyErr_SetImportErrorSubclass(PyExc_ImportError, message, module_name, path);
        O error = PyErr_GetRaisedException();
        if (error != NULL && PyObject_TypeCheck(error, (PyTypeObject *)PyExc_ImportError) &&
            PyObject_SetAttrString(error, "name_from", name) < 0) {
            PyErr_Clear();
        }
        PyErr_SetRaisedException(error);
    }
    Py_XDECREF(message);
    Py_XDECREF(shown);
}

/* The module's file, new, or NULL without an exception if it has none; -1 in *status for an exception. */
static O module_path(O module, int *status)
{
    O path = NULL;
    *status = 0;
    if (PyModule_Check(module)) {
        path = PyModule_GetFilenameObject(module);
        if (path == NULL && !PyErr_ExceptionMatches(PyExc_SystemError)) {
            *status = -1;
            return NULL;
        }
        PyErr_Clear();
    }
    if (path != NULL && !PyUnicode_Check(path)) {
        Py_CLEAR(path);
    }
    return path;
}

/* `from module import name`; new; ImportError. Source: IMPORT_FROM, import_from in ceval.c. */
MARTLET_CALL O martlet_import_from(TS ts, O module, O name)
{
    O result;
    O module_name;
    if (PyObject_GetOptionalAttr(module, name, &result) != 0) {
        return result;
    }
    if (PyObject_GetOptionalAttrString(module, "__name__", &module_name) < 0) {
        return NULL;
    }
    if (module_name != NULL && !PyUnicode_Check(module_name)) {
        Py_CLEAR(module_name);
    }
    if (module_name != NULL) {
        /* A submodule that is being imported right now may be known to sys.modules only. */
        O full_name = PyUnicode_FromFormat("%U.%U", module_name, name);
        result = full_name != NULL ? PyImport_GetModule(full_name) : NULL;
        Py_XDECREF(full_name);
        if (result != NULL || ts->current_exception != NULL) {
            Py_DECREF(module_name);
            return result;
        }
    }
    int status;
    O path = module_path(module, &status);
    if (status == 0) {
        import_from_error(module, name, module_name, path);
    }
    Py_XDECREF(path);
    Py_XDECREF(module_name);
    return NULL;
}
