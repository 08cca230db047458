/* The C face of what martlet-ir needs from LLVM's C++ interface.
 *
 * Everything here is called from one thread at a time per context. Strings that are handed out
 * as `char *` are freed with LLVMDisposeMessage. Bindings: `src/raw/bindings.rs`.
 */
#ifndef MARTLET_IR_H
#define MARTLET_IR_H

#include <llvm-c/TargetMachine.h>
#include <llvm-c/Types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- context.cpp: errors are collected instead of ending the process ---- */

/* The version of LLVM that the shim's headers are of, as major, minor and patch. */
void martlet_ir_header_version(unsigned *major, unsigned *minor, unsigned *patch);
/* Installs the collector. Must be the first call on a context. */
void martlet_ir_context_watch(LLVMContextRef context);
/* The errors collected since the last call, or NULL. */
char *martlet_ir_context_take_errors(LLVMContextRef context);

/* ---- bitcode.cpp: llvm/Bitcode/BitcodeWriter.h ---- */

typedef void (*martlet_ir_bytes)(void *user, const char *bytes, size_t length);
/* Writes a module and lends the bytes to `visit`. */
void martlet_ir_bitcode(LLVMModuleRef module, martlet_ir_bytes visit, void *user);

/* ---- copy.cpp ---- */

/* Copies a module into another context, or returns NULL if it holds something that only bitcode
 * carries over. `size`: how many types, constants, metadata nodes and values it has met. */
LLVMModuleRef martlet_ir_copy(LLVMModuleRef module, LLVMContextRef context, size_t *size);

/* ---- handles.cpp: llvm/IR/ValueHandle.h, CallbackVH ---- */

typedef struct martlet_ir_node martlet_ir_node;
/* What happened to a watched value. */
enum martlet_ir_what {
  MARTLET_IR_DELETED = 0,       /* `by` is NULL */
  MARTLET_IR_REPLACED = 1,      /* by a value of the same type and kind */
  MARTLET_IR_REPLACED_OTHER = 2 /* by a value of another type or kind */
};
/* `now` is what the handle points to from here on. Runs inside LLVM's destructors and
 * replaceAllUsesWith: it may only mark. */
typedef void (*martlet_ir_event)(void *user, uint32_t kind, LLVMValueRef by, LLVMValueRef now);
/* `follow`: go over to the replacing value where its type and kind are the same; otherwise to none. */
martlet_ir_node *martlet_ir_node_new(LLVMValueRef value, int follow,
                                     martlet_ir_event event, void *user);
void martlet_ir_node_set_follow(martlet_ir_node *node, int follow);
/* Has a node watch another value, or none if NULL. */
void martlet_ir_node_watch(martlet_ir_node *node, LLVMValueRef value, int follow);
void martlet_ir_node_free(martlet_ir_node *node);
/* The module a value lives in, or NULL. */
LLVMModuleRef martlet_ir_module_of(LLVMValueRef value);
/* The function that a value is or lies in, or NULL. */
LLVMValueRef martlet_ir_function_of(LLVMValueRef value);

/* ---- passes.cpp: llvm/Passes/PassBuilder.h ---- */

/* One call site of a tagged function that was inlined. `into` is the caller's tag; `rooted` says
 * that the caller has none. */
typedef struct martlet_ir_inlining {
  uint64_t tag;
  uint64_t into;
  uint32_t rooted;
} martlet_ir_inlining;
typedef void (*martlet_ir_inlined)(void *user, const martlet_ir_inlining *inlining);
enum martlet_ir_touch {
  MARTLET_IR_BEFORE = 0, /* a pass over several functions begins, this one among them */
  MARTLET_IR_CHANGED = 1, /* a pass over this function has ended, and says it changed it */
  MARTLET_IR_SUSPECT = 2  /* a pass over several has ended, and says it changed something */
};
/* `function` is NULL where it is the whole module. It may be gone: the pointer is only to be
 * compared. */
typedef void (*martlet_ir_touched)(void *user, LLVMValueRef function, uint32_t touch);
/* Who hears of what a pipeline does. Either callback may be NULL; both may only look. */
typedef struct martlet_ir_observer {
  martlet_ir_inlined inlined;
  martlet_ir_touched touched;
  void *user;
} martlet_ir_observer;

/* Runs a textual pipeline, parsed for this run. Returns NULL or what is wrong with the text. */
char *martlet_ir_run_passes(LLVMModuleRef module, LLVMTargetMachineRef machine,
                            const char *pipeline, size_t length,
                            const martlet_ir_observer *observer);
/* The pass this thread is in, or NULL; valid until the pass ends. */
const char *martlet_ir_current_pass(size_t *length);

/* ---- hash.cpp ---- */

/* Changes when what a value consists of changes: a function's body, a variable's initializer, an
 * instruction's operands, a block's instructions. Compared only within one context. */
uint64_t martlet_ir_hash_body(LLVMValueRef value);
/* Changes when type, attributes, calling convention or linkage change. */
uint64_t martlet_ir_hash_interface(LLVMValueRef value);

/* Instructions in all functions of a module. */
uint64_t martlet_ir_count_instructions(LLVMModuleRef module);

/* ---- erase.cpp ---- */

enum martlet_ir_user_kind {
  MARTLET_IR_USER_FUNCTION = 0,      /* an instruction in, or an operand of, function `user` */
  MARTLET_IR_USER_VARIABLE = 1,      /* the initializer of variable `user` */
  MARTLET_IR_USER_USED_LIST = 2,     /* llvm.used or llvm.compiler.used */
  MARTLET_IR_USER_ALIAS = 3,         /* alias or ifunc `user` */
  MARTLET_IR_USER_BLOCK_ADDRESS = 4, /* a block's address, held outside by `user` or a constant */
  MARTLET_IR_USER_COMDAT = 5,        /* its comdat group is named after it and holds `user` too */
  MARTLET_IR_USER_OTHER = 6
};
typedef void (*martlet_ir_user)(void *user_data, uint32_t kind, LLVMValueRef user);
/* Who uses a function, after its dead constant users are gone. */
void martlet_ir_users(LLVMValueRef function, martlet_ir_user visit, void *user_data);
/* Held: external. Dropped: internal, where it is defined and no comdat group is named after it, and
 * marked by an attribute, which goes over to the functions that passes make of it. */
void martlet_ir_set_held(LLVMValueRef function, int held);
/* Whether a function carries the mark of a dropped one. */
int martlet_ir_is_dropped(LLVMValueRef function);
/* Takes that mark off all functions of a module, whose droppers are elsewhere. */
void martlet_ir_forget_dropped(LLVMModuleRef module);
/* Erases functions that use each other and that nothing else uses, and with them the statics that only
 * they used, whose number is returned. */
size_t martlet_ir_erase(const LLVMValueRef *functions, size_t count);
/* Lists globals in llvm.compiler.used, so that no pass deletes them although nothing else uses them.
 * `added[i]` says whether `globals[i]` was not on a list before. */
void martlet_ir_guard(LLVMModuleRef module, const LLVMValueRef *globals, unsigned char *added,
                      size_t count);
/* Takes globals off the lists. */
void martlet_ir_unguard(LLVMModuleRef module, const LLVMValueRef *globals, size_t count);

/* ---- extract.cpp ---- */

/* Clones `function` into a new module of the same context. `brought` functions come with their
 * bodies as available_externally, under their tags. NULL and `*error` on refusal. */
LLVMModuleRef martlet_ir_extract(LLVMValueRef function, const LLVMValueRef *brought,
                                 const uint64_t *tags, size_t count, const char *name,
                                 char **error);

/* Deletes a function's body, and with it the static functions and constants that only it used. */
void martlet_ir_take_body(LLVMValueRef function);
/* Gives a declaration the body of a function of another module of the same context, and what only
 * that module can give it: static functions and constants. `theirs[i]` of that module stands for
 * `ours[i]`; the rest goes by name. NULL or an error. */
char *martlet_ir_give_body(LLVMValueRef declaration, LLVMValueRef source,
                           const LLVMValueRef *theirs, const LLVMValueRef *ours, size_t count);

/* The text of one function alone, with everything numbered from that function only. */
char *martlet_ir_canonical_text(LLVMValueRef function);

/* ---- library.cpp ---- */

/* Opens bitcode lazily. The bytes must stay until the module is disposed of. */
LLVMModuleRef martlet_ir_library_open(LLVMContextRef context, const char *bytes, size_t length,
                                      const char *name, char **error);
/* Function `name` of the library, or NULL; its body may not have been read yet. */
LLVMValueRef martlet_ir_library_find(LLVMModuleRef library, const char *name, size_t length);
typedef void (*martlet_ir_named)(void *user, const char *name, size_t length);
/* Visits the functions that the library defines and shows. */
void martlet_ir_library_names(LLVMModuleRef library, martlet_ir_named visit, void *user);
/* Gives bodies to what `into` declares and the library defines, transitively. NULL or an error. */
char *martlet_ir_library_import(LLVMModuleRef into, LLVMModuleRef library, const char *prefix,
                                martlet_ir_named imported, void *user);
/* Puts the library's body back into one function of `into`. NULL or an error. */
char *martlet_ir_library_restore(LLVMModuleRef into, LLVMModuleRef library, const char *prefix,
                                 LLVMValueRef function);
/* The canonical text that an import gives function `name`, a static one if `local`. NULL if imports
 * do not bring its body. */
char *martlet_ir_library_text(LLVMModuleRef library, const char *name, size_t length,
                              const char *prefix, int local);

#ifdef __cplusplus
}
#endif
#endif
