/* richards.c: the program `richards` of pyperformance: `schedule` and the methods it calls.
 *
 * One Python function is replaced, the module's `schedule`; whatever it calls is folded into it. Nothing that runs
 * below `schedule` can look at a frame: it makes no call that leaves these functions, and the only objects that die are ints.
 *
 * The four classes of tasks come to the same call sites. Their common attributes have the same places, so one check of
 * four versions serves until the class matters, at `self.fn(...)`.
 */
#include "ceiling.h"

/* The order of the classes is that of their names in `setup`. */
enum kind { IDLE, WORK, HANDLER, DEVICE, N_KINDS };

static struct module_fact module_, builtins_;
static struct class_fact tasks[N_KINDS], records[N_KINDS], packet, area;
static struct place task_link, task_ident, task_priority, task_input, task_pending, task_waiting, task_holding,
    task_handle;
static struct place packet_link, packet_ident, packet_kind, packet_datum, packet_data;
static struct place area_list, area_table, area_holds, area_packets;
static struct place device_pending, idle_control, idle_count, handler_work, handler_device, worker_destination,
    worker_count;
static Py_ssize_t g_tracing, g_area, g_buffer_size, g_buffer_range, g_kind_work, g_handler_a, g_handler_b, g_device_a,
    g_device_b, g_letter, g_isinstance;
static struct callee f_holding_or_waiting, f_waiting_with_packet, f_running, f_packet_pending, f_run_task, f_wait_task,
    f_hold, f_release, f_packet, f_find, f_add_packet, f_append, f_work_add, f_device_add, f_fn[N_KINDS];

/* The layout of a range, which no header of the interpreter has. Source: rangeobject.c, rangeobject. */
struct range_object {
    PyObject_HEAD
    O start;
    O stop;
    O step;
    O length;
};

/* Which of the four classes a task has. */
MARTLET_INLINE enum kind kind_of(O task)
{
    uint32_t version = Py_TYPE(task)->tp_version_tag;
    GUARD(values_of(task)->valid);
    if (version == tasks[IDLE].version) {
        return IDLE;
    }
    if (version == tasks[WORK].version) {
        return WORK;
    }
    if (version == tasks[HANDLER].version) {
        return HANDLER;
    }
    GUARD(version == tasks[DEVICE].version);
    return DEVICE;
}

/* That a task has one of them. */
MARTLET_INLINE void check_task(O task)
{
    if (GUARDS) {
        (void)kind_of(task);
    }
}

MARTLET_INLINE O task_get(O task, const struct place *place)
{
    if (GUARDS == 2) {
        __asm__ volatile("" ::: "memory");
        check_task(task);
    }
    return get_place(task, place);
}

MARTLET_INLINE void task_set(O task, const struct place *place, O value)
{
    if (GUARDS == 2) {
        __asm__ volatile("" ::: "memory");
        check_task(task);
    }
    set_place(task, place, value);
}

#define GET(v, fact, place) (again(v, fact), get_place(v, place))
#define SET(v, fact, place, value) (again(v, fact), set_place(v, place, value))

MARTLET_INLINE void again(O v, const struct class_fact *fact)
{
    GUARD_AGAIN(is_instance_of(v, fact));
}

FUNCTION(O, append_to, (TS ts, O self, O list))
{
    ENTER(ts, &f_append, self, list);
    GUARD(is_instance_of(self, &packet));
    SET(self, &packet, &packet_link, Py_None);
    if (list == Py_None) {
        return Py_NewRef(self);
    }
    O p = list;
    GUARD(is_instance_of(p, &packet));
    O next = GET(p, &packet, &packet_link);
    while (next != Py_None) {
        p = next;
        GUARD(is_instance_of(p, &packet));
        next = GET(p, &packet, &packet_link);
        poll(ts);
    }
    SET(p, &packet, &packet_link, Py_NewRef(self));
    return Py_NewRef(list);
}

FUNCTION(O, find_task, (TS ts, O self, O ident))
{
    ENTER(ts, &f_find, self, ident);
    O work_area = get_global(&module_, g_area);
    GUARD(is_instance_of(work_area, &area));
    O t = item_of(GET(work_area, &area, &area_table), int_of(ident));
    MUST(t != Py_None);
    check_task(t);
    return t;
}

/* Of `self` and `old` the one with the higher priority; new. */
FUNCTION(O, add_packet, (TS ts, O self, O p, O old))
{
    ENTER(ts, &f_add_packet, self, p, old);
    if (task_get(self, &task_input) == Py_None) {
        task_set(self, &task_input, Py_NewRef(p));
        task_set(self, &task_pending, Py_True);
        if (COMPARE_INTS(task_get(self, &task_priority), Py_GT, >, task_get(old, &task_priority))) {
            return Py_NewRef(self);
        }
    } else {
        Py_DECREF(append_to(ts, p, task_get(self, &task_input)));
    }
    return Py_NewRef(old);
}

FUNCTION(O, queue_packet, (TS ts, O self, O pkt))
{
    ENTER(ts, &f_packet, self, pkt);
    GUARD(is_instance_of(pkt, &packet));
    O t = find_task(ts, self, GET(pkt, &packet, &packet_ident));
    O work_area = get_global(&module_, g_area);
    GUARD(is_instance_of(work_area, &area));
    UPDATE_PLACE(work_area, &area_packets, PyNumber_Add, +, 1);
    SET(pkt, &packet, &packet_link, Py_None);
    SET(pkt, &packet, &packet_ident, Py_NewRef(task_get(self, &task_ident)));
    return add_packet(ts, t, pkt, self);
}

FUNCTION(O, wait_task, (TS ts, O self))
{
    ENTER(ts, &f_wait_task, self);
    task_set(self, &task_waiting, Py_True);
    return Py_NewRef(self);
}

FUNCTION(O, hold, (TS ts, O self))
{
    ENTER(ts, &f_hold, self);
    O work_area = get_global(&module_, g_area);
    GUARD(is_instance_of(work_area, &area));
    UPDATE_PLACE(work_area, &area_holds, PyNumber_Add, +, 1);
    task_set(self, &task_holding, Py_True);
    return Py_NewRef(task_get(self, &task_link));
}

FUNCTION(O, release, (TS ts, O self, O ident))
{
    ENTER(ts, &f_release, self, ident);
    O t = find_task(ts, self, ident);
    task_set(t, &task_holding, Py_False);
    bool other = COMPARE_INTS(task_get(t, &task_priority), Py_GT, >, task_get(self, &task_priority));
    return Py_NewRef(other ? t : self);
}

FUNCTION(O, device_fn, (TS ts, O self, O pkt, O d))
{
    ENTER(ts, &f_fn[DEVICE], self, pkt, d);
    GUARD(is_instance_of(d, &records[DEVICE]));
    if (pkt == Py_None) {
        O pending = GET(d, &records[DEVICE], &device_pending);
        if (pending == Py_None) {
            return wait_task(ts, self);
        }
        pending = take_place(d, &device_pending);
        fill_place(d, &device_pending, Py_None);
        O next = queue_packet(ts, self, pending);
        Py_DECREF(pending);
        return next;
    }
    SET(d, &records[DEVICE], &device_pending, Py_NewRef(pkt));
    GUARD(get_global(&module_, g_tracing) == Py_False);
    return hold(ts, self);
}

FUNCTION(void, work_in_add, (TS ts, O h, O pkt))
{
    ENTER(ts, &f_work_add, h, pkt);
    SET(h, &records[HANDLER], &handler_work, append_to(ts, pkt, GET(h, &records[HANDLER], &handler_work)));
    (void)GET(h, &records[HANDLER], &handler_work);
}

FUNCTION(void, device_in_add, (TS ts, O h, O pkt))
{
    ENTER(ts, &f_device_add, h, pkt);
    SET(h, &records[HANDLER], &handler_device, append_to(ts, pkt, GET(h, &records[HANDLER], &handler_device)));
    (void)GET(h, &records[HANDLER], &handler_device);
}

FUNCTION(O, handler_fn, (TS ts, O self, O pkt, O h))
{
    ENTER(ts, &f_fn[HANDLER], self, pkt, h);
    GUARD(is_instance_of(h, &records[HANDLER]));
    if (pkt != Py_None) {
        GUARD(is_instance_of(pkt, &packet));
        if (COMPARE_INTS(GET(pkt, &packet, &packet_kind), Py_EQ, ==, get_global(&module_, g_kind_work))) {
            work_in_add(ts, h, pkt);
        } else {
            device_in_add(ts, h, pkt);
        }
    }
    O work = GET(h, &records[HANDLER], &handler_work);
    if (work == Py_None) {
        return wait_task(ts, self);
    }
    GUARD(is_instance_of(work, &packet));
    O count = GET(work, &packet, &packet_datum);
    if (COMPARE_INTS(count, Py_GE, >=, get_global(&module_, g_buffer_size))) {
        work = take_place(h, &handler_work);
        fill_place(h, &handler_work, Py_NewRef(GET(work, &packet, &packet_link)));
        O next = queue_packet(ts, self, work);
        Py_DECREF(work);
        return next;
    }
    O dev = GET(h, &records[HANDLER], &handler_device);
    if (dev == Py_None) {
        return wait_task(ts, self);
    }
    GUARD(is_instance_of(dev, &packet));
    dev = take_place(h, &handler_device);
    fill_place(h, &handler_device, Py_NewRef(GET(dev, &packet, &packet_link)));
    int64_t index = int_of(count);
    SET(dev, &packet, &packet_datum, Py_NewRef(item_of(GET(work, &packet, &packet_data), index)));
    UPDATE_PLACE(work, &packet_datum, PyNumber_Add, +, 1);
    O next = queue_packet(ts, self, dev);
    Py_DECREF(dev);
    return next;
}

FUNCTION(O, idle_fn, (TS ts, O self, O pkt, O i))
{
    ENTER(ts, &f_fn[IDLE], self, pkt, i);
    GUARD(is_instance_of(i, &records[IDLE]));
    UPDATE_PLACE(i, &idle_count, PyNumber_Subtract, -, 1);
    if (int_of(GET(i, &records[IDLE], &idle_count)) == 0) {
        return hold(ts, self);
    }
    O control = GET(i, &records[IDLE], &idle_control);
    if ((int_of(control) & 1) == 0) {
        UPDATE_PLACE(i, &idle_control, PyNumber_Rshift, >>, 1);
        return release(ts, self, get_global(&module_, g_device_a));
    }
    if (NUMBERS == 0) {
        UPDATE_PLACE(i, &idle_control, PyNumber_Rshift, >>, 1);
        UPDATE_PLACE(i, &idle_control, PyNumber_Xor, ^, 0xd008);
    } else {
        set_place_int(i, &idle_control, int_of(control) >> 1 ^ 0xd008);
    }
    return release(ts, self, get_global(&module_, g_device_b));
}

FUNCTION(O, work_fn, (TS ts, O self, O pkt, O w))
{
    ENTER(ts, &f_fn[WORK], self, pkt, w);
    GUARD(is_instance_of(w, &records[WORK]));
    if (pkt == Py_None) {
        return wait_task(ts, self);
    }
    GUARD(is_instance_of(pkt, &packet));
    O handler_a = get_global(&module_, g_handler_a);
    bool was_a = COMPARE_INTS(GET(w, &records[WORK], &worker_destination), Py_EQ, ==, handler_a);
    O dest = was_a ? get_global(&module_, g_handler_b) : handler_a;
    SET(w, &records[WORK], &worker_destination, Py_NewRef(dest));
    SET(pkt, &packet, &packet_ident, Py_NewRef(dest));
    set_place_int(pkt, &packet_datum, 0);
    O range = get_global(&module_, g_buffer_range);
    GUARD(Py_IS_TYPE(range, &PyRange_Type));
    int64_t n = int_of(((struct range_object *)range)->length);
    int64_t letter = int_of(get_global(&module_, g_letter));
    for (int64_t i = 0; i < n; i++) {
        UPDATE_PLACE(w, &worker_count, PyNumber_Add, +, 1);
        if (int_of(GET(w, &records[WORK], &worker_count)) > 26) {
            set_place_int(w, &worker_count, 1);
        }
        int64_t value = letter + int_of(GET(w, &records[WORK], &worker_count)) - 1;
        O data = GET(pkt, &packet, &packet_data);
        O old = item_of(data, i);
        PyList_SET_ITEM(data, i, box_int(value));
        Py_DECREF(old);
        poll(ts);
    }
    return queue_packet(ts, self, pkt);
}

FUNCTION(bool, is_holding_or_waiting, (TS ts, O self))
{
    ENTER(ts, &f_holding_or_waiting, self);
    return is_true(task_get(self, &task_holding)) ||
           (!is_true(task_get(self, &task_pending)) && is_true(task_get(self, &task_waiting)));
}

FUNCTION(bool, is_waiting_with_packet, (TS ts, O self))
{
    ENTER(ts, &f_waiting_with_packet, self);
    return is_true(task_get(self, &task_pending)) && is_true(task_get(self, &task_waiting)) &&
           !is_true(task_get(self, &task_holding));
}

FUNCTION(void, set_state, (TS ts, O self, const struct callee *callee, O pending))
{
    ENTER(ts, callee, self);
    task_set(self, &task_pending, pending);
    task_set(self, &task_waiting, Py_False);
    task_set(self, &task_holding, Py_False);
}

FUNCTION(O, run_task, (TS ts, O self))
{
    ENTER(ts, &f_run_task, self);
    O msg = Py_None;
    if (is_waiting_with_packet(ts, self)) {
        msg = take_place(self, &task_input);
        GUARD(is_instance_of(msg, &packet));
        fill_place(self, &task_input, Py_NewRef(GET(msg, &packet, &packet_link)));
        bool last = task_get(self, &task_input) == Py_None;
        set_state(ts, self, last ? &f_running : &f_packet_pending, last ? Py_False : Py_True);
    }
    O handle = task_get(self, &task_handle);
    enum kind kind = kind_of(self);
    O next = kind == IDLE      ? idle_fn(ts, self, msg, handle)
             : kind == WORK    ? work_fn(ts, self, msg, handle)
             : kind == HANDLER ? handler_fn(ts, self, msg, handle)
                               : device_fn(ts, self, msg, handle);
    Py_DECREF(msg);
    return next;
}

static O schedule(O module, O unused)
{
    (void)module;
    (void)unused;
    TS ts = _PyThreadState_GET();
    GUARD(has_same_names(&module_) && has_same_names(&builtins_));
    GUARD(get_global(&builtins_, g_isinstance) != NULL);
    O work_area = get_global(&module_, g_area);
    GUARD(is_instance_of(work_area, &area));
    O t = Py_NewRef(GET(work_area, &area, &area_list));
    while (t != Py_None) {
        GUARD(has_same_names(&module_) && has_same_names(&builtins_));
        GUARD(get_global(&module_, g_tracing) == Py_False);
        check_task(t);
        O next = is_holding_or_waiting(ts, t) ? Py_NewRef(task_get(t, &task_link)) : run_task(ts, t);
        Py_DECREF(t);
        t = next;
        poll(ts);
    }
    Py_RETURN_NONE;
}

/* setup(module): finds what a compiler would have found in the inline caches. The program has run before. */
static O setup(O self, O program)
{
    (void)self;
    static const char *const task_names[] = {"IdleTask", "WorkTask", "HandlerTask", "DeviceTask"};
    static const char *const record_names[] = {"IdleTaskRec", "WorkerTaskRec", "HandlerTaskRec", "DeviceTaskRec"};
    find_cached_ints();
    for (int i = 0; i < N_KINDS; i++) {
        O type = find(program, task_names[i]);
        tasks[i] = find_class(type);
        records[i] = find_class(find(program, record_names[i]));
        f_fn[i] = find_callee(type, "fn");
        MUST(find_place(tasks[i].type, "handle").index == find_place(tasks[0].type, "handle").index);
    }
    packet = find_class(find(program, "Packet"));
    area = find_class(find(program, "TaskWorkArea"));

    PyTypeObject *t = tasks[0].type;
    task_link = find_place(t, "link");
    task_ident = find_place(t, "ident");
    task_priority = find_place(t, "priority");
    task_input = find_place(t, "input");
    task_pending = find_place(t, "packet_pending");
    task_waiting = find_place(t, "task_waiting");
    task_holding = find_place(t, "task_holding");
    task_handle = find_place(t, "handle");
    packet_link = find_place(packet.type, "link");
    packet_ident = find_place(packet.type, "ident");
    packet_kind = find_place(packet.type, "kind");
    packet_datum = find_place(packet.type, "datum");
    packet_data = find_place(packet.type, "data");
    area_list = find_place(area.type, "taskList");
    area_table = find_place(area.type, "taskTab");
    area_holds = find_place(area.type, "holdCount");
    area_packets = find_place(area.type, "qpktCount");
    device_pending = find_place(records[DEVICE].type, "pending");
    idle_control = find_place(records[IDLE].type, "control");
    idle_count = find_place(records[IDLE].type, "count");
    handler_work = find_place(records[HANDLER].type, "work_in");
    handler_device = find_place(records[HANDLER].type, "device_in");
    worker_destination = find_place(records[WORK].type, "destination");
    worker_count = find_place(records[WORK].type, "count");

    f_holding_or_waiting = find_callee((O)t, "isTaskHoldingOrWaiting");
    f_waiting_with_packet = find_callee((O)t, "isWaitingWithPacket");
    f_running = find_callee((O)t, "running");
    f_packet_pending = find_callee((O)t, "packetPending");
    f_run_task = find_callee((O)t, "runTask");
    f_wait_task = find_callee((O)t, "waitTask");
    f_hold = find_callee((O)t, "hold");
    f_release = find_callee((O)t, "release");
    f_packet = find_callee((O)t, "qpkt");
    f_find = find_callee((O)t, "findtcb");
    f_add_packet = find_callee((O)t, "addPacket");
    f_append = find_callee((O)packet.type, "append_to");
    f_work_add = find_callee((O)records[HANDLER].type, "workInAdd");
    f_device_add = find_callee((O)records[HANDLER].type, "deviceInAdd");

    module_ = find_module(f_fn[0].function->func_globals);
    builtins_ = find_module(f_fn[0].function->func_builtins);
    g_isinstance = find_global(&builtins_, "isinstance");
    g_tracing = find_global(&module_, "tracing");
    g_area = find_global(&module_, "taskWorkArea");
    g_buffer_size = find_global(&module_, "BUFSIZE");
    g_buffer_range = find_global(&module_, "BUFSIZE_RANGE");
    g_kind_work = find_global(&module_, "K_WORK");
    g_handler_a = find_global(&module_, "I_HANDLERA");
    g_handler_b = find_global(&module_, "I_HANDLERB");
    g_device_a = find_global(&module_, "I_DEVA");
    g_device_b = find_global(&module_, "I_DEVB");
    g_letter = find_global(&module_, "A");
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"setup", setup, METH_O, NULL},
    {"schedule", schedule, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PROGRAM(methods)
