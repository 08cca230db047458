//! The helpers that HIR calls: name, arguments, result, effects. One row a helper.
//!
//! A row is the frontend's half of the contract with `clang-helpers/`; the lowering declares the C function from it.
//! The order of C parameters is: thread state (if `ts`), frame (if `frame`), then the arguments in order.

use super::types::{Kind, Rep, Type};

/// An argument of a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// `PyObject *`, borrowed. NULL is allowed where the helper says so.
    Obj,
    /// `PyObject *`, handed over.
    Steal,
    /// `int64_t`.
    I64,
    /// `double`.
    F64,
    /// `int32_t` or `uint32_t`, always a constant (`Op::Int`).
    Const32,
    /// All remaining arguments as `PyObject **, int64_t`, each handed over; one scratch word stands before the array.
    ArraySteal,
}

/// What a helper returns, and how failure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    /// A new reference; NULL: an exception is set.
    New,
    /// A new reference; never fails.
    Owned,
    /// A borrowed reference that lives as long as the interpreter; never fails.
    Immortal,
    /// A new reference, or NULL without saying which of exhaustion and exception it is (`martlet_iter_next`).
    NewOrNull,
    /// A borrowed reference or NULL, no exception (probes). Lent by a dictionary or by the attributes of an object or
    /// class, until Python code may run.
    BorrowedOrNull,
    /// `int`: 0, or -1 with an exception set.
    Status,
    /// `int`: 0 or 1, or -1 with an exception set. The HIR value is the bit.
    BoolOrError,
    /// `bool`, never fails.
    Bool,
    /// `int64_t`, never fails.
    I64,
    /// `double`, never fails.
    F64,
    /// `struct martlet_int_ok`: `Op::First` is the integer, `Op::Second` the bit that it is right.
    IntOk,
    /// `struct martlet_float_ok`: `Op::First` is the double, `Op::Second` the bit that it is right.
    FloatOk,
    /// `struct martlet_pair`: `Op::First` a new reference (NULL: an exception is set), `Op::Second` a new reference or NULL.
    Pair,
    /// `int` status as [`Ret::Status`], and n new references through a last parameter `PyObject **`: `Op::Extract(k)`.
    /// n is the instruction's `outputs`.
    Array,
    /// Nothing; never fails.
    Void,
    /// Nothing, and an exception is always set (`martlet_raise`).
    Raises,
}

/// One helper.
#[derive(Debug)]
pub struct Helper {
    /// C name.
    pub name: &'static str,
    /// First parameter is the thread state.
    pub ts: bool,
    /// Next parameter is the frame.
    pub frame: bool,
    /// Arguments.
    pub args: &'static [Arg],
    /// Result.
    pub ret: Ret,
    /// Whether it may run Python code (then it may do anything).
    pub may_run: bool,
    /// Type of the result, if it is an object.
    pub ty: Type,
}

impl Helper {
    /// Representation of the HIR value.
    pub fn rep(&self) -> Rep {
        match self.ret {
            Ret::New | Ret::Owned | Ret::NewOrNull | Ret::BorrowedOrNull | Ret::Immortal => {
                Rep::Obj
            }
            Ret::BoolOrError | Ret::Bool => Rep::I1,
            Ret::I64 => Rep::I64,
            Ret::F64 => Rep::F64,
            Ret::IntOk | Ret::FloatOk | Ret::Pair | Ret::Array => Rep::Multi,
            Ret::Status | Ret::Void | Ret::Raises => Rep::Unit,
        }
    }

    /// Whether it makes an object where no Python code can run: whoever follows allocations charges it to where the frame
    /// stands.
    pub fn allocates(&self) -> bool {
        self.ret == Ret::New && !self.may_run
    }

    /// Whether it may set an exception that [`Term::Checked`](super::Term::Checked) finds. Not so for
    /// [`Ret::NewOrNull`], whose NULL must be asked about, and [`Ret::Raises`], behind which the block ends with
    /// [`Term::Raise`](super::Term::Raise).
    pub fn may_raise(&self) -> bool {
        matches!(
            self.ret,
            Ret::New | Ret::Status | Ret::BoolOrError | Ret::Pair | Ret::Array
        )
    }
}

macro_rules! helpers {
    ($($id:ident = $name:literal ($($flag:ident)*) [$($arg:ident),*] -> $ret:ident $kind:ident $run:literal;)*) => {
        /// Names a helper; its row is [`HelperId::row`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is documented where it is defined, in clang-helpers")]
        pub enum HelperId { $($id),* }

        /// All rows, in the order of [`HelperId`].
        static ROWS: &[Helper] = &[$(Helper {
            name: $name,
            ts: helpers!(@has ts $($flag)*),
            frame: helpers!(@has frame $($flag)*),
            args: &[$(Arg::$arg),*],
            ret: Ret::$ret,
            may_run: !$run.is_empty(),
            ty: Type::of(Kind::$kind),
        }),*];

        impl HelperId {
            /// All helpers.
            pub const ALL: &'static [Self] = &[$(Self::$id),*];
        }
    };
    (@has ts ts $($rest:ident)*) => { true };
    (@has ts $($rest:ident)*) => { false };
    (@has frame frame $($rest:ident)*) => { true };
    (@has frame ts frame $($rest:ident)*) => { true };
    (@has frame $($rest:ident)*) => { false };
}

impl HelperId {
    /// The helper's row.
    pub fn row(self) -> &'static Helper {
        &ROWS[self as usize]
    }

    /// The helper with this C name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.row().name == name)
    }
}

helpers! {
    // Numbers.
    IntFloorDiv = "martlet_int_floordiv" () [I64, I64] -> I64 INT "";
    IntMod = "martlet_int_mod" () [I64, I64] -> I64 INT "";
    IntLShift = "martlet_int_lshift" () [I64, I64] -> IntOk INT "";
    IntRShift = "martlet_int_rshift" () [I64, I64] -> I64 INT "";
    IntPow = "martlet_int_pow" () [I64, I64] -> IntOk INT "";
    IntTrueDiv = "martlet_int_truediv" () [I64, I64] -> FloatOk FLOAT "";
    IntToFloatExact = "martlet_int_to_float_exact" () [I64] -> FloatOk FLOAT "";
    IntMin = "martlet_int_min" () [I64, I64] -> I64 INT "";
    IntMax = "martlet_int_max" () [I64, I64] -> I64 INT "";
    FloatSqrt = "martlet_float_sqrt" () [F64] -> FloatOk FLOAT "";
    FloatFloorDiv = "martlet_float_floordiv" () [F64, F64] -> F64 FLOAT "";
    FloatMod = "martlet_float_mod" () [F64, F64] -> F64 FLOAT "";
    FloatAbs = "martlet_float_abs" () [F64] -> F64 FLOAT "";
    FloatPow = "martlet_float_pow" () [F64, F64] -> FloatOk FLOAT "";
    // Generic operators.
    BinaryOp = "martlet_binary_op" () [Obj, Obj, Const32] -> New ANY "run";
    MixedOp = "martlet_mixed_op" () [Obj, Obj, Const32] -> NewOrNull ANY "";
    MixedCompare = "martlet_mixed_compare" () [Obj, Obj, Const32] -> IntOk INT "";
    OperatorRest = "martlet_operator_rest" () [Obj, Obj, Const32] -> New ANY "run";
    IsNotImplemented = "martlet_is_not_implemented" () [Obj] -> Bool BOOL "";
    Compare = "martlet_compare" () [Obj, Obj, Const32] -> New ANY "run";
    CompareBool = "martlet_compare_bool" () [Obj, Obj, Const32] -> BoolOrError BOOL "run";
    Negative = "martlet_negative" () [Obj] -> New ANY "run";
    Invert = "martlet_invert" () [Obj] -> New ANY "run";
    Contains = "martlet_contains" () [Obj, Obj] -> BoolOrError BOOL "run";
    // Iteration.
    GetIter = "martlet_get_iter" () [Obj] -> New ANY "run";
    QuickNext = "martlet_quick_next" () [Obj] -> NewOrNull ANY "";
    IterNext = "martlet_iter_next" (ts) [Obj] -> NewOrNull ANY "run";
    MakeRangeIter = "martlet_make_range_iter" () [I64, I64, I64] -> New RANGE_ITER "";
    MakeListIter = "martlet_make_list_iter" () [Obj, I64] -> New LIST_ITER "";
    MakeTupleIter = "martlet_make_tuple_iter" () [Obj, I64] -> New TUPLE_ITER "";
    MakeEnumerate = "martlet_make_enumerate" () [I64, Obj] -> New ENUMERATE "";
    MakeMethod = "martlet_make_method" () [Obj, Obj] -> New OBJECT "";
    IterStopped = "martlet_iter_stopped" (ts) [] -> Bool BOOL "";
    // Generators and coroutines. `Send` gives what was yielded, or NULL, and what was returned, or NULL.
    GeneratorNext = "martlet_generator_next" (ts) [Obj] -> NewOrNull ANY "run";
    ResumeOffset = "martlet_resume_offset" (frame) [] -> I64 INT "";
    Suspend = "martlet_suspend" (frame) [Const32, Const32, Const32] -> Void ANY "";
    Send = "martlet_send" (ts) [Obj, Obj] -> Array ANY "run";
    CanAwaitCall = "martlet_can_await_call" (ts) [Obj, Obj, I64] -> Bool BOOL "";
    // As `Send`, and the coroutine, where something was yielded.
    CallAwaited = "martlet_call_awaited" (ts) [Steal, Steal, ArraySteal] -> Array ANY "run";
    CanAwaitNext = "martlet_can_await_next" (ts) [Obj] -> Bool BOOL "";
    NextAwaited = "martlet_next_awaited" (ts) [Obj] -> Array ANY "run";
    AsyncItem = "martlet_async_item" (ts) [Obj] -> New ANY "";
    GetYieldFromIter = "martlet_get_yield_from_iter" (frame) [Obj] -> New ANY "run";
    GetAiter = "martlet_get_aiter" () [Steal] -> New ANY "run";
    GetAnext = "martlet_get_anext" () [Obj] -> New ANY "run";
    IsAsyncStop = "martlet_is_async_stop" () [Obj] -> Bool BOOL "";
    BeforeAsyncWith = "martlet_before_async_with" (ts) [Steal] -> Array ANY "run";
    GetAwaitable = "martlet_get_awaitable" (ts) [Steal, Const32] -> New ANY "run";
    // Items and slices.
    GetItem = "martlet_get_item" () [Obj, Obj] -> New ANY "run";
    SetItem = "martlet_set_item" () [Obj, Obj, Obj] -> Status ANY "run";
    GetItemByMethod = "martlet_get_item_by_method" (ts) [Obj, Obj] -> New ANY "run";
    BufferLen = "martlet_buffer_len" () [Obj] -> I64 INT "";
    BufferFloat = "martlet_buffer_float" () [Obj, Const32, I64] -> F64 FLOAT "";
    BufferInt = "martlet_buffer_int" () [Obj, Const32, I64] -> I64 INT "";
    BufferStoreFloat = "martlet_buffer_store_float" () [Obj, Const32, I64, F64] -> Void ANY "";
    BufferStoreInt = "martlet_buffer_store_int" () [Obj, Const32, I64, I64] -> Void ANY "";
    StrEqual = "martlet_str_equal" () [Obj, Obj] -> Bool BOOL "";
    StrOrder = "martlet_str_order" () [Obj, Obj] -> I64 INT "";
    StrContains = "martlet_str_contains" () [Obj, Obj] -> BoolOrError BOOL "";
    ListSlice = "martlet_list_slice" () [Obj, I64, I64] -> New LIST "";
    ListSliceBy = "martlet_list_slice_by" () [Obj, I64, I64, I64, Const32] -> New LIST "";
    ListStoreSlice = "martlet_list_store_slice" () [Obj, I64, I64, Steal] -> Status ANY "run";
    TupleSlice = "martlet_tuple_slice" () [Obj, I64, I64] -> New TUPLE "";
    StrSlice = "martlet_str_slice" () [Obj, I64, I64] -> New STR "";
    DelItem = "martlet_del_item" () [Obj, Obj] -> Status ANY "run";
    BinarySlice = "martlet_binary_slice" () [Obj, Obj, Obj] -> New ANY "run";
    StoreSlice = "martlet_store_slice" () [Obj, Obj, Obj, Obj] -> Status ANY "run";
    StrAppendLocal = "martlet_str_append_local" (frame) [Const32, Obj] -> Status ANY "";
    StrItem = "martlet_str_item" () [Obj, I64] -> New STR "";
    DictLen = "martlet_dict_len" () [Obj] -> I64 INT "";
    StrLen = "martlet_str_len" () [Obj] -> I64 INT "";
    // Names.
    LoadGlobal = "martlet_load_global" (ts frame) [Obj] -> New ANY "run";
    LoadGlobalModule = "martlet_load_global_module" (ts frame) [Obj, Const32, Const32] -> New ANY "run";
    LoadGlobalBuiltin = "martlet_load_global_builtin" (ts frame) [Obj, Const32, Const32, Const32] -> New ANY "run";
    ProbeGlobalModule = "martlet_probe_global_module" (frame) [Obj, Const32, Const32] -> BorrowedOrNull ANY "";
    ProbeGlobalBuiltin = "martlet_probe_global_builtin" (frame) [Obj, Const32, Const32, Const32] -> BorrowedOrNull ANY "";
    StoreGlobal = "martlet_store_global" (frame) [Obj, Obj] -> Status ANY "run";
    DeleteGlobal = "martlet_delete_global" (ts frame) [Obj] -> Status ANY "run";
    LoadName = "martlet_load_name" (ts frame) [Obj] -> New ANY "run";
    LoadOfMapping = "martlet_load_of_mapping" (ts frame) [Obj, Obj] -> New ANY "run";
    LoadOfMappingOrDeref = "martlet_load_of_mapping_or_deref" (ts frame) [Obj, Obj, Const32] -> New ANY "run";
    StoreName = "martlet_store_name" (ts frame) [Obj, Obj] -> Status ANY "run";
    DeleteName = "martlet_delete_name" (ts frame) [Obj] -> Status ANY "run";
    LoadLocals = "martlet_load_locals" (ts frame) [] -> New ANY "";
    LoadBuildClass = "martlet_load_build_class" (ts frame) [] -> New ANY "run";
    LoadAssertionError = "martlet_load_assertion_error" () [] -> Immortal TYPE "";
    // Attributes.
    GetAttr = "martlet_get_attr" () [Obj, Obj] -> New ANY "run";
    GetAttrOwned = "martlet_get_attr_owned" () [Steal, Obj] -> New ANY "run";
    ProbeInstanceValue = "martlet_probe_instance_value" () [Obj, Const32, Const32] -> BorrowedOrNull ANY "";
    ProbeSlot = "martlet_probe_slot" () [Obj, Const32, Const32] -> BorrowedOrNull ANY "";
    ProbeOwn = "martlet_probe_own" () [Obj, Obj, Const32, Const32, Const32] -> BorrowedOrNull ANY "";
    ProbeNotOwn = "martlet_probe_not_own" () [Obj, Obj, Const32, Obj] -> BorrowedOrNull ANY "";
    ClassAttr = "martlet_class_attr" (ts) [Obj, Obj, Const32] -> BorrowedOrNull ANY "";
    ProbeClassValue = "martlet_probe_class_value" (ts) [Obj, Obj] -> BorrowedOrNull ANY "";
    ProbeWrapped = "martlet_probe_wrapped" (ts) [Obj, Obj, Obj, Const32] -> BorrowedOrNull ANY "";
    ProbeModuleValue = "martlet_probe_module_value" () [Obj, Const32, Const32] -> BorrowedOrNull ANY "";
    ProbeMethodWithValues = "martlet_probe_method_with_values" () [Obj, Const32, Const32, Obj] -> BorrowedOrNull ANY "";
    ProbeMethodNoDict = "martlet_probe_method_no_dict" () [Obj, Const32, Obj] -> BorrowedOrNull ANY "";
    ProbeMethodLazyDict = "martlet_probe_method_lazy_dict" () [Obj, Const32, Obj] -> BorrowedOrNull ANY "";
    GetAttrInstanceValue = "martlet_get_attr_instance_value" (ts) [Obj, Obj, Const32, Const32] -> New ANY "run";
    GetAttrWithHint = "martlet_get_attr_with_hint" (ts) [Obj, Obj, Const32, Const32] -> New ANY "run";
    GetAttrSlot = "martlet_get_attr_slot" (ts) [Obj, Obj, Const32, Const32] -> New ANY "run";
    GetAttrModule = "martlet_get_attr_module" (ts) [Obj, Obj, Const32, Const32] -> New ANY "run";
    GetAttrClass = "martlet_get_attr_class" (ts) [Obj, Obj, Const32, Obj] -> New ANY "run";
    LoadMethod = "martlet_load_method" (ts) [Obj, Obj] -> Pair ANY "run";
    LoadMethodWithValues = "martlet_load_method_with_values" (ts) [Obj, Obj, Const32, Const32, Obj] -> Pair ANY "run";
    LoadMethodNoDict = "martlet_load_method_no_dict" (ts) [Obj, Obj, Const32, Obj] -> Pair ANY "run";
    LoadMethodLazyDict = "martlet_load_method_lazy_dict" (ts) [Obj, Obj, Const32, Obj] -> Pair ANY "run";
    SetAttr = "martlet_set_attr" () [Obj, Obj, Obj] -> Status ANY "run";
    SetAttrInstanceValue = "martlet_set_attr_instance_value" (ts) [Obj, Obj, Obj, Const32, Const32] -> Status ANY "run";
    SetAttrSlot = "martlet_set_attr_slot" (ts) [Obj, Obj, Obj, Const32, Const32] -> Status ANY "run";
    SetAttrWithHint = "martlet_set_attr_with_hint" (ts) [Obj, Obj, Obj, Const32, Const32] -> Status ANY "run";
    HasPlace = "martlet_has_place" () [Obj, Const32, Const32, Const32] -> Bool BOOL "";
    HasEntry = "martlet_has_entry" () [Obj, Const32, Const32, Const32, Obj] -> Bool BOOL "";
    PlaceQuiet = "martlet_place_quiet" () [Obj, Const32, Const32] -> Bool BOOL "";
    PlaceValue = "martlet_place_value" () [Obj, Const32, Const32] -> BorrowedOrNull ANY "";
    PlaceStore = "martlet_place_store" () [Obj, Const32, Const32, Steal] -> Void ANY "";
    PlaceStoreFloat = "martlet_place_store_float" (ts) [Obj, Const32, Const32, F64] -> Status ANY "";
    PlaceStoreInt = "martlet_place_store_int" () [Obj, Const32, Const32, I64] -> Status ANY "";
    EntryStore = "martlet_entry_store" (ts) [Obj, Const32, Const32, Steal] -> Void ANY "";
    DelAttr = "martlet_del_attr" () [Obj, Obj] -> Status ANY "run";
    LoadSuperAttr = "martlet_load_super_attr" (ts) [Obj, Obj, Obj, Obj] -> New ANY "run";
    LoadSuperMethod = "martlet_load_super_method" (ts) [Obj, Obj, Obj, Obj] -> Pair ANY "run";
    ImportName = "martlet_import_name" (ts frame) [Obj, Obj, Obj] -> New ANY "run";
    ImportFrom = "martlet_import_from" (ts) [Obj, Obj] -> New ANY "run";
    // Calls. `Call`: callable, self or NULL, arguments.
    Call = "martlet_call" (ts) [Steal, Steal, ArraySteal] -> New ANY "run";
    // `CallKw`: callable, self or NULL, names, arguments (C order: callable, self, args, n, names is made by the lowering).
    ProbeDefault = "martlet_probe_default" () [Obj, Const32, Const32] -> BorrowedOrNull ANY "";
    SameGlobals = "martlet_same_globals" (frame) [Obj] -> Bool BOOL "";
    HasClass = "martlet_has_class" () [Obj, Const32] -> Bool BOOL "";
    IsClass = "martlet_is_class" () [Obj, Const32] -> Bool BOOL "";
    NewInstance = "martlet_new_instance" () [Obj] -> New OBJECT "";
    InitResult = "martlet_init_result" () [Obj] -> Status ANY "";
    CallKw = "martlet_call_kw" (ts) [Steal, Steal, Obj, ArraySteal] -> New ANY "run";
    CallEx = "martlet_call_ex" (ts) [Steal, Steal, Steal] -> New ANY "run";
    MakeFunction = "martlet_make_function" (frame) [Obj] -> New FUNCTION "";
    SetFunctionAttribute = "martlet_set_function_attribute" () [Obj, Steal, Const32] -> Void ANY "";
    MakeCell = "martlet_make_cell" () [Obj] -> New CELL "";
    ProbeCell = "martlet_probe_cell" () [Obj] -> BorrowedOrNull ANY "";
    LoadDeref = "martlet_load_deref" (ts frame) [Obj, Const32] -> New ANY "";
    StoreDeref = "martlet_store_deref" () [Obj, Steal] -> Void ANY "run";
    DeleteDeref = "martlet_delete_deref" (ts frame) [Obj, Const32] -> Status ANY "run";
    CopyFreeVars = "martlet_copy_free_vars" (frame) [Const32] -> Void ANY "";
    // Displays.
    BuildList = "martlet_build_list" () [ArraySteal] -> New LIST "";
    BuildTuple = "martlet_build_tuple" () [ArraySteal] -> New TUPLE "";
    TupleOfList = "martlet_tuple_of_list" () [Obj] -> New TUPLE "";
    NewSet = "martlet_new_set" () [] -> New SET "";
    BuildSet = "martlet_build_set" () [ArraySteal] -> New SET "run";
    BuildMap = "martlet_build_map" () [ArraySteal] -> New DICT "run";
    BuildConstKeyMap = "martlet_build_const_key_map" () [Obj, ArraySteal] -> New DICT "run";
    BuildString = "martlet_build_string" () [ArraySteal] -> New STR "";
    BuildSlice = "martlet_build_slice" () [Obj, Obj, Obj] -> New SLICE "";
    ListAppend = "martlet_list_append" () [Obj, Obj] -> Status ANY "";
    ListExtend = "martlet_list_extend" () [Obj, Obj] -> Status ANY "run";
    SetAdd = "martlet_set_add" () [Obj, Obj] -> Status ANY "run";
    SetUpdate = "martlet_set_update" () [Obj, Obj] -> Status ANY "run";
    MapAdd = "martlet_map_add" () [Obj, Obj, Obj] -> Status ANY "run";
    DictUpdate = "martlet_dict_update" () [Obj, Obj] -> Status ANY "run";
    DictMerge = "martlet_dict_merge" (ts) [Obj, Obj, Obj] -> Status ANY "run";
    UnpackSequence = "martlet_unpack_sequence" (ts) [Obj, I64] -> Array ANY "run";
    BeforeWith = "martlet_before_with" (ts) [Steal] -> Array ANY "run";
    UnpackEx = "martlet_unpack_ex" (ts) [Obj, I64, I64] -> Array ANY "run";
    // Lookups that run nothing, and what else is found out that way; NULL or not ok: the general way is needed.
    QuickDictGet = "martlet_quick_dict_get" () [Obj, Obj, Obj] -> NewOrNull ANY "";
    QuickDictItem = "martlet_quick_dict_item" () [Obj, Obj] -> NewOrNull ANY "";
    QuickEqual = "martlet_quick_equal" () [Obj, Obj] -> IntOk INT "";
    QuickContains = "martlet_quick_contains" () [Obj, Obj] -> IntOk INT "";
    // Releases what was there: nothing that a dictionary lent outlives it.
    QuickDictStore = "martlet_quick_dict_store" (ts) [Obj, Obj, Obj] -> BoolOrError BOOL "run";
    QuickSetAdd = "martlet_quick_set_add" () [Obj, Obj] -> BoolOrError BOOL "";
    QuickIsInstance = "martlet_quick_isinstance" () [Obj, Obj] -> IntOk INT "";
    QuickLen = "martlet_quick_len" () [Obj] -> IntOk INT "";
    QuickTruth = "martlet_quick_truth" () [Obj] -> IntOk INT "";
    QuickOrd = "martlet_quick_ord" () [Obj] -> IntOk INT "";
    QuickChr = "martlet_quick_chr" () [I64] -> NewOrNull STR "";
    QuickId = "martlet_quick_id" (ts) [Obj] -> NewOrNull INT "";
    FunctionHasCode = "martlet_function_has_code" () [Obj, Obj] -> Bool BOOL "";
    MethodHasCode = "martlet_method_has_code" () [Obj, Obj] -> Bool BOOL "";
    MethodFunction = "martlet_method_function" () [Obj] -> BorrowedOrNull ANY "";
    MethodSelf = "martlet_method_self" () [Obj] -> BorrowedOrNull ANY "";
    TypeOf = "martlet_type_of" () [Obj] -> NewOrNull ANY "";
    LoadNone = "martlet_none" () [] -> Immortal NONE "";
    ListCanPop = "martlet_list_can_pop" () [Obj] -> Bool BOOL "";
    ListPop = "martlet_list_pop" () [Obj] -> New ANY "";
    GetItemOwned = "martlet_get_item_owned" () [Steal, Steal] -> New ANY "run";
    SetItemOwned = "martlet_set_item_owned" () [Steal, Steal, Steal] -> Status ANY "run";
    CompareOwned = "martlet_compare_owned" () [Steal, Steal, Const32] -> New ANY "run";
    CompareBoolOwned = "martlet_compare_bool_owned" () [Steal, Steal, Const32] -> BoolOrError BOOL "run";
    ContainsOwned = "martlet_contains_owned" () [Steal, Steal] -> BoolOrError BOOL "run";
    IsTrueOwned = "martlet_is_true_owned" () [Steal] -> BoolOrError BOOL "run";
    // Strings and the rest.
    FormatSimple = "martlet_format_simple" () [Obj] -> New ANY "run";
    FormatWithSpec = "martlet_format_with_spec" () [Obj, Obj] -> New ANY "run";
    ConvertValue = "martlet_convert_value" () [Obj, Const32] -> New ANY "run";
    Intrinsic1 = "martlet_intrinsic_1" (ts) [Const32, Obj] -> New ANY "run";
    Intrinsic2 = "martlet_intrinsic_2" (ts) [Const32, Obj, Obj] -> New ANY "run";
    GetLen = "martlet_get_len" () [Obj] -> New INT "run";
    MatchSequence = "martlet_match_sequence" () [Obj] -> Bool BOOL "";
    MatchMapping = "martlet_match_mapping" () [Obj] -> Bool BOOL "";
    MatchKeys = "martlet_match_keys" (ts) [Obj, Obj] -> New ANY "run";
    MatchClass = "martlet_match_class" (ts) [Obj, Obj, Obj, Const32] -> New ANY "run";
    // Exceptions.
    Raise = "martlet_raise" (ts) [Obj, Obj] -> Raises ANY "run";
    Reraise = "martlet_reraise" (ts) [] -> Bool BOOL "";
    RaiseAgain = "martlet_raise_again" () [Obj] -> Raises ANY "";
    SetLasti = "martlet_set_lasti" (frame) [I64] -> Void ANY "";
    Traceback = "martlet_traceback" (ts frame) [] -> Void ANY "run";
    ExceptionsWatched = "martlet_exceptions_watched" (ts) [] -> Bool BOOL "";
    Catch = "martlet_catch" (ts frame) [] -> Owned ANY "run";
    TakeRaised = "martlet_take_raised" () [] -> Owned ANY "";
    PushExcInfo = "martlet_push_exc_info" (ts) [Obj] -> Owned ANY "";
    PopExcept = "martlet_pop_except" (ts) [Steal] -> Void ANY "run";
    ExcMatch = "martlet_exc_match" (ts) [Obj, Obj] -> BoolOrError BOOL "";
    EgMatch = "martlet_eg_match" (ts) [Steal, Steal] -> Array ANY "run";
    WithExceptStart = "martlet_with_except_start" () [Obj, Obj] -> New ANY "run";
    FrameForget = "martlet_frame_forget" (frame) [] -> Void ANY "";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_findable() {
        for id in HelperId::ALL {
            assert_eq!(HelperId::from_name(id.row().name), Some(*id));
        }
    }

    #[test]
    fn flags_are_read() {
        assert!(HelperId::LoadGlobal.row().ts && HelperId::LoadGlobal.row().frame);
        assert!(!HelperId::StoreGlobal.row().ts && HelperId::StoreGlobal.row().frame);
        assert!(HelperId::IterNext.row().ts && !HelperId::IterNext.row().frame);
    }
}
