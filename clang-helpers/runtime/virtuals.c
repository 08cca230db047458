/* virtuals.c: objects that machine code never made, made by an exit. All results are new references or NULL. */
#include "runtime.h"

#include <internal/pycore_list.h>
#include <internal/pycore_range.h>

/* Objects/enumobject.c, 3.13. */
struct enumerate_object {
    PyObject_HEAD
    Py_ssize_t en_index;
    PyObject *en_sit;
};

/* Takes longs, as range_iter does for ranges that fit. */
O
martlet_make_range_iter(int64_t start, int64_t len, int64_t step)
{
    _PyRangeIterObject *it = PyObject_New(_PyRangeIterObject, &PyRangeIter_Type);
    if (it == NULL) {
        return NULL;
    }
    it->start = start;
    it->len = len;
    it->step = step;
    return (O)it;
}

O
martlet_make_list_iter(O list, int64_t index)
{
    O it = PyList_Type.tp_iter(list);
    if (it != NULL) {
        ((_PyListIterObject *)it)->it_index = index;
    }
    return it;
}

O
martlet_make_tuple_iter(O tuple, int64_t index)
{
    O it = PyTuple_Type.tp_iter(tuple);
    if (it != NULL) {
        ((_PyTupleIterObject *)it)->it_index = index;
    }
    return it;
}

O
martlet_make_enumerate(int64_t index, O iterator)
{
    O it = PyObject_CallOneArg((O)&PyEnum_Type, iterator);
    if (it != NULL) {
        ((struct enumerate_object *)it)->en_index = index;
    }
    return it;
}

O
martlet_make_range(O start, O stop, O step)
{
    O args[] = {start, stop, step};
    return PyObject_Vectorcall((O)&PyRange_Type, args, 3, NULL);
}
