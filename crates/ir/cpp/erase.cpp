// Who uses a function, and the erasing of functions that only use each other.
#include "statics.h"
#include "watcher.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/GlobalAlias.h"
#include "llvm/IR/GlobalIFunc.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Instruction.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;
using namespace martlet;

namespace {

struct Visitor {
  martlet_ir_user Visit;
  void *Data;
  SmallPtrSet<const Value *, 16> Seen;

  void operator()(uint32_t Kind, Value *By) { Visit(Data, Kind, wrap(By)); }

  // Constants are looked through: what counts is the function or global that holds them.
  void users(Value *Of, uint32_t FunctionKind) {
    SmallVector<Value *, 16> Work{Of};
    while (!Work.empty()) {
      for (User *By : Work.pop_back_val()->users()) {
        if (auto *I = dyn_cast<Instruction>(By)) {
          Function *F = I->getFunction();
          if (Seen.insert(F).second || FunctionKind != MARTLET_IR_USER_FUNCTION)
            (*this)(FunctionKind, F);
        } else if (isa<GlobalAlias>(By) || isa<GlobalIFunc>(By)) {
          (*this)(MARTLET_IR_USER_ALIAS, By);
        } else if (auto *F = dyn_cast<Function>(By)) {
          (*this)(FunctionKind, F);
        } else if (auto *Variable = dyn_cast<GlobalVariable>(By)) {
          StringRef Name = Variable->getName();
          bool Used = Name == "llvm.used" || Name == "llvm.compiler.used";
          (*this)(Used ? MARTLET_IR_USER_USED_LIST : MARTLET_IR_USER_VARIABLE, Variable);
        } else if (isa<Constant>(By)) {
          if (Seen.insert(By).second)
            Work.push_back(By);
        } else {
          (*this)(MARTLET_IR_USER_OTHER, By);
        }
      }
    }
  }
};

// A block address used only inside its own function dies with it.
bool escapes(BlockAddress *Address) {
  SmallVector<Value *, 8> Work{Address};
  while (!Work.empty())
    for (User *By : Work.pop_back_val()->users()) {
      auto *I = dyn_cast<Instruction>(By);
      if (I && I->getFunction() == Address->getFunction())
        continue;
      if (I || isa<GlobalValue>(By))
        return true;
      Work.push_back(By);
    }
  return false;
}

// Another member of the comdat group that is named after a function; the group goes with its leader.
GlobalObject *follower(const Function *F) {
  const Comdat *Group = F->getComdat();
  if (Group && Group->getName() == F->getName())
    for (GlobalObject *Member : Group->getUsers())
      if (Member != F)
        return Member;
  return nullptr;
}

} // namespace

extern "C" void martlet_ir_users(LLVMValueRef Ref, martlet_ir_user Visit, void *Data) {
  Function *F = unwrap<Function>(Ref);
  F->removeDeadConstantUsers();
  Visitor V{Visit, Data, {}};
  if (GlobalObject *Member = follower(F))
    V(MARTLET_IR_USER_COMDAT, Member);
  V.users(F, MARTLET_IR_USER_FUNCTION);
  for (BasicBlock &Block : *F) {
    if (!Block.hasAddressTaken())
      continue;
    BlockAddress *Address = BlockAddress::lookup(&Block);
    if (Address)
      Address->removeDeadConstantUsers();
    if (Address && escapes(Address)) {
      V(MARTLET_IR_USER_BLOCK_ADDRESS, F);
      break;
    }
  }
}

extern "C" size_t martlet_ir_erase(const LLVMValueRef *Functions, size_t Count) {
  Statics Left;
  for (size_t I = 0; I != Count; ++I) {
    Left.add(*unwrap<Function>(Functions[I]));
    unwrap<Function>(Functions[I])->dropAllReferences();
  }
  for (size_t I = 0; I != Count; ++I) {
    Function *F = unwrap<Function>(Functions[I]);
    F->removeDeadConstantUsers();
    Left.forget(F);
    F->eraseFromParent();
  }
  return Left.erase();
}

extern "C" void martlet_ir_set_held(LLVMValueRef Ref, int Held) {
  Function *F = unwrap<Function>(Ref);
  if (Held) {
    // Being internal implied that it is near; being external again does not.
    if (F->hasLocalLinkage()) {
      F->setLinkage(GlobalValue::ExternalLinkage);
      F->setDSOLocal(false);
    }
    F->setLinkage(GlobalValue::ExternalLinkage);
    F->removeFnAttr(DroppedAttribute);
    return;
  }
  F->addFnAttr(DroppedAttribute);
  if (F->isDeclaration() || follower(F))
    return;
  F->setComdat(nullptr);
  F->setLinkage(GlobalValue::InternalLinkage);
}

extern "C" void martlet_ir_forget_dropped(LLVMModuleRef Module) {
  for (Function &F : *unwrap(Module))
    F.removeFnAttr(DroppedAttribute);
}

extern "C" int martlet_ir_is_dropped(LLVMValueRef Ref) {
  return unwrap<Function>(Ref)->hasFnAttribute(DroppedAttribute);
}

extern "C" void martlet_ir_guard(LLVMModuleRef Module, const LLVMValueRef *Globals,
                                 unsigned char *Added, size_t Count) {
  SmallVector<GlobalValue *, 16> Values;
  collectUsedGlobalVariables(*unwrap(Module), Values, false);
  collectUsedGlobalVariables(*unwrap(Module), Values, true);
  SmallPtrSet<GlobalValue *, 16> Listed(Values.begin(), Values.end());
  Values.clear();
  for (size_t I = 0; I != Count; ++I) {
    auto *Global = unwrap<GlobalValue>(Globals[I]);
    Added[I] = Listed.insert(Global).second;
    if (Added[I])
      Values.push_back(Global);
  }
  if (!Values.empty())
    appendToCompilerUsed(*unwrap(Module), Values);
}

extern "C" void martlet_ir_unguard(LLVMModuleRef Module, const LLVMValueRef *Globals,
                                   size_t Count) {
  SmallPtrSet<const Value *, 16> Values;
  for (size_t I = 0; I != Count; ++I)
    Values.insert(unwrap(Globals[I]));
  removeFromUsedLists(*unwrap(Module),
                      [&](Constant *C) { return Values.contains(C->stripPointerCasts()); });
}
