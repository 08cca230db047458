/* launch.c: running the program as `python` itself would, with no frame of ours below it. */
#include "runtime.h"

#include <internal/pycore_runtime.h>

/* What hides the frames of the launcher while the program runs. */
struct hidden {
    TS ts;
    F frame;
    int depth;
};

/* The stacks of frames that are hidden, for who asks which versions are still inside. Launchers do not nest this deep;
 * one that does hides nothing. */
F martlet_hidden_frames[MARTLET_MAX_HIDDEN];
uint32_t martlet_n_hidden;

/* The program starts on an empty stack of frames, and with the recursion limit that it would have there. */
static struct hidden
hide(void)
{
    struct hidden h = {_PyThreadState_GET(), NULL, -1};
    if (martlet_n_hidden == MARTLET_MAX_HIDDEN) {
        return h;
    }
    h.frame = h.ts->current_frame;
    h.depth = h.ts->py_recursion_limit - h.ts->py_recursion_remaining;
    martlet_hidden_frames[martlet_n_hidden++] = h.frame;
    h.ts->current_frame = NULL;
    h.ts->py_recursion_remaining += h.depth;
    return h;
}

/* From now on nothing is hidden: for interpreters whose structures are not those that this was compiled for. */
MARTLET_RUNTIME void
martlet_hide_nothing(void)
{
    martlet_n_hidden = MARTLET_MAX_HIDDEN;
}

static void
show(struct hidden h)
{
    if (h.depth < 0) {
        return;
    }
    martlet_n_hidden--;
    h.ts->current_frame = h.frame;
    h.ts->py_recursion_remaining -= h.depth;
}

/* How the process is to end: 0, 1, or -1 = killed by SIGINT, which the interpreter sees to after finalisation. */
static int
status(int failed)
{
    if (!failed) {
        return 0;
    }
    return _PyRuntime.signals.unhandled_keyboard_interrupt ? -1 : 1;
}

/* Prints the exception that is set, or ends the process if it is a SystemExit. */
static void
print_exception(void)
{
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        _PyRuntime.signals.unhandled_keyboard_interrupt = 1;
    }
    PyErr_Print();
}

/* Runs a script; closes `file`. An exception has been printed when this returns; SystemExit ends the process. */
MARTLET_RUNTIME int
martlet_run_file(FILE *file, const char *name)
{
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    struct hidden h = hide();
    int failed = PyRun_AnyFileExFlags(file, name, 1, &flags) != 0;
    show(h);
    return status(failed);
}

/* Runs the program that stands on stdin. */
MARTLET_RUNTIME int
martlet_run_stdin(void)
{
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    struct hidden h = hide();
    int failed = PyRun_AnyFileExFlags(stdin, "<stdin>", 0, &flags) != 0;
    show(h);
    return status(failed);
}

/* Runs `callable(*args)` likewise: for modules and for code given on the command line. */
MARTLET_RUNTIME int
martlet_run_call(O callable, O args)
{
    struct hidden h = hide();
    O result = PyObject_Call(callable, args, NULL);
    if (result == NULL) {
        print_exception();
    }
    show(h);
    Py_XDECREF(result);
    return status(result == NULL);
}

/* Lets tracebacks find the lines of a program given on the command line: by its name, or in later builds of 3.13 by its
 * code object. -1 with an exception set. */
static int
remember_lines(O code, const char *source)
{
    int status = -1;
    O linecache = PyImport_ImportModule("linecache");
    if (linecache != NULL) {
        O text = PyUnicode_FromString(source), name = PyUnicode_FromString("<string>");
        O key = PyObject_HasAttrString(linecache, "_interactive_cache") ? code : name;
        O done = text == NULL || name == NULL
                     ? NULL
                     : PyObject_CallMethod(linecache, "_register_code", "OOO", key, text, name);
        status = done != NULL ? 0 : -1;
        Py_XDECREF(done);
        Py_XDECREF(name);
        Py_XDECREF(text);
        Py_DECREF(linecache);
    }
    return status;
}

/* Runs a program given on the command line, in the namespace of `__main__`. */
MARTLET_RUNTIME int
martlet_run_command(const char *source)
{
    PyCompilerFlags flags = _PyCompilerFlags_INIT;
    flags.cf_flags |= PyCF_IGNORE_COOKIE;
    struct hidden h = hide();
    O result = NULL;
    O module = PyImport_AddModuleRef("__main__");
    O code = module == NULL ? NULL : Py_CompileStringExFlags(source, "<string>", Py_file_input, &flags, -1);
    if (code != NULL && remember_lines(code, source) == 0) {
        O globals = PyModule_GetDict(module);
        result = PyEval_EvalCode(code, globals, globals);
    }
    Py_XDECREF(code);
    Py_XDECREF(module);
    if (result == NULL) {
        print_exception();
    }
    show(h);
    Py_XDECREF(result);
    return status(result == NULL);
}
