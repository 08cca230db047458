// Value handles. All kinds are one CallbackVH: its bookkeeping is in every build of libLLVM, while
// AssertingVH and PoisoningVH are plain pointers where ABI-breaking checks are off.
#include "martlet_ir.h"
#include "llvm/IR/Argument.h"
#include "llvm/IR/BasicBlock.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Instruction.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/ValueHandle.h"

using namespace llvm;

namespace {

unsigned kindOf(const Value *V) {
  if (isa<Instruction>(V))
    return Value::InstructionVal;
  return V->getValueID();
}

Type *typeOf(const Value *V) {
  if (const auto *Global = dyn_cast<GlobalValue>(V))
    return Global->getValueType();
  return V->getType();
}

} // namespace

struct martlet_ir_node final : CallbackVH {
  martlet_ir_event Event;
  void *User;
  bool Follow;

  martlet_ir_node(Value *V, bool Follow, martlet_ir_event Event, void *User)
      : CallbackVH(V), Event(Event), User(User), Follow(Follow) {}

  void watch(Value *V, bool Follows) {
    setValPtr(V);
    Follow = Follows;
  }

  void deleted() override {
    // Leave the value's handle list first, as the default does.
    setValPtr(nullptr);
    Event(User, MARTLET_IR_DELETED, nullptr, nullptr);
  }

  void allUsesReplacedWith(Value *New) override {
    Value *Old = getValPtr();
    bool Same = typeOf(Old) == typeOf(New) && kindOf(Old) == kindOf(New);
    if (Follow)
      setValPtr(Same ? New : nullptr);
    Event(User, Same ? MARTLET_IR_REPLACED : MARTLET_IR_REPLACED_OTHER, wrap(New),
          wrap(getValPtr()));
  }
};

extern "C" martlet_ir_node *martlet_ir_node_new(LLVMValueRef Value, int Follow,
                                                martlet_ir_event Event, void *User) {
  return new martlet_ir_node(unwrap(Value), Follow != 0, Event, User);
}

extern "C" void martlet_ir_node_set_follow(martlet_ir_node *Node, int Follow) {
  Node->Follow = Follow != 0;
}

extern "C" void martlet_ir_node_watch(martlet_ir_node *Node, LLVMValueRef Value, int Follow) {
  Node->watch(unwrap(Value), Follow != 0);
}

extern "C" void martlet_ir_node_free(martlet_ir_node *Node) { delete Node; }

static Function *functionOf(Value *V) {
  if (auto *F = dyn_cast<Function>(V))
    return F;
  if (auto *I = dyn_cast<Instruction>(V))
    return I->getParent() ? I->getParent()->getParent() : nullptr;
  if (auto *Block = dyn_cast<BasicBlock>(V))
    return Block->getParent();
  if (auto *Arg = dyn_cast<Argument>(V))
    return Arg->getParent();
  return nullptr;
}

extern "C" LLVMValueRef martlet_ir_function_of(LLVMValueRef Ref) {
  return wrap(functionOf(unwrap(Ref)));
}

extern "C" LLVMModuleRef martlet_ir_module_of(LLVMValueRef Ref) {
  if (auto *Global = dyn_cast<GlobalValue>(unwrap(Ref)))
    return wrap(Global->getParent());
  Function *F = functionOf(unwrap(Ref));
  return F ? wrap(F->getParent()) : nullptr;
}
