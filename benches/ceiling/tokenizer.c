/* tokenizer.c: the tokenizer of the package html5lib, which is half of the program `html5lib` of pyperformance.
 *
 * Replaced is a function `tokens` of the runner, a loop over all tokens: the generator `HTMLTokenizer.__iter__` is fused
 * into it. Written by hand are `char`, `charsUntil`, `emitCurrentToken` and the nine states that the document is
 * nearly always in; other states are called in the interpreter.
 *
 * `self.state()` has more callees than a switch would take, so the function of the bound method is looked up in a small
 * table that maps functions to machine code. The bound methods themselves are stored in an attribute, so they are made.
 * A character of a string is one of the interpreter's own one-character strings; two of these are equal if they are the
 * same object. Calls into C run no Python here: strings, lists, dicts, sets and the deque are exact, patterns are re's.
 */
#include "dicts.h"

/* 1: C functions that are known are called directly. 0: through a bound method and a tuple of arguments. */
#ifndef BUILTINS
#  define BUILTINS 1
#endif
/* 1: keys that are tuples of constants, lists that are only joined, and slices that are only walked are never made.
 * 0: they are made. */
#ifndef ESCAPES
#  define ESCAPES 1
#endif

/* 0: `pattern.match` is a call, and makes an object. 1: the pattern, a run of characters in or outside a set, is
 * machine code of its own, and what it matched is known as two numbers. */
#ifndef PATTERNS
#  define PATTERNS 0
#endif

typedef bool (*state_code)(TS ts, O self);

/* Source: setobject.c, LINEAR_PROBES. */
#define LINEAR_PROBES 9

static struct module_fact module_, stream_module;
static struct class_fact tokenizer, stream_;
static struct place t_stream, t_state, t_token, t_queue, s_chunk, s_size, s_offset, s_errors;
static Py_ssize_t g_spaces, g_letters, g_types, g_tag_types, g_lower, g_map, g_patterns;
static O s_ampersand, s_less, s_greater, s_null, s_slash, s_bang, s_equals, s_quote, s_apostrophe, s_empty;
static O k_type, k_name, k_data, k_closing, k_acknowledged, k_start, k_end, k_characters, k_space_characters;
static O until_text, until_quote; /* the tuples ("&", "<", "\0") and ("\"", "&", "\0") */
static O n_append, n_popleft, n_translate, n_match, n_end;
static O latin1[256];
static struct callee f_iter, f_char, f_until, f_emit;
static PyCFunction deque_append, deque_popleft, translate;
static PyMethodDef *match_end, *match;
static PyTypeObject *pattern_type, *deque_type;

/* The states: their functions, and what is called for each. */
enum state { DATA, TAG_OPEN, CLOSE_OPEN, TAG_NAME, BEFORE_NAME, NAME, BEFORE_VALUE, QUOTED, AFTER_VALUE, N_STATES };
static struct callee states[N_STATES];
static O entity_data, self_closing, after_name, markup;

/* Functions to machine code. */
#define CODE_SIZE 64
static struct {
    O function;
    state_code code;
} codes[CODE_SIZE];

/* --- Sets, dicts, strings -------------------------------------------------------------------------------------- */

/* Whether an exact set of strings has a one-character string. Source: setobject.c, set_lookkey. */
MARTLET_INLINE bool set_has(O set, O key)
{
    GUARD(PyFrozenSet_CheckExact(set));
    if (LOOKUPS < 2) {
        int found = PySet_Contains(set, key);
        MUST(found >= 0);
        return found;
    }
    Py_hash_t hash = PyUnicode_CheckExact(key) ? ((PyASCIIObject *)key)->hash : int_of(key);
    MUST(hash != -1);
    PySetObject *so = (PySetObject *)set;
    size_t mask = (size_t)so->mask;
    size_t perturb = (size_t)hash;
    for (size_t i = (size_t)hash & mask;; i = (i * 5 + 1 + perturb) & mask) {
        setentry *entry = &so->table[i];
        for (size_t n = i + LINEAR_PROBES <= mask ? LINEAR_PROBES + 1 : 1; n > 0; n--, entry++) {
            if (entry->key == key) {
                return true;
            }
            if (entry->key == NULL) {
                return false;
            }
        }
        perturb >>= 5;
    }
}

/* dict[key], borrowed, for an interned string that is there. */
MARTLET_INLINE O item(O dict, O key)
{
    GUARD(PyDict_CheckExact(dict));
    if (LOOKUPS == 2) {
        PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
        GUARD(DK_IS_UNICODE(keys) && ((PyDictObject *)dict)->ma_values == NULL);
        int64_t index = probe_shared_keys(keys, key);
        MUST(index >= 0);
        return DK_UNICODE_ENTRIES(keys)[index].me_value;
    }
    O value = PyDict_GetItemWithError(dict, key);
    MUST(value != NULL);
    return value;
}

/* dict[key] = value; steals value. */
MARTLET_INLINE void set_item(O dict, O key, O value)
{
    GUARD(PyDict_CheckExact(dict));
    MUST(value != NULL);
    MUST(_PyDict_SetItem_KnownHash_LockHeld((PyDictObject *)dict, key, value, ((PyASCIIObject *)key)->hash) == 0);
    Py_DECREF(value);
}

/* --- Calls of C functions --------------------------------------------------------------------------------------- */

/* self.name(arg), or self.name() if arg is NULL; new. */
MARTLET_INLINE O call_method(PyCFunction code, O name, O self, O arg)
{
    O result;
    if (BUILTINS) {
        result = code(self, arg);
    } else {
        O method = PyObject_GetAttr(self, name);
        O args = arg != NULL ? PyTuple_Pack(1, arg) : PyTuple_New(0);
        result = PyObject_Call(method, args, NULL);
        Py_DECREF(args);
        Py_DECREF(method);
    }
    MUST(result != NULL);
    return result;
}

/* queue.append(token); steals token. */
MARTLET_INLINE void queue_token(O self, O token)
{
    O queue = get_place(self, &t_queue);
    GUARD(Py_TYPE(queue) == deque_type);
    Py_DECREF(call_method(deque_append, n_append, queue, token));
    Py_DECREF(token);
}

/* pattern.match(string, at); new. */
MARTLET_INLINE O match_at(O pattern, O string, O at)
{
    GUARD(Py_TYPE(pattern) == pattern_type);
    O args[] = {string, at};
    O result;
    if (BUILTINS) {
        result = ((PyCMethod)(void (*)(void))match->ml_meth)(pattern, pattern_type, args, 2, NULL);
    } else {
        result = PyObject_CallMethodObjArgs(pattern, n_match, string, at, NULL);
    }
    MUST(result != NULL);
    return result;
}

/* match.end(), released with the match. */
MARTLET_INLINE int64_t end_of(O m)
{
    O box = BUILTINS ? ((PyCFunctionFast)(void (*)(void))match_end->ml_meth)(m, NULL, 0)
                     : PyObject_CallMethodNoArgs(m, n_end);
    MUST(box != NULL);
    int64_t value = int_of(box);
    Py_DECREF(box);
    Py_DECREF(m);
    return value;
}

/* --- The stream --------------------------------------------------------------------------------------------------- */

MARTLET_INLINE O stream_of(O self)
{
    GUARD(is_instance_of(self, &tokenizer));
    O stream = get_place(self, &t_stream);
    GUARD(is_instance_of(stream, &stream_));
    return stream;
}

/* stream.readChunk(), in the interpreter. */
static __attribute__((cold, noinline)) bool read_chunk(O stream)
{
    O result = PyObject_CallMethod(stream, "readChunk", NULL);
    MUST(result != NULL);
    return result == Py_True;
}

/* stream.char(), borrowed: immortal. */
FUNCTION(O, read_char, (TS ts, O stream))
{
    ENTER(ts, &f_char, stream);
    if (int_of(get_place(stream, &s_offset)) >= int_of(get_place(stream, &s_size)) && !read_chunk(stream)) {
        return Py_None;
    }
    int64_t at = int_of(get_place(stream, &s_offset));
    O chunk = get_place(stream, &s_chunk);
    GUARD(PyUnicode_CheckExact(chunk));
    MUST((uint64_t)at < (uint64_t)PyUnicode_GET_LENGTH(chunk));
    Py_UCS4 c = PyUnicode_READ_CHAR(chunk, at);
    set_place_int(stream, &s_offset, at + 1);
    MUST(c < 256);
    return loaded(latin1[c]);
}

/* What a call site of charsUntil knows of its key (characters, opposite): the hash, once computed. */
struct site {
    Py_hash_t hash;
    bool in_pattern[128]; /* PATTERNS: which characters match; all others match if `others` does */
    bool others;
};

/* What the pattern of charsUntil matches, as re compiles it. */
static __attribute__((cold, noinline)) void learn_pattern(struct site *site, O characters, bool opposite)
{
    O sequence = PySequence_List(characters);
    MUST(sequence != NULL);
    memset(site->in_pattern, !opposite, sizeof site->in_pattern);
    site->others = !opposite;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(sequence); i++) {
        site->in_pattern[PyUnicode_READ_CHAR(PyList_GET_ITEM(sequence, i), 0)] = opposite;
    }
    Py_DECREF(sequence);
}

/* charsUntilRegEx[(characters, opposite)], borrowed, NULL if there is none. */
MARTLET_INLINE O pattern_for(struct site *site, O characters, O opposite)
{
    GUARD(has_same_names(&stream_module));
    O patterns = get_global(&stream_module, g_patterns);
    GUARD(PyDict_CheckExact(patterns));
    if (!ESCAPES || LOOKUPS < 2 || site->hash == 0) {
        O key = PyTuple_Pack(2, characters, opposite);
        MUST(key != NULL);
        O value = PyDict_GetItemWithError(patterns, key);
        if (site->hash == 0) {
            site->hash = PyObject_Hash(key);
            learn_pattern(site, characters, opposite == Py_True);
        }
        Py_DECREF(key);
        return value;
    }
    const PyDictKeysObject *keys = ((PyDictObject *)patterns)->ma_keys;
    GUARD(!DK_IS_UNICODE(keys));
    size_t mask = (size_t)DK_SIZE(keys) - 1;
    size_t perturb = (size_t)site->hash;
    for (size_t i = perturb & mask;; i = (i * 5 + perturb + 1) & mask) {
        int64_t index = index_at(keys, i);
        MUST(index >= 0);
        PyDictKeyEntry *entry = &DK_ENTRIES((PyDictKeysObject *)keys)[index];
        if (entry->me_hash == site->hash && PyTuple_CheckExact(entry->me_key) &&
            PyTuple_GET_ITEM(entry->me_key, 0) == characters && PyTuple_GET_ITEM(entry->me_key, 1) == opposite) {
            return entry->me_value;
        }
        perturb >>= 5;
    }
}

/* Where the match of a pattern that starts at `start` ends; `start` if there is no match. */
MARTLET_INLINE int64_t match_run(const struct site *site, O chunk, int64_t start, int64_t size)
{
    int64_t at = start;
    if (PyUnicode_KIND(chunk) == PyUnicode_1BYTE_KIND) {
        const Py_UCS1 *text = PyUnicode_1BYTE_DATA(chunk);
        while (at < size && (text[at] < 128 ? site->in_pattern[text[at]] : site->others)) {
            at++;
        }
        return at;
    }
    while (at < size) {
        Py_UCS4 c = PyUnicode_READ_CHAR(chunk, at);
        if (!(c < 128 ? site->in_pattern[c] : site->others)) {
            break;
        }
        at++;
    }
    return at;
}

/* stream.charsUntil(characters, opposite); new. */
FUNCTION(O, chars_until, (TS ts, O stream, struct site *site, O characters, O opposite))
{
    ENTER(ts, &f_until, stream, characters, opposite);
    O pattern = pattern_for(site, characters, opposite);
    if (pattern == NULL) {
        site->hash = 0;
        O text = PyObject_CallMethod(stream, "charsUntil", "OO", characters, opposite);
        MUST(text != NULL);
        return text;
    }
    O parts = ESCAPES ? NULL : PyList_New(0);
    O text = Py_NewRef(s_empty);
    while (true) {
        O chunk = get_place(stream, &s_chunk);
        GUARD(PyUnicode_CheckExact(chunk));
        int64_t start = int_of(get_place(stream, &s_offset));
        int64_t size = int_of(get_place(stream, &s_size));
        int64_t stop = size;
        bool last = false;
        O m = PATTERNS ? NULL : match_at(pattern, chunk, get_place(stream, &s_offset));
        int64_t matched = PATTERNS ? match_run(site, chunk, start, size) : m == Py_None ? start : end_of(m);
        if (matched == start) {
            if (start != size) {
                break;
            }
        } else {
            stop = matched;
            last = stop != size;
        }
        O part = PyUnicode_Substring(chunk, start, stop);
        MUST(part != NULL);
        if (!ESCAPES) {
            MUST(PyList_Append(parts, part) == 0);
        }
        /* One string that is joined is itself. */
        PyUnicode_AppendAndDel(&text, part);
        MUST(text != NULL);
        if (last) {
            set_place_int(stream, &s_offset, stop);
            break;
        }
        if (!read_chunk(stream)) {
            break;
        }
        poll(ts);
    }
    if (!ESCAPES) {
        O joined = PyUnicode_Join(s_empty, parts);
        Py_SETREF(text, joined);
        Py_DECREF(parts);
    }
    return text;
}

/* data + rest, for two exact strings; steals rest; new. */
MARTLET_INLINE O plus(O data, O rest)
{
    O sum = PyUnicode_Concat(data, rest);
    MUST(sum != NULL);
    Py_DECREF(rest);
    return sum;
}

/* --- The tokens --------------------------------------------------------------------------------------------------- */

/* self.state = self.f: a bound method, made for the attribute. */
MARTLET_INLINE void go_to(O self, O function)
{
    O method = PyMethod_New(function, self);
    MUST(method != NULL);
    set_place(self, &t_state, method);
}

MARTLET_INLINE void go_to_state(O self, enum state state)
{
    go_to(self, (O)states[state].function);
}

/* tokenTypes[name], borrowed. */
MARTLET_INLINE O token_type(O name)
{
    GUARD(has_same_names(&module_));
    return item(get_global(&module_, g_types), name);
}

/* {"type": type, "data": data}; steals data. */
MARTLET_INLINE O text_token(O type, O data)
{
    O const keys[] = {k_type, k_data};
    O const values[] = {type, data};
    O token = _PyDict_FromItems(keys, 1, values, 1, 2);
    MUST(token != NULL);
    Py_DECREF(data);
    return token;
}

/* self.currentToken = a tag's token. */
MARTLET_INLINE void begin_tag(O self, O type, O name, Py_ssize_t n_keys)
{
    O const keys[] = {k_type, k_name, k_data, k_closing, k_acknowledged};
    O const values[] = {type, name, PyList_New(0), Py_False, Py_False};
    O token = _PyDict_FromItems(keys, 1, values, 1, n_keys);
    MUST(token != NULL);
    Py_DECREF(values[2]);
    set_place(self, &t_token, token);
}

/* text.translate(asciiUpper2Lower); new. */
MARTLET_INLINE O lower(O text)
{
    GUARD(PyUnicode_CheckExact(text));
    return call_method(translate, n_translate, text, get_global(&module_, g_lower));
}

FUNCTION(void, emit, (TS ts, O self))
{
    ENTER(ts, &f_emit, self);
    O token = get_place(self, &t_token);
    O type = item(token, k_type);
    if (set_has(get_global(&module_, g_tag_types), type)) {
        set_item(token, k_name, lower(item(token, k_name)));
        if (COMPARE_INTS(type, Py_EQ, ==, token_type(k_start))) {
            O raw = item(token, k_data);
            O data = PyObject_CallOneArg(get_global(&module_, g_map), raw);
            MUST(data != NULL && PyDict_CheckExact(data) && PyList_GET_SIZE(raw) == PyDict_GET_SIZE(data));
            set_item(token, k_data, data);
        } else if (COMPARE_INTS(type, Py_EQ, ==, token_type(k_end))) {
            MUST(PyObject_Size(item(token, k_data)) == 0 && item(token, k_closing) == Py_False);
        }
    }
    queue_token(self, Py_NewRef(token));
    go_to_state(self, DATA);
}

/* The attribute [name, value] that is being read, borrowed. */
MARTLET_INLINE O last_attribute(O self)
{
    O data = item(get_place(self, &t_token), k_data);
    O last = item_of(data, PyList_GET_SIZE(data) - 1);
    GUARD(PyList_CheckExact(last) && PyList_GET_SIZE(last) == 2);
    return last;
}

/* list[index] = value; steals value. */
MARTLET_INLINE void set_list_item(O list, Py_ssize_t index, O value)
{
    MUST(value != NULL);
    O old = PyList_GET_ITEM(list, index);
    PyList_SET_ITEM(list, index, value);
    Py_DECREF(old);
}

/* self.currentToken["data"].append([data, ""]) */
MARTLET_INLINE void begin_attribute(O self, O data)
{
    O attribute = PyList_New(2);
    MUST(attribute != NULL);
    PyList_SET_ITEM(attribute, 0, Py_NewRef(data));
    PyList_SET_ITEM(attribute, 1, Py_NewRef(s_empty));
    O list = item(get_place(self, &t_token), k_data);
    GUARD(PyList_CheckExact(list));
    MUST(_PyList_AppendTakeRef((PyListObject *)list, attribute) == 0);
}

/* --- The states: false at the end of the document ---------------------------------------------------------------- */

/* Gives the character back and runs a state in the interpreter, for the rare branches. */
static __attribute__((cold, noinline)) void start_again(O self, O stream, enum state state)
{
    set_place(stream, &s_offset, box_int(int_of(get_place(stream, &s_offset)) - 1));
    O more = PyObject_CallOneArg((O)states[state].function, self);
    MUST(more == Py_True);
}

#define STATE(name, state)                                                                                             \
    static __attribute__((noinline)) bool name(TS ts, O self)                                                          \
    {                                                                                                                  \
        ENTER(ts, &states[state], self);                                                                               \
        O stream = stream_of(self);                                                                                    \
        GUARD(has_same_names(&module_));                                                                               \
        O data = read_char(ts, stream);                                                                                \
        name##_rest(ts, self, stream, data);                                                                           \
        return data != Py_None;                                                                                        \
    }

MARTLET_INLINE void data_rest(TS ts, O self, O stream, O data)
{
    static struct site spaces_site, text_site;
    O spaces = get_global(&module_, g_spaces);
    if (data == s_ampersand) {
        go_to(self, entity_data);
    } else if (data == s_less) {
        go_to_state(self, TAG_OPEN);
    } else if (data == Py_None) {
        return;
    } else if (set_has(spaces, data)) {
        O text = plus(data, chars_until(ts, stream, &spaces_site, spaces, Py_True));
        queue_token(self, text_token(token_type(k_space_characters), text));
    } else {
        MUST(data != s_null);
        O text = plus(data, chars_until(ts, stream, &text_site, until_text, Py_False));
        queue_token(self, text_token(token_type(k_characters), text));
    }
}
STATE(data, DATA)

MARTLET_INLINE void tag_open_rest(TS ts, O self, O stream, O data)
{
    (void)ts;
    (void)stream;
    if (data == s_bang) {
        go_to(self, markup);
    } else if (data == s_slash) {
        go_to_state(self, CLOSE_OPEN);
    } else if (set_has(get_global(&module_, g_letters), data)) {
        begin_tag(self, token_type(k_start), data, 5);
        go_to_state(self, TAG_NAME);
    } else {
        start_again(self, stream, TAG_OPEN);
    }
}
STATE(tag_open, TAG_OPEN)

MARTLET_INLINE void close_open_rest(TS ts, O self, O stream, O data)
{
    (void)ts;
    (void)stream;
    MUST(set_has(get_global(&module_, g_letters), data));
    begin_tag(self, token_type(k_end), data, 4);
    go_to_state(self, TAG_NAME);
}
STATE(close_open, CLOSE_OPEN)

MARTLET_INLINE void tag_name_rest(TS ts, O self, O stream, O data)
{
    (void)stream;
    if (set_has(get_global(&module_, g_spaces), data)) {
        go_to_state(self, BEFORE_NAME);
    } else if (data == s_greater) {
        emit(ts, self);
    } else if (data == s_slash) {
        go_to(self, self_closing);
    } else {
        MUST(data != Py_None && data != s_null);
        O token = get_place(self, &t_token);
        set_item(token, k_name, plus(item(token, k_name), Py_NewRef(data)));
    }
}
STATE(tag_name, TAG_NAME)

MARTLET_INLINE void before_name_rest(TS ts, O self, O stream, O data)
{
    static struct site site;
    O spaces = get_global(&module_, g_spaces);
    if (set_has(spaces, data)) {
        Py_DECREF(chars_until(ts, stream, &site, spaces, Py_True));
    } else if (set_has(get_global(&module_, g_letters), data)) {
        begin_attribute(self, data);
        go_to_state(self, NAME);
    } else if (data == s_greater) {
        emit(ts, self);
    } else {
        MUST(data == s_slash);
        go_to(self, self_closing);
    }
}
STATE(before_name, BEFORE_NAME)

/* What attributeNameState does when it leaves: lower case, and a look for the same name. */
MARTLET_INLINE void end_name(O self)
{
    O last = last_attribute(self);
    set_list_item(last, 0, lower(PyList_GET_ITEM(last, 0)));
    O data = item(get_place(self, &t_token), k_data);
    Py_ssize_t n = PyList_GET_SIZE(data) - 1;
    O before = ESCAPES ? data : PyList_GetSlice(data, 0, n);
    for (Py_ssize_t i = 0; i < n; i++) {
        O other = PyList_GET_ITEM(before, i);
        GUARD(PyList_CheckExact(other) && PyList_GET_SIZE(other) == 2);
        MUST(PyUnicode_Compare(PyList_GET_ITEM(other, 0), PyList_GET_ITEM(last, 0)) != 0);
    }
    if (!ESCAPES) {
        Py_DECREF(before);
    }
}

MARTLET_INLINE void name_rest(TS ts, O self, O stream, O data)
{
    static struct site site;
    O letters = get_global(&module_, g_letters);
    bool leave = true;
    bool end_of_tag = false;
    if (data == s_equals) {
        go_to_state(self, BEFORE_VALUE);
    } else if (set_has(letters, data)) {
        O last = last_attribute(self);
        O more = plus(data, chars_until(ts, stream, &site, letters, Py_True));
        set_list_item(last, 0, plus(PyList_GET_ITEM(last, 0), more));
        leave = false;
    } else if (data == s_greater) {
        end_of_tag = true;
    } else if (set_has(get_global(&module_, g_spaces), data)) {
        go_to(self, after_name);
    } else if (data == s_slash) {
        go_to(self, self_closing);
    } else {
        MUST(data != Py_None && data != s_null && data != s_less && data != s_quote && data != s_apostrophe);
        O last = last_attribute(self);
        set_list_item(last, 0, plus(PyList_GET_ITEM(last, 0), Py_NewRef(data)));
        leave = false;
    }
    if (leave) {
        end_name(self);
        if (end_of_tag) {
            emit(ts, self);
        }
    }
}
STATE(name, NAME)

MARTLET_INLINE void before_value_rest(TS ts, O self, O stream, O data)
{
    static struct site site;
    O spaces = get_global(&module_, g_spaces);
    if (set_has(spaces, data)) {
        Py_DECREF(chars_until(ts, stream, &site, spaces, Py_True));
    } else {
        MUST(data == s_quote);
        go_to_state(self, QUOTED);
    }
}
STATE(before_value, BEFORE_VALUE)

MARTLET_INLINE void quoted_rest(TS ts, O self, O stream, O data)
{
    static struct site site;
    if (data == s_quote) {
        go_to_state(self, AFTER_VALUE);
    } else if (data == s_ampersand) {
        O none = PyObject_CallMethod(self, "processEntityInAttribute", "O", s_quote);
        MUST(none != NULL);
    } else {
        MUST(data != Py_None && data != s_null);
        O last = last_attribute(self);
        O more = plus(data, chars_until(ts, stream, &site, until_quote, Py_False));
        set_list_item(last, 1, plus(PyList_GET_ITEM(last, 1), more));
    }
}
STATE(quoted, QUOTED)

MARTLET_INLINE void after_value_rest(TS ts, O self, O stream, O data)
{
    (void)stream;
    if (set_has(get_global(&module_, g_spaces), data)) {
        go_to_state(self, BEFORE_NAME);
    } else if (data == s_greater) {
        emit(ts, self);
    } else {
        MUST(data == s_slash);
        go_to(self, self_closing);
    }
}
STATE(after_value, AFTER_VALUE)

/* --- The loop ----------------------------------------------------------------------------------------------------- */

MARTLET_INLINE size_t code_index(O function)
{
    size_t address = (size_t)function;
    return (address >> 4 ^ address >> 10) % CODE_SIZE;
}

/* self.state() */
MARTLET_INLINE bool run_state(TS ts, O self)
{
    GUARD(is_instance_of(self, &tokenizer));
    O method = Py_NewRef(get_place(self, &t_state));
    GUARD(Py_IS_TYPE(method, &PyMethod_Type));
    GUARD(((PyMethodObject *)method)->im_self == self);
    O function = ((PyMethodObject *)method)->im_func;
    for (size_t i = code_index(function); codes[i].function != NULL; i = (i + 1) % CODE_SIZE) {
        if (codes[i].function == function) {
            bool more = codes[i].code(ts, self);
            Py_DECREF(method);
            return more;
        }
    }
    O args[] = {self};
    F frame = FRAMES ? NULL : push_frame(ts, &f_iter, 1, args);
    O result = PyObject_CallNoArgs(method);
    MUST(result != NULL);
    if (frame != NULL) {
        pop_frame(ts, frame);
    }
    Py_DECREF(method);
    return result == Py_True;
}

/* tokens(tokenizer, keep): all tokens from the beginning; each is appended to `keep`, unless that is None. */
static O tokens(O module, O const *args, Py_ssize_t n_args)
{
    (void)module;
    TS ts = _PyThreadState_GET();
    MUST(n_args == 2);
    O self = args[0];
    O keep = args[1];
    GUARD(is_instance_of(self, &tokenizer));
    O queue = PyObject_CallNoArgs((O)deque_type);
    MUST(queue != NULL);
    MUST(PyObject_SetAttr(self, t_queue.name, queue) == 0);
    Py_DECREF(queue);
    ENTER(ts, &f_iter, self);
    while (run_state(ts, self)) {
        O errors = get_place(stream_of(self), &s_errors);
        MUST(PyList_CheckExact(errors) && PyList_GET_SIZE(errors) == 0);
        while (true) {
            queue = get_place(self, &t_queue);
            GUARD(Py_TYPE(queue) == deque_type);
            if (Py_SIZE(queue) == 0) {
                break;
            }
            O token = call_method(deque_popleft, n_popleft, queue, NULL);
            if (keep != Py_None) {
                MUST(PyList_Append(keep, token) == 0);
            }
            Py_DECREF(token);
            poll(ts);
        }
        poll(ts);
    }
    Py_RETURN_NONE;
}

static PyMethodDef *find_method(PyTypeObject *type, const char *name)
{
    O descriptor = find((O)type, name);
    MUST(Py_IS_TYPE(descriptor, &PyMethodDescr_Type));
    return ((PyMethodDescrObject *)descriptor)->d_method;
}

static void find_states(O type)
{
    static const char *const names[] = {
        "dataState", "tagOpenState", "closeTagOpenState", "tagNameState", "beforeAttributeNameState",
        "attributeNameState", "beforeAttributeValueState", "attributeValueDoubleQuotedState",
        "afterAttributeValueState",
    };
    static const state_code bodies[] = {
        data, tag_open, close_open, tag_name, before_name, name, before_value, quoted, after_value,
    };
    for (int i = 0; i < N_STATES; i++) {
        states[i] = find_callee(type, names[i]);
        size_t at = code_index((O)states[i].function);
        while (codes[at].function != NULL) {
            at = (at + 1) % CODE_SIZE;
        }
        codes[at].function = (O)states[i].function;
        codes[at].code = bodies[i];
    }
    entity_data = find(type, "entityDataState");
    self_closing = find(type, "selfClosingStartTagState");
    after_name = find(type, "afterAttributeNameState");
    markup = find(type, "markupDeclarationOpenState");
}

/* The constant of a function's code that is a tuple with this first item. */
static O find_constant(const struct callee *callee, O first)
{
    O constants = callee->code->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        O constant = PyTuple_GET_ITEM(constants, i);
        if (PyTuple_CheckExact(constant) && PyTuple_GET_SIZE(constant) == 3 && PyTuple_GET_ITEM(constant, 0) == first) {
            return constant;
        }
    }
    leave_code("no such constant");
}

static void find_strings(void)
{
    for (int i = 0; i < 256; i++) {
        latin1[i] = PyUnicode_FromOrdinal(i);
    }
    s_ampersand = latin1['&'];
    s_less = latin1['<'];
    s_greater = latin1['>'];
    s_null = latin1[0];
    s_slash = latin1['/'];
    s_bang = latin1['!'];
    s_equals = latin1['='];
    s_quote = latin1['"'];
    s_apostrophe = latin1['\''];
    s_empty = PyUnicode_FromString("");
    n_append = PyUnicode_InternFromString("append");
    n_popleft = PyUnicode_InternFromString("popleft");
    n_translate = PyUnicode_InternFromString("translate");
    n_match = PyUnicode_InternFromString("match");
    n_end = PyUnicode_InternFromString("end");
    k_type = PyUnicode_InternFromString("type");
    k_name = PyUnicode_InternFromString("name");
    k_data = PyUnicode_InternFromString("data");
    k_closing = PyUnicode_InternFromString("selfClosing");
    k_acknowledged = PyUnicode_InternFromString("selfClosingAcknowledged");
    k_start = PyUnicode_InternFromString("StartTag");
    k_end = PyUnicode_InternFromString("EndTag");
    k_characters = PyUnicode_InternFromString("Characters");
    k_space_characters = PyUnicode_InternFromString("SpaceCharacters");
}

/* setup(tokenizer): finds what a compiler would have found in the inline caches. */
static O setup(O self, O example)
{
    (void)self;
    find_cached_ints();
    find_strings();
    O type = (O)Py_TYPE(example);
    O stream = find(example, "stream");
    tokenizer = find_class(type);
    stream_ = find_class((O)Py_TYPE(stream));
    t_stream = find_place(tokenizer.type, "stream");
    t_state = find_place(tokenizer.type, "state");
    t_token = find_place(tokenizer.type, "currentToken");
    t_queue = find_place(tokenizer.type, "tokenQueue");
    s_chunk = find_place(stream_.type, "chunk");
    s_size = find_place(stream_.type, "chunkSize");
    s_offset = find_place(stream_.type, "chunkOffset");
    s_errors = find_place(stream_.type, "errors");
    f_iter = find_callee(type, "__iter__");
    f_emit = find_callee(type, "emitCurrentToken");
    f_char = find_callee((O)stream_.type, "char");
    f_until = find_callee((O)stream_.type, "charsUntil");
    find_states(type);
    until_text = find_constant(&states[DATA], s_ampersand);
    until_quote = find_constant(&states[QUOTED], s_quote);
    module_ = find_module(f_iter.function->func_globals);
    stream_module = find_module(f_char.function->func_globals);
    g_spaces = find_global(&module_, "spaceCharacters");
    g_letters = find_global(&module_, "asciiLetters");
    g_types = find_global(&module_, "tokenTypes");
    g_tag_types = find_global(&module_, "tagTokenTypes");
    g_lower = find_global(&module_, "asciiUpper2Lower");
    g_map = find_global(&module_, "attributeMap");
    g_patterns = find_global(&stream_module, "charsUntilRegEx");
    deque_type = (PyTypeObject *)find(PyImport_ImportModule("collections"), "deque");
    deque_append = find_method(deque_type, "append")->ml_meth;
    deque_popleft = find_method(deque_type, "popleft")->ml_meth;
    translate = find_method(&PyUnicode_Type, "translate")->ml_meth;
    O re = PyImport_ImportModule("re");
    pattern_type = (PyTypeObject *)find(re, "Pattern");
    match = find_method(pattern_type, "match");
    match_end = find_method((PyTypeObject *)find(re, "Match"), "end");
    MUST(match->ml_flags == (METH_METHOD | METH_FASTCALL | METH_KEYWORDS) && match_end->ml_flags == METH_FASTCALL);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, NULL},
    {"tokens", (PyCFunction)(void (*)(void))tokens, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

PROGRAM(methods)
