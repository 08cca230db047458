/* access.c: the interpreter's structures, read for the snapshot. Everything that is returned is borrowed. */
#define NEED_OPCODE_METADATA
#include "runtime.h"

#include <internal/pycore_descrobject.h>
#include <internal/pycore_dict.h>
#include <internal/pycore_opcode_metadata.h>
#include <internal/pycore_opcode_utils.h>
#include <internal/pycore_typeobject.h>
#include <opcode_ids.h>

/* A code object's fields (Include/cpython/code.h). */
struct martlet_code_view {
    O name, qualname, filename, consts, names, local_names, local_kinds, exception_table, line_table;
    int32_t first_line;
    uint32_t flags, arg_count, pos_only, kw_only, n_locals, stack_size, frame_size, n_units;
    const uint8_t *adaptive;
};

MARTLET_RUNTIME void
martlet_view_code(PyCodeObject *code, struct martlet_code_view *view)
{
    *view = (struct martlet_code_view){
        .name = code->co_name,
        .qualname = code->co_qualname,
        .filename = code->co_filename,
        .consts = code->co_consts,
        .names = code->co_names,
        .local_names = code->co_localsplusnames,
        .local_kinds = code->co_localspluskinds,
        .exception_table = code->co_exceptiontable,
        .line_table = code->co_linetable,
        .first_line = code->co_firstlineno,
        .flags = (uint32_t)code->co_flags,
        .arg_count = (uint32_t)code->co_argcount,
        .pos_only = (uint32_t)code->co_posonlyargcount,
        .kw_only = (uint32_t)code->co_kwonlyargcount,
        .n_locals = (uint32_t)code->co_nlocalsplus,
        .stack_size = (uint32_t)code->co_stacksize,
        .frame_size = (uint32_t)code->co_framesize,
        .n_units = (uint32_t)Py_SIZE(code),
        .adaptive = (const uint8_t *)_PyCode_CODE(code),
    };
}

/* Inline cache entries behind an instruction with this base opcode, in code units. */
MARTLET_RUNTIME uint32_t
martlet_opcode_caches(uint8_t base)
{
    return _PyOpcode_Caches[base];
}

MARTLET_RUNTIME uint32_t
martlet_first_instrumented_opcode(void)
{
    return MIN_INSTRUMENTED_OPCODE;
}

/* The value that entry `index` of a dictionary with string keys holds, if its keys have this version. */
static O
dict_entry(O dict, uint32_t keys_version, uint32_t index)
{
    if (dict == NULL || !PyDict_CheckExact(dict) || keys_version == 0) {
        return NULL;
    }
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (keys->dk_version != keys_version || !DK_IS_UNICODE(keys) || index >= (uint32_t)keys->dk_nentries) {
        return NULL;
    }
    return DK_UNICODE_ENTRIES(keys)[index].me_value;
}

/* Live classes by version, valid while one snapshot is taken. Open addressing; where it is crowded, some are missing. */
#define INDEX_BITS 14
#define INDEX_PROBES 32
static PyTypeObject *type_index[1 << INDEX_BITS];
static bool index_is_made;

/* The k-th place where a version is looked for. Versions of built-in classes and of others each run from a round number
 * on: a multiplicative hash (Knuth) keeps them out of each other's way. */
static PyTypeObject **
index_place(uint32_t version, uint32_t k)
{
    uint32_t hash = version * 2654435769u >> (32 - INDEX_BITS);
    return &type_index[(hash + k) % (1 << INDEX_BITS)];
}

/* Forgets the index of classes: to be called first in every snapshot. */
MARTLET_RUNTIME void
martlet_begin_snapshot(void)
{
    index_is_made = false;
}

static O
subclasses_of(PyTypeObject *type)
{
    if (!(type->tp_flags & _Py_TPFLAGS_STATIC_BUILTIN)) {
        return (O)type->tp_subclasses;
    }
    /* Of the interpreter's own static types this field is an index (typeobject.c). */
    struct types_state *types = &_PyThreadState_GET()->interp->types;
    size_t i = (size_t)(void *)type->tp_subclasses;
    return i > 0 && i <= _Py_MAX_MANAGED_STATIC_BUILTIN_TYPES && types->builtins.initialized[i - 1].type == type
               ? types->builtins.initialized[i - 1].tp_subclasses
               : NULL;
}

static void
index_type(PyTypeObject *type, int depth)
{
    if (type->tp_version_tag != 0) {
        for (uint32_t k = 0; k < INDEX_PROBES; k++) {
            PyTypeObject **slot = index_place(type->tp_version_tag, k);
            if (*slot == type) {
                return; /* reached by another base, with all below it */
            }
            if (*slot == NULL) {
                *slot = type;
                break;
            }
        }
    }
    O refs = subclasses_of(type), ref;
    Py_ssize_t at = 0;
    while (refs != NULL && depth < 64 && PyDict_Next(refs, &at, NULL, &ref)) {
        O subclass = ((PyWeakReference *)ref)->wr_object;
        if (PyType_Check(subclass) && Py_REFCNT(subclass) > 0) {
            index_type((PyTypeObject *)subclass, depth + 1);
        }
    }
}

/* The live class with this version, or NULL. */
static PyTypeObject *
type_with_version(uint32_t version)
{
    if (!index_is_made) {
        memset(type_index, 0, sizeof(type_index));
        index_type(&PyBaseObject_Type, 0);
        index_is_made = true;
    }
    for (uint32_t k = 0; k < INDEX_PROBES; k++) {
        PyTypeObject *type = *index_place(version, k);
        if (type != NULL && type->tp_version_tag == version) {
            return type;
        }
    }
    return NULL;
}

/* The attribute that a cache holds, if it is still what its class has under that name: a class that changed or died may
 * have taken the object with it, and the cache would not know. */
static O
live_descriptor(PyCodeObject *code, uint32_t name_index, uint32_t type_version, O cached)
{
    if (type_version == 0 || cached == NULL || name_index >= (uint32_t)PyTuple_GET_SIZE(code->co_names)) {
        return NULL;
    }
    PyTypeObject *type = type_with_version(type_version);
    if (type == NULL) {
        return NULL;
    }
    return _PyType_Lookup(type, PyTuple_GET_ITEM(code->co_names, name_index)) == cached ? cached : NULL;
}

/* The getter that a cache holds, if the class's attribute is still a property that has it. */
static O
live_getter(PyCodeObject *code, uint32_t name_index, uint32_t type_version, O cached)
{
    PyTypeObject *type = type_version != 0 && cached != NULL ? type_with_version(type_version) : NULL;
    if (type == NULL || name_index >= (uint32_t)PyTuple_GET_SIZE(code->co_names)) {
        return NULL;
    }
    O found = _PyType_Lookup(type, PyTuple_GET_ITEM(code->co_names, name_index));
    bool holds =
        found != NULL && Py_IS_TYPE(found, &PyProperty_Type) && ((_PyPropertyObject *)found)->prop_get == cached;
    return holds ? cached : NULL;
}

/* The version of a dictionary's keys, given out if they have none (dictobject.c, _PyDictKeys_GetVersionForCurrentState).
 * 0: none can be had, or it does not fit a cache. */
static uint32_t
keys_version(O dict)
{
    struct _Py_dict_state *state = &_PyThreadState_GET()->interp->dict_state;
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    if (keys->dk_version == 0 && state->next_keys_version != 0) {
        keys->dk_version = state->next_keys_version++;
    }
    return keys->dk_version <= UINT16_MAX ? keys->dk_version : 0;
}

/* Whether caches can speak of a dictionary's entries: an ordinary one whose keys are all strings. One that shares its keys
 * with others gets values without a change of its keys' version. */
static bool
is_cacheable(O dict)
{
    return dict != NULL && PyDict_CheckExact(dict) && ((PyDictObject *)dict)->ma_values == NULL
           && DK_IS_UNICODE(((PyDictObject *)dict)->ma_keys);
}

/* The place of a string key in a cacheable dictionary, or -1. */
static int
place_of(O dict, O name)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    /* Names are interned, and so are nearly all keys of namespaces. */
    for (int i = 0; i < keys->dk_nentries && i <= UINT16_MAX; i++) {
        const PyDictUnicodeEntry *entry = &DK_UNICODE_ENTRIES(keys)[i];
        if (entry->me_key == name && entry->me_value != NULL) {
            return i;
        }
    }
    return -1;
}

/* Does for a copy of a LOAD_GLOBAL at `at` what the interpreter does when it has run twice, so that code which ran once
 * is understood too. The cache of one that is specialised for keys that changed is made new. */
MARTLET_RUNTIME void
martlet_specialise_global(PyCodeObject *code, uint16_t *at, uint32_t oparg, O globals, O builtins)
{
    _PyLoadGlobalCache *cache = (_PyLoadGlobalCache *)(at + 1);
    uint8_t opcode = (uint8_t)(*at & 0xff);
    if (opcode == LOAD_GLOBAL_MODULE && dict_entry(globals, cache->module_keys_version, cache->index) != NULL) {
        return;
    }
    if (!is_cacheable(globals) || !is_cacheable(builtins) || oparg >> 1 >= (uint32_t)PyTuple_GET_SIZE(code->co_names)) {
        return;
    }
    O name = PyTuple_GET_ITEM(code->co_names, oparg >> 1);
    int index = place_of(globals, name);
    bool builtin = index < 0;
    if (builtin) {
        /* It may stand there as an equal string, or too far behind for a cache. */
        int shadowed = PyDict_Contains(globals, name);
        if (shadowed != 0) {
            PyErr_Clear();
            return;
        }
        index = place_of(builtins, name);
    }
    uint32_t module_version = keys_version(globals), builtin_version = builtin ? keys_version(builtins) : 0;
    if (index < 0 || module_version == 0 || (builtin && builtin_version == 0)) {
        return;
    }
    cache->index = (uint16_t)index;
    cache->module_keys_version = (uint16_t)module_version;
    cache->builtin_keys_version = (uint16_t)builtin_version;
    *at = (uint16_t)((*at & 0xff00) | (builtin ? LOAD_GLOBAL_BUILTIN : LOAD_GLOBAL_MODULE));
}

static O
function_with_version(uint32_t version)
{
    struct _py_func_state *state = &_PyThreadState_GET()->interp->func_state;
    PyFunctionObject *func = state->func_version_cache[version % FUNC_VERSION_CACHE_SIZE].func;
    return version != 0 && func != NULL && func->func_version == version ? (O)func : NULL;
}

/* What stands at a place of the module whose dictionary's keys have this version. */
static O
module_entry(uint32_t version, uint32_t index)
{
    O modules = PyImport_GetModuleDict(), module;
    Py_ssize_t at = 0;
    while (version != 0 && PyDict_CheckExact(modules) && PyDict_Next(modules, &at, NULL, &module)) {
        O found = Py_IS_TYPE(module, &PyModule_Type) ? dict_entry(PyModule_GetDict(module), version, index) : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* What an instruction, the copy of which stands at `units`, has learned of the object it loads or calls. */
enum martlet_site_kind { SITE_NONE, SITE_GLOBAL_MODULE, SITE_GLOBAL_BUILTIN, SITE_DESCRIPTOR, SITE_CALLEE };

MARTLET_RUNTIME O
martlet_site(PyCodeObject *code, uint16_t *units, uint32_t oparg, O globals, O builtins, uint32_t *kind)
{
    _Py_CODEUNIT *at = (_Py_CODEUNIT *)units;
    uint16_t *cache = (uint16_t *)(at + 1);
    O object = NULL;
    *kind = SITE_NONE;
    switch (at->op.code) {
    case LOAD_GLOBAL_MODULE: {
        const _PyLoadGlobalCache *global = (const _PyLoadGlobalCache *)cache;
        object = dict_entry(globals, global->module_keys_version, global->index);
        *kind = SITE_GLOBAL_MODULE;
        break;
    }
    case LOAD_GLOBAL_BUILTIN: {
        const _PyLoadGlobalCache *global = (const _PyLoadGlobalCache *)cache;
        object = dict_entry(builtins, global->builtin_keys_version, global->index);
        *kind = SITE_GLOBAL_BUILTIN;
        break;
    }
    case LOAD_ATTR_MODULE: {
        _PyAttrCache *attr = (_PyAttrCache *)cache;
        object = module_entry(read_u32(attr->version), attr->index);
        *kind = SITE_DESCRIPTOR;
        break;
    }
    case LOAD_ATTR_METHOD_WITH_VALUES:
    case LOAD_ATTR_METHOD_NO_DICT:
    case LOAD_ATTR_METHOD_LAZY_DICT:
    case LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES:
    case LOAD_ATTR_NONDESCRIPTOR_NO_DICT:
    case LOAD_ATTR_CLASS: {
        _PyLoadMethodCache *method = (_PyLoadMethodCache *)cache;
        object = live_descriptor(code, oparg >> 1, read_u32(method->type_version), read_obj(method->descr));
        *kind = SITE_DESCRIPTOR;
        break;
    }
    case LOAD_ATTR_PROPERTY: {
        _PyLoadMethodCache *getter = (_PyLoadMethodCache *)cache;
        object = live_getter(code, oparg >> 1, read_u32(getter->type_version), read_obj(getter->descr));
        *kind = SITE_DESCRIPTOR;
        break;
    }
    case CALL_PY_EXACT_ARGS:
    case CALL_PY_GENERAL:
    case CALL_BOUND_METHOD_EXACT_ARGS:
    case CALL_BOUND_METHOD_GENERAL: {
        _PyCallCache *call = (_PyCallCache *)cache;
        object = function_with_version(read_u32(call->func_version));
        *kind = SITE_CALLEE;
        break;
    }
    case CALL_ALLOC_AND_ENTER_INIT: {
        _PyCallCache *call = (_PyCallCache *)cache;
        PyTypeObject *class = type_with_version(read_u32(call->func_version));
        if (class != NULL && PyType_HasFeature(class, Py_TPFLAGS_HEAPTYPE)) {
            object = ((PyHeapTypeObject *)class)->_spec_cache.init;
        }
        *kind = SITE_CALLEE;
        break;
    }
    default:
        break;
    }
    if (object == NULL) {
        *kind = SITE_NONE;
    }
    return object;
}

/* Where instances of a class have an attribute. */
enum martlet_place { PLACE_NONE, PLACE_INSTANCE_VALUE, PLACE_SLOT, PLACE_METHOD, PLACE_CLASS_VALUE, PLACE_OWN };

/* The shared keys of a class whose objects have inline values; NULL if they have none. */
static PyDictKeysObject *
shared_keys(PyTypeObject *type)
{
    return type->tp_flags & Py_TPFLAGS_INLINE_VALUES ? ((PyHeapTypeObject *)type)->ht_cached_keys : NULL;
}

/* Which of the inline values is called `name`, an interned string; -1: none. */
static int
value_index(PyDictKeysObject *keys, O name)
{
    for (int i = 0; i < keys->dk_nentries; i++) {
        if (DK_UNICODE_ENTRIES(keys)[i].me_key == name) {
            return i;
        }
    }
    return -1;
}

/* Whether a class attribute can be named by a version of the class, and by that of its objects' shared keys if they have
 * inline values: then *keys_version is not 0. */
static bool
is_not_hidden(PyTypeObject *type, O name, uint32_t *keys_version)
{
    PyDictKeysObject *keys = shared_keys(type);
    *keys_version = 0;
    if (keys == NULL) {
        return type->tp_dictoffset == 0 && !(type->tp_flags & Py_TPFLAGS_MANAGED_DICT);
    }
    if (value_index(keys, name) >= 0) {
        return false;
    }
    struct _Py_dict_state *state = &_PyThreadState_GET()->interp->dict_state;
    if (keys->dk_version == 0 && state->next_keys_version != 0) {
        keys->dk_version = state->next_keys_version++;
    }
    *keys_version = keys->dk_version;
    return keys->dk_version != 0;
}

/* Where objects of the class with this version have the attribute `name`, to read it or to store it, as the interpreter's
 * specialisation finds it: `detail` is the index of the value, the offset of the slot, or the version of the shared keys that do not have the
 * name (0: no such keys); the object is that of the class. Source: specialize.c, analyze_descriptor. */
MARTLET_RUNTIME uint32_t
martlet_place_of(uint32_t type_version, O name, bool stored, uint32_t *detail, O *object)
{
    PyTypeObject *type = type_with_version(type_version);
    *detail = 0;
    *object = NULL;
    if (type == NULL) {
        return PLACE_NONE;
    }
    bool generic = stored ? type->tp_setattro == PyObject_GenericSetAttr : type->tp_getattro == PyObject_GenericGetAttr;
    if (!generic) {
        return PLACE_NONE;
    }
    O found = _PyType_Lookup(type, name);
    if (found == NULL) {
        PyDictKeysObject *keys = shared_keys(type);
        int index = keys != NULL ? value_index(keys, name) : -1;
        *detail = (uint32_t)index;
        if (index >= 0 && index <= UINT16_MAX) {
            return PLACE_INSTANCE_VALUE;
        }
        return type->tp_flags & Py_TPFLAGS_MANAGED_DICT ? PLACE_OWN : PLACE_NONE;
    }
    *object = found;
    if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        PyMemberDescrObject *member = (PyMemberDescrObject *)found;
        int refused = stored ? Py_READONLY : Py_AUDIT_READ;
        bool fits = member->d_member->type == Py_T_OBJECT_EX && !(member->d_member->flags & refused)
                    && member->d_member->offset > 0 && member->d_member->offset <= UINT16_MAX
                    && PyType_IsSubtype(type, member->d_common.d_type);
        *detail = (uint32_t)member->d_member->offset;
        return fits ? PLACE_SLOT : PLACE_NONE;
    }
    if (stored || Py_TYPE(found)->tp_descr_set != NULL || !is_not_hidden(type, name, detail)) {
        return PLACE_NONE;
    }
    if (Py_TYPE(found)->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR) {
        return PLACE_METHOD;
    }
    return Py_TYPE(found)->tp_descr_get == NULL ? PLACE_CLASS_VALUE : PLACE_NONE;
}

/* The Python function that the class with this version has under a name as a class method or static method, borrowed; NULL:
 * none. */
MARTLET_RUNTIME O
martlet_wrapped_function(uint32_t type_version, O name, bool *is_static)
{
    PyTypeObject *type = type_version != 0 ? type_with_version(type_version) : NULL;
    O found = type != NULL ? _PyType_Lookup(type, name) : NULL;
    if (found == NULL) {
        return NULL;
    }
    PyTypeObject *wrapper = Py_TYPE(found);
    *is_static = wrapper == &PyStaticMethod_Type;
    if (!*is_static && wrapper != &PyClassMethod_Type) {
        return NULL;
    }
    /* `__func__` stands where the helpers expect it. */
    if (wrapper->tp_members[0].offset != offsetof(struct martlet_wrapper, callable)) {
        return NULL;
    }
    O callable = ((struct martlet_wrapper *)found)->callable;
    return callable != NULL && PyFunction_Check(callable) ? callable : NULL;
}

static O
lookup(PyTypeObject *type, const char *name)
{
    O text = PyUnicode_InternFromString(name);
    if (text == NULL) {
        PyErr_Clear();
        return NULL;
    }
    O found = _PyType_Lookup(type, text);
    Py_DECREF(text);
    return found;
}

/* The Python function that the class with this version has under a special name, borrowed; NULL if it has none, or
 * something else. Objects do not hide what their class has under such a name. */
MARTLET_RUNTIME O
martlet_special_method(uint32_t type_version, const char *name)
{
    PyTypeObject *type = type_version != 0 ? type_with_version(type_version) : NULL;
    O found = type != NULL ? lookup(type, name) : NULL;
    return found != NULL && PyFunction_Check(found) ? found : NULL;
}

/* Whether operators on objects of a class may be tried as those on sequences, too. */
static bool
is_sequence(PyTypeObject *type)
{
    PySequenceMethods *as = type->tp_as_sequence;
    return as != NULL && (as->sq_concat != NULL || as->sq_repeat != NULL);
}

/* operators.c of the helpers. */
const char *martlet_operator_name(uint32_t number, int32_t which);

/* The Python function that is called first for the operator with BINARY_OP's argument `number`, whose left operand is of
 * the class with version `left`, the right one of that with version `right`; 0 stands for an exact int, float or bool, or
 * None. NULL where it is none, or where more might be tried behind it than the right operand's own method.
 * Source: binary_op1, SLOT1BINFULL. */
MARTLET_RUNTIME O
martlet_operator_method(uint32_t left, uint32_t right, uint32_t number)
{
    PyTypeObject *l = left != 0 ? type_with_version(left) : NULL, *r = right != 0 ? type_with_version(right) : NULL;
    if ((left != 0 && l == NULL) || (right != 0 && r == NULL) || (l == NULL && r == NULL)) {
        return NULL;
    }
    if ((l != NULL && is_sequence(l)) || (r != NULL && is_sequence(r))) {
        return NULL;
    }
    /* The numbers' own slots take objects of their subclasses. */
    PyTypeObject *only = l == NULL ? r : r == NULL ? l : NULL;
    if (only != NULL && (PyType_HasFeature(only, Py_TPFLAGS_LONG_SUBCLASS) || PyType_IsSubtype(only, &PyFloat_Type))) {
        return NULL;
    }
    O found;
    if (l == NULL) {
        found = lookup(r, martlet_operator_name(number, 1));
    }
    else {
        const char *in_place = martlet_operator_name(number, 2);
        bool mixes = r != NULL && r != l && PyType_IsSubtype(r, l);
        bool writes = in_place != NULL && lookup(l, in_place) != NULL;
        /* A class of C's has slots of its own behind the left operand's method. */
        bool has_slots = r != NULL && r != l && lookup(r, martlet_operator_name(number, 1)) != NULL
                         && !PyFunction_Check(lookup(r, martlet_operator_name(number, 1)));
        found = mixes || writes || has_slots ? NULL : lookup(l, martlet_operator_name(number, 0));
    }
    return found != NULL && PyFunction_Check(found) ? found : NULL;
}
