#include "statics.h"
#include "watcher.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Instruction.h"

using namespace llvm;

namespace martlet {

// Constants are looked through: what counts is what they are made of.
void Statics::operands(const User &By) {
  SmallVector<const User *, 16> Inside{&By};
  SmallPtrSet<const User *, 16> Seen;
  while (!Inside.empty())
    for (const Value *Operand : Inside.pop_back_val()->operands()) {
      auto *Global = dyn_cast<GlobalValue>(Operand);
      if (Global && Global->hasLocalLinkage()) {
        auto *Static = const_cast<GlobalValue *>(Global);
        if (Found.insert(Static).second)
          Work.push_back(Static);
      } else if (!Global && isa<Constant>(Operand) && cast<Constant>(Operand)->getNumOperands() &&
                 Seen.insert(cast<User>(Operand)).second) {
        Inside.push_back(cast<User>(Operand));
      }
    }
}

void Statics::add(const Function &F) {
  operands(F);
  for (const BasicBlock &Block : F)
    for (const Instruction &I : Block)
      operands(I);
}

// A function that calls itself is used by nobody else.
static bool onlyItselfUses(const GlobalValue *Static) {
  return all_of(Static->users(), [&](const User *By) {
    const auto *I = dyn_cast<Instruction>(By);
    return I && I->getFunction() == Static;
  });
}

size_t Statics::erase() {
  size_t Erased = 0;
  while (!Work.empty()) {
    GlobalValue *Static = Work.pop_back_val();
    if (!Found.erase(Static))
      continue;
    Static->removeDeadConstantUsers();
    auto *F = dyn_cast<Function>(Static);
    if (!onlyItselfUses(Static) || (F && F->hasFnAttribute(DroppedAttribute)))
      continue;
    if (F)
      add(*F);
    else
      operands(*Static);
    Found.erase(Static);
    if (F)
      F->dropAllReferences();
    Static->eraseFromParent();
    ++Erased;
  }
  return Erased;
}

} // namespace martlet
