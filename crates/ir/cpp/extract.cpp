// One function into a module of its own, so that it can be compiled with all it calls as mere
// declarations (what an optimiser sees the body of, it folds), and bodies taken out and put back.
#include "carry.h"
#include "statics.h"
#include "llvm/IR/Function.h"
#include "llvm/Support/CBindingWrapping.h"

using namespace llvm;
using namespace martlet;

static Function *declare(Module &M, const Function *F) {
  Function *D = Function::Create(F->getFunctionType(), GlobalValue::ExternalLinkage,
                                 F->getAddressSpace(), F->getName(), &M);
  D->setCallingConv(F->getCallingConv());
  return D;
}

extern "C" LLVMModuleRef martlet_ir_extract(LLVMValueRef Ref, const LLVMValueRef *Brought,
                                            const uint64_t *Tags, size_t Count, const char *Name,
                                            char **Wrong) {
  Function *F = unwrap<Function>(Ref);
  Module &From = *F->getParent();
  auto Unit = std::make_unique<Module>(Name, F->getContext());
  Unit->setDataLayout(From.getDataLayout());
  Unit->setTargetTriple(From.getTargetTriple());
  SmallVector<Module::ModuleFlagEntry, 8> Flags;
  From.getModuleFlagsMetadata(Flags);
  for (auto &Flag : Flags)
    Unit->addModuleFlag(Flag.Behavior, Flag.Key->getString(), Flag.Val);

  Carrier Carry(*Unit, Carrying::Unit, "");
  Function *Root = declare(*Unit, F);
  SmallVector<Function *, 8> Bodies;
  for (size_t I = 0; I != Count; ++I)
    Bodies.push_back(declare(*Unit, unwrap<Function>(Brought[I])));
  bool Fine = Carry.body(F, Root, GlobalValue::ExternalLinkage);
  for (size_t I = 0; Fine && I != Count; ++I) {
    Fine = Carry.body(unwrap<Function>(Brought[I]), Bodies[I],
                      GlobalValue::AvailableExternallyLinkage);
    Bodies[I]->addFnAttr(TagAttribute, Twine(Tags[I]).str());
  }
  if (!Fine || !Carry.pending([](StringRef) {})) {
    *Wrong = message(Carry.Wrong);
    return nullptr;
  }
  dropEmptyCompileUnits(*Unit);
  return wrap(Unit.release());
}

extern "C" void martlet_ir_take_body(LLVMValueRef Ref) {
  Function *F = unwrap<Function>(Ref);
  Statics Left;
  Left.add(*F);
  F->deleteBody();
  F->setComdat(nullptr);
  Left.erase();
}

extern "C" char *martlet_ir_give_body(LLVMValueRef To, LLVMValueRef Source,
                                      const LLVMValueRef *Theirs, const LLVMValueRef *Ours,
                                      size_t Count) {
  Function *F = unwrap<Function>(To);
  Carrier Carry(*F->getParent(), Carrying::Body, "");
  for (size_t I = 0; I != Count; ++I)
    Carry.put(unwrap(Theirs[I]), unwrap(Ours[I]));
  if (!Carry.body(unwrap<Function>(Source), F, GlobalValue::ExternalLinkage) ||
      !Carry.pending([](StringRef) {})) {
    Carry.undo();
    return message(Carry.Wrong);
  }
  dropEmptyCompileUnits(*F->getParent());
  return nullptr;
}

extern "C" char *martlet_ir_canonical_text(LLVMValueRef Ref) {
  Function *F = unwrap<Function>(Ref);
  Module Alone("", F->getContext());
  Function *Copy = declare(Alone, F);
  if (F->isDeclaration())
    Copy->setAttributes(F->getAttributes());
  else
    Carrier(Alone, Carrying::Canonical, "").body(F, Copy, F->getLinkage());
  dropEmptyCompileUnits(Alone);
  std::string Text;
  raw_string_ostream Out(Text);
  Alone.print(Out, nullptr);
  return message(Text);
}
