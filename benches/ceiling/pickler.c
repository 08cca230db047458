/* pickler.c: the pure-Python pickler of the standard library, as the program `pickle_pure_python` of pyperformance
 * uses it: `pickle.dumps` with a protocol of at least 4.
 *
 * Replaced is the module's `dumps`; folded into it are `_Pickler.__init__`, `dump`, `save` and what its dispatch table
 * has for None, bool, int, str, tuple, list and dict, and the framer. An object of another type is given to the
 * interpreter's own `save`, as an exit at the entry of that call would do; so is an int of more than 32 bits.
 *
 * None of the C functions called on the way runs Python: the buffer is exactly an io.BytesIO, numbers are exact, the
 * error handler of str.encode belongs to the codecs. So no frame can be looked at, but by the interpreter's `save`.
 */
#include "dicts.h"

/* 1: a C function that is known is called directly. 0: through a bound method and a tuple of arguments. */
#ifndef BUILTINS
#  define BUILTINS 1
#endif
/* What is known about C functions beyond how to call them. 0: nothing. 1: what `struct.pack` does for a constant
 * format, so that `OPCODE + pack(...) + data` is one object. 2: also the layout of io.BytesIO, so that no object is made. */
#ifndef INTRINSICS
#  define INTRINSICS 0
#endif
/* 1: of `list(islice(iter(x), n))` only the list is made. 0: all of it. */
#ifndef ESCAPES
#  define ESCAPES 1
#endif

/* A method of a C type, or a C function of a module (`self` is the module then). */
struct builtin {
    O name;
    O object;
    PyCFunction call;
    O self;
};

/* Source: bytesio.c, bytesio. */
struct bytes_io {
    PyObject_HEAD
    O buf;
    Py_ssize_t pos;
    Py_ssize_t string_size;
    O dict;
    O weakreflist;
    Py_ssize_t exports;
};

static struct module_fact module_, builtins_;
static struct class_fact pickler, framer;
static struct place p_buffer_callback, p_file_write, p_framer, p_write, p_write_large, p_memo, p_proto, p_bin, p_fast,
    p_fix_imports, f_file_write, f_current_frame;
static O io_bytes_io, dispatch, batch_size, frame_target, frame_minimum, islice, utf8, surrogatepass, python_save,
    write_large_function, n_items;
static struct builtin b_tell, b_write, b_getvalue, b_encode, b_pack;
static O format_b, format_h, format_i, format_q;
static O save_none_, save_bool_, save_long_, save_str_, save_tuple_, save_list_, save_dict_, write_function;
static struct callee c_dumps, c_init, c_framer_init, c_dump, c_save, c_persistent, c_commit, c_write, c_memoize, c_put,
    c_get, c_none, c_bool, c_long, c_str, c_tuple, c_list, c_dict, c_appends, c_setitems, c_start, c_end;
static Py_ssize_t g_proto, g_stop, g_frame, g_memoize, g_binget, g_long_binget, g_none, g_true, g_false, g_binint1,
    g_binint2, g_binint, g_short_unicode, g_unicode, g_empty_tuple, g_empty_list, g_empty_dict, g_mark, g_appends,
    g_append, g_setitems, g_setitem, g_tuple, g_tuple_codes, g_pack;

static void save_deep(TS ts, O self, O obj, O saver);

/* --- Calls of C functions -------------------------------------------------------------------------------------- */

MARTLET_INLINE O call_0(const struct builtin *b, O self)
{
    O result = BUILTINS ? b->call(self, NULL) : PyObject_CallMethodNoArgs(self, b->name);
    MUST(result != NULL);
    return result;
}

MARTLET_INLINE O call_1(const struct builtin *b, O self, O arg)
{
    O result;
    if (BUILTINS) {
        result = b->call(self, arg);
    } else {
        O method = PyObject_GetAttr(self, b->name);
        O args = PyTuple_Pack(1, arg);
        result = PyObject_Call(method, args, NULL);
        Py_DECREF(args);
        Py_DECREF(method);
    }
    MUST(result != NULL);
    return result;
}

/* A call of a function with the flag METH_FASTCALL, with or without keywords. */
MARTLET_INLINE O call_2(const struct builtin *b, O self, O first, O second)
{
    O args[] = {first, second};
    O result;
    if (BUILTINS) {
        result = ((PyCFunctionFastWithKeywords)(void (*)(void))b->call)(self, args, 2, NULL);
    } else {
        O function = b->self == NULL ? PyObject_GetAttr(self, b->name) : Py_NewRef(b->object);
        O tuple = PyTuple_Pack(2, first, second);
        result = PyObject_Call(function, tuple, NULL);
        Py_DECREF(tuple);
        Py_DECREF(function);
    }
    MUST(result != NULL);
    return result;
}

/* --- Bytes ------------------------------------------------------------------------------------------------------ */

MARTLET_INLINE O joined(O a, O b)
{
    PyBytes_ConcatAndDel(&a, b);
    MUST(a != NULL);
    return a;
}

/* pack(format, value), for an unsigned or signed int of `size` bytes; new. */
MARTLET_INLINE O packed(O format, int64_t value)
{
    O box = box_int(value);
    GUARD(get_global(&module_, g_pack) == b_pack.object);
    O result = call_2(&b_pack, b_pack.self, format, box);
    Py_DECREF(box);
    return result;
}

/* What is left to write: an opcode, a number of `size` bytes in the format, and data (or NULL). */
struct piece {
    O opcode;
    O format;
    int64_t value;
    int size;
    O data;
};

MARTLET_INLINE O made(struct piece piece)
{
    if (INTRINSICS == 0) {
        O bytes = joined(Py_NewRef(piece.opcode), packed(piece.format, piece.value));
        return piece.data != NULL ? joined(bytes, Py_NewRef(piece.data)) : bytes;
    }
    Py_ssize_t n = piece.data != NULL ? PyBytes_GET_SIZE(piece.data) : 0;
    O bytes = PyBytes_FromStringAndSize(NULL, 1 + piece.size + n);
    MUST(bytes != NULL && PyBytes_GET_SIZE(piece.opcode) == 1);
    char *to = PyBytes_AS_STRING(bytes);
    to[0] = PyBytes_AS_STRING(piece.opcode)[0];
    memcpy(to + 1, &piece.value, (size_t)piece.size);
    if (piece.data != NULL) {
        memcpy(to + 1 + piece.size, PyBytes_AS_STRING(piece.data), (size_t)n);
    }
    return bytes;
}

/* Room for n more bytes in a BytesIO that nobody else looks at; NULL: the method has to be called. */
MARTLET_INLINE char *room(O file, Py_ssize_t n)
{
    struct bytes_io *io = (struct bytes_io *)file;
    if (INTRINSICS < 2 || io->exports != 0 || Py_REFCNT(io->buf) != 1 || io->pos != io->string_size ||
        io->pos + n > PyBytes_GET_SIZE(io->buf)) {
        return NULL;
    }
    char *to = PyBytes_AS_STRING(io->buf) + io->pos;
    io->pos += n;
    io->string_size += n;
    return to;
}

/* The current frame of the pickler's framer, borrowed; exactly a BytesIO, or None. */
MARTLET_INLINE O current_frame(O self)
{
    O bound = get_place(self, &p_write);
    GUARD(Py_IS_TYPE(bound, &PyMethod_Type));
    GUARD(((PyMethodObject *)bound)->im_func == write_function);
    O f = ((PyMethodObject *)bound)->im_self;
    GUARD(is_instance_of(f, &framer));
    O file = get_place(f, &f_current_frame);
    GUARD(Py_TYPE(file) == (PyTypeObject *)io_bytes_io);
    return file;
}

/* self.write(data) */
FUNCTION(void, write_data, (TS ts, O self, O data))
{
    ENTER(ts, &c_write, self, data);
    O file = current_frame(self);
    char *to = room(file, PyBytes_GET_SIZE(data));
    if (to != NULL) {
        memcpy(to, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
        return;
    }
    Py_DECREF(call_1(&b_write, file, data));
}

MARTLET_INLINE void write_global(TS ts, O self, Py_ssize_t index)
{
    O data = get_global(&module_, index);
    GUARD(PyBytes_CheckExact(data));
    write_data(ts, self, data);
}

/* self.write(OPCODE + pack(format, value) + data) */
MARTLET_INLINE void write_piece(TS ts, O self, struct piece piece)
{
    GUARD(PyBytes_CheckExact(piece.opcode));
    Py_ssize_t n = piece.data != NULL ? PyBytes_GET_SIZE(piece.data) : 0;
    if (INTRINSICS == 2) {
        char *to = room(current_frame(self), 1 + piece.size + n);
        if (to != NULL) {
            to[0] = PyBytes_AS_STRING(piece.opcode)[0];
            memcpy(to + 1, &piece.value, (size_t)piece.size);
            if (piece.data != NULL) {
                memcpy(to + 1 + piece.size, PyBytes_AS_STRING(piece.data), (size_t)n);
            }
            return;
        }
    }
    O bytes = made(piece);
    write_data(ts, self, bytes);
    Py_DECREF(bytes);
}

#define PIECE(opcode, format, value, size, data)                                                                       \
    ((struct piece){get_global(&module_, opcode), format, value, size, data})

/* --- The framer ------------------------------------------------------------------------------------------------- */

MARTLET_INLINE O new_bytes_io(void)
{
    O file = PyObject_CallNoArgs(io_bytes_io);
    MUST(file != NULL);
    return file;
}

MARTLET_INLINE int64_t tell(O file)
{
    if (INTRINSICS == 2) {
        return ((struct bytes_io *)file)->pos;
    }
    O box = call_0(&b_tell, file);
    int64_t value = int_of(box);
    Py_DECREF(box);
    return value;
}

/* The frame so far goes to the file, and a new one is begun. */
static __attribute__((noinline)) void flush_frame(O self, O file)
{
    O data = PyObject_CallMethod(file, "getbuffer", NULL);
    MUST(data != NULL);
    O file_write = get_place(self, &p_file_write);
    Py_ssize_t n = PyObject_Length(data);
    if (n >= int_of(frame_minimum)) {
        O bytes = made(PIECE(g_frame, format_q, n, 8, NULL));
        Py_DECREF(PyObject_CallOneArg(file_write, bytes));
        Py_DECREF(bytes);
    }
    Py_DECREF(PyObject_CallOneArg(file_write, data));
    set_place(get_place(self, &p_framer), &f_current_frame, new_bytes_io());
    Py_DECREF(data);
}

FUNCTION(void, commit_frame, (TS ts, O self))
{
    O f = get_place(self, &p_framer);
    ENTER(ts, &c_commit, f, Py_False);
    GUARD(is_instance_of(f, &framer));
    O file = get_place(f, &f_current_frame);
    GUARD(Py_TYPE(file) == (PyTypeObject *)io_bytes_io);
    if (tell(file) >= int_of(frame_target)) {
        flush_frame(self, file);
    }
}

/* --- Saving ----------------------------------------------------------------------------------------------------- */

FUNCTION(O, put, (TS ts, O self, int64_t idx))
{
    ENTER(ts, &c_put, self, Py_None);
    (void)idx;
    MUST(int_of(get_place(self, &p_proto)) >= 4);
    return get_global(&module_, g_memoize);
}

FUNCTION(void, memoize, (TS ts, O self, O obj))
{
    ENTER(ts, &c_memoize, self, obj);
    GUARD(int_of(get_place(self, &p_fast)) == 0);
    O memo = get_place(self, &p_memo);
    MUST(get_by_id(memo, obj) == NULL);
    int64_t idx = PyDict_GET_SIZE(memo);
    write_data(ts, self, put(ts, self, idx));
    O pair = PyTuple_New(2);
    MUST(pair != NULL);
    PyTuple_SET_ITEM(pair, 0, box_int(idx));
    PyTuple_SET_ITEM(pair, 1, Py_NewRef(obj));
    set_by_id(memo, obj, pair);
}

/* self.write(self.get(i)) */
FUNCTION(void, write_get, (TS ts, O self, int64_t i))
{
    ENTER(ts, &c_get, self, Py_None);
    MUST(is_true(get_place(self, &p_bin)));
    bool small = i < 256;
    write_piece(ts, self, PIECE(small ? g_binget : g_long_binget, small ? format_b : format_i, i, small ? 1 : 4, NULL));
}

FUNCTION(void, save_long, (TS ts, O self, O obj))
{
    ENTER(ts, &c_long, self, obj);
    MUST(is_true(get_place(self, &p_bin)));
    int overflow;
    int64_t value = PyLong_AsLongLongAndOverflow(obj, &overflow);
    if (overflow || value != (int32_t)value) {
        O args[] = {self, obj};
        O none = PyObject_Vectorcall(save_long_, args, 2, NULL);
        MUST(none != NULL);
        Py_DECREF(none);
        return;
    }
    bool unsigned1 = value >= 0 && value <= 0xff;
    bool unsigned2 = value >= 0 && value <= 0xffff;
    write_piece(ts, self,
                PIECE(unsigned1 ? g_binint1 : unsigned2 ? g_binint2 : g_binint,
                      unsigned1 ? format_b : unsigned2 ? format_h : format_i, value,
                      unsigned1 ? 1 : unsigned2 ? 2 : 4, NULL));
}

FUNCTION(void, save_str, (TS ts, O self, O obj))
{
    ENTER(ts, &c_str, self, obj);
    MUST(is_true(get_place(self, &p_bin)));
    O encoded = call_2(&b_encode, obj, utf8, surrogatepass);
    int64_t n = PyBytes_GET_SIZE(encoded);
    MUST(n < int_of(frame_target));
    bool small = n <= 0xff && int_of(get_place(self, &p_proto)) >= 4;
    write_piece(ts, self,
                PIECE(small ? g_short_unicode : g_unicode, small ? format_b : format_i, n, small ? 1 : 4, encoded));
    Py_DECREF(encoded);
    memoize(ts, self, obj);
}

/* self.save(obj). The head and the atoms are folded into the callers. */
FUNCTION(void, save, (TS ts, O self, O obj))
{
    ENTER(ts, &c_save, self, obj, Py_True);
    GUARD(is_instance_of(self, &pickler) && has_same_names(&module_) && has_same_names(&builtins_));
    commit_frame(ts, self);
    {
        ENTER(ts, &c_persistent, self, obj);
    }
    O x = get_by_id(get_place(self, &p_memo), obj);
    if (x != NULL) {
        GUARD(PyTuple_CheckExact(x));
        write_get(ts, self, int_of(PyTuple_GET_ITEM(x, 0)));
        return;
    }
    O saver = get_by_type(dispatch, Py_TYPE(obj));
    if (saver == save_long_) {
        save_long(ts, self, obj);
    } else if (saver == save_str_) {
        save_str(ts, self, obj);
    } else {
        save_deep(ts, self, obj, saver);
    }
}

FUNCTION(void, save_tuple, (TS ts, O self, O obj))
{
    ENTER(ts, &c_tuple, self, obj);
    Py_ssize_t n = PyTuple_GET_SIZE(obj);
    if (n == 0) {
        write_global(ts, self, g_empty_tuple);
        return;
    }
    bool small = n <= 3 && int_of(get_place(self, &p_proto)) >= 2;
    if (!small) {
        write_global(ts, self, g_mark);
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        save(ts, self, PyTuple_GET_ITEM(obj, i));
        poll(ts);
    }
    MUST(get_by_id(get_place(self, &p_memo), obj) == NULL);
    if (small) {
        write_data(ts, self, item_of(get_global(&module_, g_tuple_codes), n));
    } else {
        write_global(ts, self, g_tuple);
    }
    memoize(ts, self, obj);
}

/* list(islice(iter(x), self._BATCHSIZE)), for an exact list, or for the items of an exact dict; new. */
MARTLET_INLINE O first_batch(O x)
{
    if (ESCAPES) {
        MUST(PyObject_Length(x) < int_of(batch_size));
        return PyDict_CheckExact(x) ? PyDict_Items(x) : PyList_GetSlice(x, 0, PyList_GET_SIZE(x));
    }
    O items = PyDict_CheckExact(x) ? PyObject_CallMethodNoArgs(x, n_items) : Py_NewRef(x);
    O it = PyObject_GetIter(items);
    O slice = PyObject_CallFunctionObjArgs(islice, it, batch_size, NULL);
    O batch = PySequence_List(slice);
    MUST(batch != NULL && PyList_GET_SIZE(batch) < int_of(batch_size));
    Py_DECREF(slice);
    Py_DECREF(it);
    Py_DECREF(items);
    return batch;
}

FUNCTION(void, batch_appends, (TS ts, O self, O items))
{
    ENTER(ts, &c_appends, self, items);
    O batch = first_batch(items);
    Py_ssize_t n = PyList_GET_SIZE(batch);
    if (n > 1) {
        write_global(ts, self, g_mark);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(batch); i++) {
        save(ts, self, PyList_GET_ITEM(batch, i));
        poll(ts);
    }
    if (n > 0) {
        write_global(ts, self, n > 1 ? g_appends : g_append);
    }
    Py_DECREF(batch);
}

FUNCTION(void, save_list, (TS ts, O self, O obj))
{
    ENTER(ts, &c_list, self, obj);
    MUST(is_true(get_place(self, &p_bin)));
    write_global(ts, self, g_empty_list);
    memoize(ts, self, obj);
    batch_appends(ts, self, obj);
}

FUNCTION(void, batch_setitems, (TS ts, O self, O items))
{
    ENTER(ts, &c_setitems, self, items);
    O batch = first_batch(items);
    Py_ssize_t n = PyList_GET_SIZE(batch);
    if (n > 1) {
        write_global(ts, self, g_mark);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(batch); i++) {
        O pair = PyList_GET_ITEM(batch, i);
        GUARD(PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2);
        save(ts, self, PyTuple_GET_ITEM(pair, 0));
        save(ts, self, PyTuple_GET_ITEM(pair, 1));
        poll(ts);
    }
    if (n > 0) {
        write_global(ts, self, n > 1 ? g_setitems : g_setitem);
    }
    Py_DECREF(batch);
}

FUNCTION(void, save_dict, (TS ts, O self, O obj))
{
    ENTER(ts, &c_dict, self, obj);
    MUST(is_true(get_place(self, &p_bin)));
    write_global(ts, self, g_empty_dict);
    memoize(ts, self, obj);
    batch_setitems(ts, self, obj);
}

FUNCTION(void, save_none, (TS ts, O self))
{
    ENTER(ts, &c_none, self, Py_None);
    write_global(ts, self, g_none);
}

FUNCTION(void, save_bool, (TS ts, O self, O obj))
{
    ENTER(ts, &c_bool, self, obj);
    GUARD(int_of(get_place(self, &p_proto)) >= 2);
    write_global(ts, self, obj == Py_True ? g_true : g_false);
}

/* Calls a Python function in the interpreter, with the frame of `save`'s caller to be seen. */
static __attribute__((noinline)) void save_in_interpreter(TS ts, O self, O obj)
{
    O args[] = {self, obj};
    F frame = FRAMES ? NULL : push_frame(ts, &c_dump, 2, args);
    O none = PyObject_Vectorcall(python_save, args, 2, NULL);
    MUST(none != NULL);
    Py_DECREF(none);
    if (frame != NULL) {
        pop_frame(ts, frame);
    }
}

/* What `save` does with anything but strings, ints and what is in the memo. */
static __attribute__((noinline)) void save_deep(TS ts, O self, O obj, O saver)
{
    count_depth(ts);
    if (saver == save_list_) {
        save_list(ts, self, obj);
    } else if (saver == save_dict_) {
        save_dict(ts, self, obj);
    } else if (saver == save_tuple_) {
        save_tuple(ts, self, obj);
    } else if (saver == save_none_) {
        save_none(ts, self);
    } else if (saver == save_bool_) {
        save_bool(ts, self, obj);
    } else {
        save_in_interpreter(ts, self, obj);
    }
    uncount_depth(ts);
}

/* --- Beginning and end ------------------------------------------------------------------------------------------ */

/* v.name = value for an instance just made; steals value. */
MARTLET_INLINE void first_set(O v, const struct place *place, O value)
{
    MUST(value != NULL);
    if (!PLACES) {
        set_place(v, place, value);
        return;
    }
    PyDictValues *values = values_of(v);
    values->values[place->index] = value;
    _PyDictValues_AddToInsertionOrder(values, place->index);
}

/* _Framer(file_write); new. */
FUNCTION(O, new_framer, (TS ts, O file_write))
{
    ENTER(ts, &c_framer_init, Py_None, file_write);
    O f = PyType_GenericAlloc(framer.type, 0);
    MUST(f != NULL);
    first_set(f, &f_file_write, Py_NewRef(file_write));
    first_set(f, &f_current_frame, Py_None);
    return f;
}

/* _Pickler(file, protocol); new. */
FUNCTION(O, new_pickler, (TS ts, O file, O protocol))
{
    ENTER(ts, &c_init, Py_None, file, protocol, Py_True, Py_None);
    int64_t proto = int_of(protocol);
    MUST(proto >= 4 && proto <= 5);
    O self = PyType_GenericAlloc(pickler.type, 0);
    MUST(self != NULL);
    first_set(self, &p_buffer_callback, Py_None);
    O file_write = PyObject_GetAttr(file, b_write.name);
    first_set(self, &p_file_write, file_write);
    O f = new_framer(ts, file_write);
    first_set(self, &p_framer, f);
    first_set(self, &p_write, PyMethod_New(write_function, f));
    first_set(self, &p_write_large, PyMethod_New(write_large_function, f));
    first_set(self, &p_memo, PyDict_New());
    first_set(self, &p_proto, Py_NewRef(protocol));
    first_set(self, &p_bin, Py_True);
    first_set(self, &p_fast, box_int(0));
    first_set(self, &p_fix_imports, Py_False);
    return self;
}

FUNCTION(void, dump, (TS ts, O self, O obj))
{
    ENTER(ts, &c_dump, self, obj);
    O header = made(PIECE(g_proto, format_b, int_of(get_place(self, &p_proto)), 1, NULL));
    Py_DECREF(PyObject_CallOneArg(get_place(self, &p_file_write), header));
    Py_DECREF(header);
    O f = get_place(self, &p_framer);
    {
        ENTER(ts, &c_start, f);
        set_place(f, &f_current_frame, new_bytes_io());
    }
    save(ts, self, obj);
    write_global(ts, self, g_stop);
    {
        ENTER(ts, &c_end, f);
        O file = get_place(f, &f_current_frame);
        if (tell(file) > 0) {
            flush_frame(self, file);
            set_place(f, &f_current_frame, Py_None);
        }
    }
}

static O dumps(O module, O const *args, Py_ssize_t n_args)
{
    (void)module;
    TS ts = _PyThreadState_GET();
    MUST(n_args == 2);
    ENTER(ts, &c_dumps, args[0], args[1], Py_True, Py_None);
    GUARD(has_same_names(&module_) && has_same_names(&builtins_));
    O file = new_bytes_io();
    O self = new_pickler(ts, file, args[1]);
    dump(ts, self, args[0]);
    Py_DECREF(self);
    O result = call_0(&b_getvalue, file);
    Py_DECREF(file);
    return result;
}

static struct builtin find_method(O type, const char *name, int flags)
{
    O descriptor = find(type, name);
    MUST(Py_IS_TYPE(descriptor, &PyMethodDescr_Type));
    PyMethodDef *method = ((PyMethodDescrObject *)descriptor)->d_method;
    MUST(method->ml_flags == flags);
    return (struct builtin){PyUnicode_InternFromString(name), descriptor, method->ml_meth, NULL};
}

/* A function that the class keeps under a name. */
static O find_function(struct callee *callee, O type, const char *name)
{
    *callee = find_callee(type, name);
    return (O)callee->function;
}

static void find_globals(void)
{
    struct {
        Py_ssize_t *index;
        const char *name;
    } names[] = {
        {&g_proto, "PROTO"},           {&g_stop, "STOP"},
        {&g_frame, "FRAME"},           {&g_memoize, "MEMOIZE"},
        {&g_binget, "BINGET"},         {&g_long_binget, "LONG_BINGET"},
        {&g_none, "NONE"},             {&g_true, "NEWTRUE"},
        {&g_false, "NEWFALSE"},        {&g_binint1, "BININT1"},
        {&g_binint2, "BININT2"},       {&g_binint, "BININT"},
        {&g_short_unicode, "SHORT_BINUNICODE"}, {&g_unicode, "BINUNICODE"},
        {&g_empty_tuple, "EMPTY_TUPLE"}, {&g_empty_list, "EMPTY_LIST"},
        {&g_empty_dict, "EMPTY_DICT"}, {&g_mark, "MARK"},
        {&g_appends, "APPENDS"},       {&g_append, "APPEND"},
        {&g_setitems, "SETITEMS"},     {&g_setitem, "SETITEM"},
        {&g_tuple, "TUPLE"},           {&g_tuple_codes, "_tuplesize2code"},
        {&g_pack, "pack"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *names[i].index = find_global(&module_, names[i].name);
    }
}

static void find_places(void)
{
    p_buffer_callback = find_place(pickler.type, "_buffer_callback");
    p_file_write = find_place(pickler.type, "_file_write");
    p_framer = find_place(pickler.type, "framer");
    p_write = find_place(pickler.type, "write");
    p_write_large = find_place(pickler.type, "_write_large_bytes");
    p_memo = find_place(pickler.type, "memo");
    p_proto = find_place(pickler.type, "proto");
    p_bin = find_place(pickler.type, "bin");
    p_fast = find_place(pickler.type, "fast");
    p_fix_imports = find_place(pickler.type, "fix_imports");
    f_file_write = find_place(framer.type, "file_write");
    f_current_frame = find_place(framer.type, "current_frame");
}

static void find_functions(O program)
{
    O p = (O)pickler.type;
    O f = (O)framer.type;
    c_dumps = find_callee(program, "_dumps");
    c_init = find_callee(p, "__init__");
    c_dump = find_callee(p, "dump");
    c_persistent = find_callee(p, "persistent_id");
    c_memoize = find_callee(p, "memoize");
    c_put = find_callee(p, "put");
    c_get = find_callee(p, "get");
    c_appends = find_callee(p, "_batch_appends");
    c_setitems = find_callee(p, "_batch_setitems");
    c_framer_init = find_callee(f, "__init__");
    c_commit = find_callee(f, "commit_frame");
    c_start = find_callee(f, "start_framing");
    c_end = find_callee(f, "end_framing");
    python_save = find_function(&c_save, p, "save");
    save_none_ = find_function(&c_none, p, "save_none");
    save_bool_ = find_function(&c_bool, p, "save_bool");
    save_long_ = find_function(&c_long, p, "save_long");
    save_str_ = find_function(&c_str, p, "save_str");
    save_tuple_ = find_function(&c_tuple, p, "save_tuple");
    save_list_ = find_function(&c_list, p, "save_list");
    save_dict_ = find_function(&c_dict, p, "save_dict");
    write_function = find_function(&c_write, f, "write");
    write_large_function = find(f, "write_large_bytes");
}

/* setup(pickle): finds what a compiler would have found in the inline caches. The module has run before. */
static O setup(O self, O program)
{
    (void)self;
    find_cached_ints();
    pickler = find_class(find(program, "_Pickler"));
    framer = find_class(find(program, "_Framer"));
    find_places();
    find_functions(program);
    module_ = find_module(c_dumps.function->func_globals);
    builtins_ = find_module(c_dumps.function->func_builtins);
    find_globals();
    dispatch = find((O)pickler.type, "dispatch");
    batch_size = find((O)pickler.type, "_BATCHSIZE");
    frame_target = find((O)framer.type, "_FRAME_SIZE_TARGET");
    frame_minimum = find((O)framer.type, "_FRAME_SIZE_MIN");
    islice = find(program, "islice");
    io_bytes_io = find(find(program, "io"), "BytesIO");
    b_tell = find_method(io_bytes_io, "tell", METH_NOARGS);
    b_write = find_method(io_bytes_io, "write", METH_O);
    b_getvalue = find_method(io_bytes_io, "getvalue", METH_NOARGS);
    b_encode = find_method((O)&PyUnicode_Type, "encode", METH_FASTCALL | METH_KEYWORDS);
    O pack = find(program, "pack");
    MUST(PyCFunction_CheckExact(pack) && PyCFunction_GET_FLAGS(pack) == METH_FASTCALL);
    b_pack = (struct builtin){NULL, pack, PyCFunction_GET_FUNCTION(pack), PyCFunction_GET_SELF(pack)};
    utf8 = PyUnicode_InternFromString("utf-8");
    surrogatepass = PyUnicode_InternFromString("surrogatepass");
    n_items = PyUnicode_InternFromString("items");
    format_b = PyUnicode_InternFromString("<B");
    format_h = PyUnicode_InternFromString("<H");
    format_i = PyUnicode_InternFromString("<i");
    format_q = PyUnicode_InternFromString("<Q");
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, NULL},
    {"dumps", (PyCFunction)(void (*)(void))dumps, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

PROGRAM(methods)
