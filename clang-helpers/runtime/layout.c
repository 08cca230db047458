/* layout.c: what the running interpreter says of its structures, to be compared with what the helpers were compiled with.
 *
 * It publishes sizes and offsets for debuggers at the beginning of `_PyRuntime` (pycore_runtime.h), and sizes of objects in
 * their classes. Sizes of thread and interpreter states are left out: they grow within 3.13, and no helper makes one.
 */
#include "runtime.h"

#include <string.h>

struct answer {
    const char *structure;
    const char *field; /* NULL: the size */
    const uint64_t *value;
};

#define OFFSETS _PyRuntime.debug_offsets
#define SIZE(structure, group) {structure, NULL, &OFFSETS.group.size}
#define FIELD(structure, field, group, name) {structure, field, &OFFSETS.group.name}

static const struct answer answers[] = {
    FIELD("struct _ts", "prev", thread_state, prev),
    FIELD("struct _ts", "next", thread_state, next),
    FIELD("struct _ts", "interp", thread_state, interp),
    FIELD("struct _ts", "current_frame", thread_state, current_frame),
    FIELD("struct _ts", "thread_id", thread_state, thread_id),
    FIELD("struct _ts", "native_thread_id", thread_state, native_thread_id),
    FIELD("struct _ts", "datastack_chunk", thread_state, datastack_chunk),
    FIELD("struct _is", "id", interpreter_state, id),
    FIELD("struct _is", "next", interpreter_state, next),
    FIELD("struct _is", "gc", interpreter_state, gc),
    FIELD("struct _is", "sysdict", interpreter_state, sysdict),
    FIELD("struct _is", "builtins", interpreter_state, builtins),
    SIZE("struct _PyInterpreterFrame", interpreter_frame),
    FIELD("struct _PyInterpreterFrame", "previous", interpreter_frame, previous),
    FIELD("struct _PyInterpreterFrame", "f_executable", interpreter_frame, executable),
    FIELD("struct _PyInterpreterFrame", "instr_ptr", interpreter_frame, instr_ptr),
    FIELD("struct _PyInterpreterFrame", "localsplus", interpreter_frame, localsplus),
    FIELD("struct _PyInterpreterFrame", "owner", interpreter_frame, owner),
    SIZE("struct PyCodeObject", code_object),
    FIELD("struct PyCodeObject", "co_filename", code_object, filename),
    FIELD("struct PyCodeObject", "co_name", code_object, name),
    FIELD("struct PyCodeObject", "co_qualname", code_object, qualname),
    FIELD("struct PyCodeObject", "co_linetable", code_object, linetable),
    FIELD("struct PyCodeObject", "co_firstlineno", code_object, firstlineno),
    FIELD("struct PyCodeObject", "co_argcount", code_object, argcount),
    FIELD("struct PyCodeObject", "co_localsplusnames", code_object, localsplusnames),
    FIELD("struct PyCodeObject", "co_localspluskinds", code_object, localspluskinds),
    FIELD("struct PyCodeObject", "co_code_adaptive", code_object, co_code_adaptive),
    SIZE("struct _object", pyobject),
    FIELD("struct _object", "ob_type", pyobject, ob_type),
    SIZE("struct _typeobject", type_object),
    FIELD("struct _typeobject", "tp_name", type_object, tp_name),
    FIELD("struct _typeobject", "tp_repr", type_object, tp_repr),
    FIELD("struct _typeobject", "tp_flags", type_object, tp_flags),
    SIZE("PyTupleObject", tuple_object),
    FIELD("PyTupleObject", "ob_item", tuple_object, ob_item),
    SIZE("PyListObject", list_object),
    FIELD("PyListObject", "ob_item", list_object, ob_item),
    SIZE("PyDictObject", dict_object),
    FIELD("PyDictObject", "ma_keys", dict_object, ma_keys),
    FIELD("PyDictObject", "ma_values", dict_object, ma_values),
    SIZE("PyFloatObject", float_object),
    FIELD("PyFloatObject", "ob_fval", float_object, ob_fval),
    SIZE("struct _longobject", long_object),
    FIELD("struct _longobject", "long_value", long_object, lv_tag),
    {"PyASCIIObject", NULL, &OFFSETS.unicode_object.asciiobject_size},
    FIELD("PyASCIIObject", "length", unicode_object, length),
};

/* Size of a structure (`field` is NULL) or offset of a member, in bytes; -1: the interpreter does not say. Names are those
 * by which clang lays structures out. Needs no initialised interpreter. */
int64_t
martlet_layout(const char *structure, const char *field)
{
    /* Sizes of classes' objects; these are no constants for the C compiler. */
    if (field == NULL && strcmp(structure, "PyFunctionObject") == 0) {
        return PyFunction_Type.tp_basicsize;
    }
    if (field == NULL && strcmp(structure, "PyCellObject") == 0) {
        return PyCell_Type.tp_basicsize;
    }
    if (memcmp(OFFSETS.cookie, "xdebugpy", sizeof OFFSETS.cookie) != 0) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(answers); i++) {
        const struct answer *answer = &answers[i];
        bool same_field =
            field == NULL || answer->field == NULL ? field == answer->field : strcmp(field, answer->field) == 0;
        if (same_field && strcmp(structure, answer->structure) == 0) {
            return (int64_t)*answer->value;
        }
    }
    return -1;
}
