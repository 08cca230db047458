/* buffers.c: items of arrays of numbers, bytes and bytearrays, raw.
 *
 * Indices are in range. `code` says how an item is stored: the typecode of an array ('q' for all of 64 bits), 'y' for
 * a bytes, 'Y' for a bytearray; the object is such a one.
 */
#include "inline.h"

#include <string.h>

/* Modules/arraymodule.c. */
struct array_descr {
    char typecode;
    int itemsize;
};

struct array {
    PyObject_VAR_HEAD
    char *items;
    Py_ssize_t allocated;
    const struct array_descr *descr;
    O weak_references;
    Py_ssize_t n_exports;
};

/* The typecode of v, 0 if it is not exactly an array. Whoever asks sees to it that the class is known from then on. */
MARTLET_CALL char martlet_array_code(O v)
{
    PyTypeObject *type = Py_TYPE(v);
    if (martlet_arrays.type == NULL) {
        /* No class that a program makes is immutable. */
        bool is_array = PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE) &&
                        PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && strcmp(type->tp_name, "array.array") == 0 &&
                        type->tp_basicsize == sizeof(struct array);
        if (is_array) {
            martlet_arrays.type = (PyTypeObject *)Py_NewRef(type);
        }
    }
    return type == martlet_arrays.type ? ((struct array *)v)->descr->typecode : 0;
}

MARTLET_INLINE bool is_array(O v, char typecode)
{
    return MARTLET_LIKELY(Py_TYPE(v) == martlet_arrays.type) && ((struct array *)v)->descr->typecode == typecode;
}

/* Whether v is exactly an array of doubles. */
MARTLET_HELPER bool martlet_is_float_array(O v)
{
    return is_array(v, 'd');
}

/* Whether v is exactly an array of floats of 32 bits. */
MARTLET_HELPER bool martlet_is_single_array(O v)
{
    return is_array(v, 'f');
}

/* Whether v is exactly an array of ints of 64 bits with a sign. */
MARTLET_HELPER bool martlet_is_long_array(O v)
{
    return is_array(v, 'l') || is_array(v, 'q');
}

/* Whether v is exactly an array of ints of 32 bits with a sign. */
MARTLET_HELPER bool martlet_is_int_array(O v)
{
    return is_array(v, 'i');
}

/* Whether v is exactly an array of ints of 16 bits with a sign. */
MARTLET_HELPER bool martlet_is_short_array(O v)
{
    return is_array(v, 'h');
}

/* Whether v is exactly an array of ints of 16 bits without a sign. */
MARTLET_HELPER bool martlet_is_ushort_array(O v)
{
    return is_array(v, 'H');
}

/* Whether v is exactly an array of ints of 8 bits with a sign. */
MARTLET_HELPER bool martlet_is_byte_array(O v)
{
    return is_array(v, 'b');
}

/* Whether v is exactly an array of ints of 8 bits without a sign. */
MARTLET_HELPER bool martlet_is_ubyte_array(O v)
{
    return is_array(v, 'B');
}

/* Whether v is exactly a bytearray. */
MARTLET_HELPER bool martlet_is_bytearray(O v)
{
    return Py_IS_TYPE(v, &PyByteArray_Type);
}

/* Number of items. */
MARTLET_HELPER int64_t martlet_buffer_len(O v)
{
    return Py_SIZE(v);
}

MARTLET_INLINE char *items_of(O v, uint32_t code)
{
    switch (code) {
    case 'y':
        return ((PyBytesObject *)v)->ob_sval;
    case 'Y':
        return ((PyByteArrayObject *)v)->ob_start;
    default:
        return ((struct array *)v)->items;
    }
}

/* Item i, a float. Source: d_getitem, f_getitem. */
MARTLET_HELPER double martlet_buffer_float(O v, uint32_t code, int64_t i)
{
    char *items = items_of(v, code);
    return code == 'd' ? ((double *)items)[i] : (double)((float *)items)[i];
}

/* Item i, an int. */
MARTLET_HOT int64_t martlet_buffer_int(O v, uint32_t code, int64_t i)
{
    char *items = items_of(v, code);
    switch (code) {
    case 'q':
        return ((int64_t *)items)[i];
    case 'i':
        return ((int32_t *)items)[i];
    case 'h':
        return ((int16_t *)items)[i];
    case 'H':
        return ((uint16_t *)items)[i];
    case 'b':
        return ((int8_t *)items)[i];
    default:
        return ((uint8_t *)items)[i];
    }
}

/* Item i = value. Source: d_setitem, f_setitem. */
MARTLET_HELPER void martlet_buffer_store_float(O v, uint32_t code, int64_t i, double value)
{
    char *items = items_of(v, code);
    if (code == 'd') {
        ((double *)items)[i] = value;
    } else {
        ((float *)items)[i] = (float)value;
    }
}

/* Item i = value, which is in the range of the items. */
MARTLET_HOT void martlet_buffer_store_int(O v, uint32_t code, int64_t i, int64_t value)
{
    char *items = items_of(v, code);
    switch (code) {
    case 'q':
        ((int64_t *)items)[i] = value;
        break;
    case 'i':
        ((int32_t *)items)[i] = (int32_t)value;
        break;
    case 'h':
    case 'H':
        ((uint16_t *)items)[i] = (uint16_t)value;
        break;
    default:
        ((uint8_t *)items)[i] = (uint8_t)value;
        break;
    }
}
