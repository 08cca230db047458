/* virtuals.c: objects that machine code did not make at first, made where they are needed after all: by an exit, or
 * where an iterator meets one of another kind. Results are new references; NULL = MemoryError.
 */
#include "inline.h"

#include <internal/pycore_list.h>
#include <internal/pycore_range.h>

/* Objects/enumobject.c, 3.13. */
struct enumerate_object {
    PyObject_HEAD
    Py_ssize_t en_index;
    PyObject *en_sit;
};

/* A range iterator with `len` items left; less than one means none. New. Source: fast_range_iter. */
MARTLET_CALL O martlet_make_range_iter(int64_t start, int64_t len, int64_t step)
{
    _PyRangeIterObject *it = PyObject_New(_PyRangeIterObject, &PyRangeIter_Type);
    if (it == NULL) {
        return NULL;
    }
    it->start = start;
    it->len = len > 0 ? len : 0;
    it->step = step;
    return (O)it;
}

/* An iterator over an exact list, at this index. New. */
MARTLET_CALL O martlet_make_list_iter(O list, int64_t index)
{
    O it = PyList_Type.tp_iter(list);
    if (it != NULL) {
        ((_PyListIterObject *)it)->it_index = index;
    }
    return it;
}

/* An iterator over an exact tuple, at this index. New. */
MARTLET_CALL O martlet_make_tuple_iter(O tuple, int64_t index)
{
    O it = PyTuple_Type.tp_iter(tuple);
    if (it != NULL) {
        ((_PyTupleIterObject *)it)->it_index = index;
    }
    return it;
}

/* An `enumerate` over an iterator of a builtin kind, which gives `index` with the next item. New. */
MARTLET_CALL O martlet_make_enumerate(int64_t index, O iterator)
{
    O it = PyObject_CallOneArg((O)&PyEnum_Type, iterator);
    if (it != NULL) {
        ((struct enumerate_object *)it)->en_index = index;
    }
    return it;
}

/* A function bound to an object. New. */
MARTLET_CALL O martlet_make_method(O function, O self)
{
    return PyMethod_New(function, self);
}

/* A range of three ints. New. */
MARTLET_CALL O martlet_make_range(O start, O stop, O step)
{
    O args[] = {start, stop, step};
    return PyObject_Vectorcall((O)&PyRange_Type, args, 3, NULL);
}
