/* functions.c: the entry of Python functions: put in, taken out, watched. */
#include "runtime.h"

/* The function is entered through martlet_vectorcall from now on. */
static void
enter(PyFunctionObject *func)
{
    if (func->vectorcall == martlet_plain_vectorcall) {
        PyFunction_SetVectorcall(func, martlet_vectorcall);
    }
}

static bool
wants_entry(PyFunctionObject *func)
{
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    struct martlet_record *record = martlet_record_of(code);
    return record == NULL ? martlet_always && martlet_enabled && (code->co_flags & CO_OPTIMIZED)
                          : record->entered && !record->refused;
}

/* MAKE_FUNCTION copies co_version into the function after the watcher ran, and call sites that saw that version would
 * run the interpreter inline, past the entry. So a code object with an entry has no version. */
static void
forget_version(PyCodeObject *code)
{
    struct martlet_record *record = martlet_record_of(code);
    if (record != NULL && code->co_version != 0) {
        record->saved_version = code->co_version;
    }
    code->co_version = 0;
}

MARTLET_RUNTIME void
martlet_forget_version(PyCodeObject *code)
{
    forget_version(code);
}

MARTLET_RUNTIME void
martlet_restore_version(PyCodeObject *code, uint32_t version)
{
    if (code->co_version == 0) {
        code->co_version = version;
    }
}

static int
on_function(PyFunction_WatchEvent event, PyFunctionObject *func, O Py_UNUSED(value))
{
    struct martlet_record *record;
    switch (event) {
    case PyFunction_EVENT_CREATE:
        if (wants_entry(func)) {
            enter(func);
            forget_version((PyCodeObject *)func->func_code);
        }
        if (martlet_all_loops && martlet_enabled) {
            martlet_hooks.function_made(func);
        }
        break;
    case PyFunction_EVENT_DESTROY:
    case PyFunction_EVENT_MODIFY_CODE:
        record = func->func_code == NULL ? NULL : martlet_record_of((PyCodeObject *)func->func_code);
        if (record != NULL && record->watched > 0) {
            martlet_hooks.function_died(func);
        }
        break;
    default:
        /* Defaults are read at the call, and compiled callers use none. */
        break;
    }
    return 0;
}

/* Starts watching functions. -1 with an exception set when no watcher is free. */
MARTLET_RUNTIME int
martlet_watch_functions(void)
{
    return PyFunction_AddWatcher(on_function);
}

static void
free_record(void *record)
{
    if (record != NULL) {
        martlet_hooks.code_died(record);
    }
}

/* Asks for room on code objects. */
MARTLET_RUNTIME int
martlet_request_extra(void)
{
    martlet_extra_index = PyUnstable_Eval_RequestCodeExtraIndex(free_record);
    return martlet_extra_index < 0 ? -1 : 0;
}

MARTLET_RUNTIME int
martlet_set_record(PyCodeObject *code, struct martlet_record *record)
{
    bool ours_alone = code->co_extra == NULL;
    if (PyUnstable_Code_SetExtra((O)code, martlet_extra_index, record) < 0) {
        return -1;
    }
    /* Room was made for all users there are, and all their free functions would be called when the code dies: also those
     * who never put anything there, and do not expect to hear of it. They get room when they ask. */
    struct martlet_extra *extra = (struct martlet_extra *)code->co_extra;
    if (ours_alone && extra != NULL) {
        extra->size = martlet_extra_index + 1;
    }
    return 0;
}

static int
visit_enter(O object, void *Py_UNUSED(context))
{
    if (PyFunction_Check(object) && wants_entry((PyFunctionObject *)object)) {
        enter((PyFunctionObject *)object);
        forget_version((PyCodeObject *)((PyFunctionObject *)object)->func_code);
    }
    return 1;
}

/* The function is entered as the interpreter does it from now on, and call sites may specialise for it again. */
void
martlet_leave_function(PyFunctionObject *func)
{
    func->vectorcall = martlet_plain_vectorcall;
    PyCodeObject *code = (PyCodeObject *)func->func_code;
    struct martlet_record *record = martlet_record_of(code);
    if (record != NULL && record->saved_version != 0 && func->func_version == 0) {
        _PyFunction_SetVersion(func, record->saved_version);
    }
}

static int
visit_leave(O object, void *Py_UNUSED(context))
{
    if (PyFunction_Check(object)) {
        PyFunctionObject *func = (PyFunctionObject *)object;
        if (func->vectorcall == martlet_vectorcall && !wants_entry(func)) {
            martlet_leave_function(func);
        }
    }
    return 1;
}

/* Gives the entry to every existing function whose code wants it. */
MARTLET_RUNTIME void
martlet_enter_functions(void)
{
    PyUnstable_GC_VisitObjects(visit_enter, NULL);
}

/* Takes the entry from every function whose code does not want it. */
MARTLET_RUNTIME void
martlet_leave_functions(void)
{
    PyUnstable_GC_VisitObjects(visit_leave, NULL);
}

/* The same for one function that is at hand. */
void
martlet_enter_function(PyFunctionObject *func)
{
    (void)visit_enter((O)func, NULL);
}

/* Puts an object that was just made, and that no cycle of the program's will lead to, where the collector neither looks nor
 * tells of it: with those that `gc.freeze` has put by. */
MARTLET_RUNTIME void
martlet_put_by(O v)
{
    PyGC_Head *list = &_PyThreadState_GET()->interp->gc.permanent_generation.head;
    if (!_PyObject_GC_IS_TRACKED(v)) {
        return;
    }
    PyGC_Head *head = _Py_AS_GC(v), *last = _PyGCHead_PREV(list);
    _PyGCHead_SET_NEXT(_PyGCHead_PREV(head), _PyGCHead_NEXT(head));
    _PyGCHead_SET_PREV(_PyGCHead_NEXT(head), _PyGCHead_PREV(head));
    _PyGCHead_SET_NEXT(last, head);
    _PyGCHead_SET_PREV(head, last);
    _PyGCHead_SET_NEXT(head, list);
    _PyGCHead_SET_PREV(list, head);
}

/* Learns the interpreter's own vectorcall from a function that was just made. */
MARTLET_RUNTIME void
martlet_learn_vectorcall(PyFunctionObject *fresh)
{
    martlet_plain_vectorcall = fresh->vectorcall;
}

static int
on_audit(const char *event, O Py_UNUSED(args), void *data)
{
    if (event[0] == 's' && event[1] == 'y' && event[2] == 's' && event[3] == '.'
        && (strcmp(event, "sys.settrace") == 0 || strcmp(event, "sys.setprofile") == 0
            || strcmp(event, "sys.monitoring.register_callback") == 0)
        && _PyThreadState_GET()->interp == (PyInterpreterState *)data) {
        martlet_hooks.tools();
    }
    else if (strcmp(event, "sys.addaudithook") == 0) {
        martlet_audits_alone = false;
    }
    return 0;
}

/* The argument of an event, made only if somebody listens: notes that. */
static O
note_listener(void *listens)
{
    *(bool *)listens = true;
    return Py_NewRef(Py_None);
}

/* Hears of tools. The hook cannot be removed, so it is installed late. */
MARTLET_RUNTIME int
martlet_hear_of_tools(void)
{
    bool listens = false;
    if (PySys_Audit("martlet.enable", "(O&)", note_listener, &listens) < 0) {
        return -1;
    }
    martlet_audits_alone = !listens;
    return PySys_AddAuditHook(on_audit, _PyThreadState_GET()->interp);
}
