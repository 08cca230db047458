#include "carry.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/GlobalAlias.h"
#include "llvm/IR/GlobalIFunc.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;

namespace martlet {

// A body compiled for a named CPU does not inline into one compiled for another.
static void stripTarget(Function *F) {
  for (const char *Name : {"target-cpu", "target-features", "tune-cpu"})
    F->removeFnAttr(Name);
}

// The unit does not know where an outside symbol will be.
static void placeOutside(GlobalValue *G) {
  G->setVisibility(GlobalValue::DefaultVisibility);
  G->setDSOLocal(false);
}

std::string Carrier::localName(const GlobalValue *Local) const {
  return (Prefix + Local->getName()).str();
}

// What a name means to the linker. A static of the module's own that happens to have the name of an
// outside symbol steps aside.
GlobalValue *Carrier::visible(StringRef Name) {
  GlobalValue *Known = Into.getNamedValue(Name);
  if (Known && Known->hasLocalLinkage()) {
    Known->setName(Name + ".local");
    return nullptr;
  }
  return Known;
}

// What stays outside is found by its name.
void Carrier::hasName(const GlobalValue *G) {
  if (!G->hasName() && How != Carrying::Canonical && Wrong.empty())
    Wrong = "something without a name is named in it";
}

bool Carrier::body(Function *Source, Function *To, GlobalValue::LinkageTypes Linkage) {
  if (Error Unread = Source->materialize()) {
    Wrong = toString(std::move(Unread));
    return false;
  }
  Map[Source] = To;
  Given.push_back(To);
  auto Param = To->arg_begin();
  for (Argument &A : Source->args()) {
    Param->setName(A.getName());
    Map[&A] = &*Param++;
  }
  SmallVector<ReturnInst *, 8> Returns;
  CloneFunctionInto(To, Source, Map, CloneFunctionChangeType::DifferentModule, Returns, "", nullptr,
                    nullptr, this);
  To->setComdat(nullptr);
  To->setCallingConv(Source->getCallingConv());
  placeOutside(To);
  To->setLinkage(Linkage);
  if (How == Carrying::Library)
    stripTarget(To);
  return Wrong.empty();
}

bool Carrier::pending(function_ref<void(StringRef)> Each) {
  while (!Work.empty()) {
    auto [Source, To] = Work.pop_back_val();
    if (!To->isDeclaration())
      continue;
    bool Local = Source->hasLocalLinkage();
    if (!body(Source, To,
              Local ? GlobalValue::InternalLinkage : GlobalValue::AvailableExternallyLinkage))
      return false;
    if (!Local)
      Each(Source->getName());
  }
  return true;
}

void Carrier::undo() {
  for (Function *F : Given)
    F->deleteBody();
}

Value *Carrier::materialize(Value *V) {
  if (auto *F = dyn_cast<Function>(V))
    return F->getParent() == &Into ? nullptr : function(F);
  if (auto *G = dyn_cast<GlobalVariable>(V))
    return G->getParent() == &Into ? nullptr : variable(G);
  if (isa<GlobalAlias>(V) || isa<GlobalIFunc>(V)) {
    if (Wrong.empty())
      Wrong = ("`" + V->getName() + "` is an alias").str();
    // Any value will do: the whole clone is given up.
    return PoisonValue::get(V->getType());
  }
  return nullptr;
}

Value *Carrier::function(Function *F) {
  bool Local = F->hasLocalLinkage() && How != Carrying::Canonical;
  std::string Name = Local ? localName(F) : F->getName().str();
  if (!Local) {
    hasName(F);
    if (GlobalValue *Known = visible(Name))
      return Known;
  } else if (How != Carrying::Body) {
    // A body that comes back brings its own statics: those left behind may have been changed since.
    auto *Known = dyn_cast_or_null<Function>(Into.getNamedValue(Name));
    if (Known && Known->hasLocalLinkage() && Known->getFunctionType() == F->getFunctionType())
      return Known;
  }
  Function *D = Function::Create(F->getFunctionType(), GlobalValue::ExternalLinkage,
                                 F->getAddressSpace(), Name, &Into);
  D->setCallingConv(F->getCallingConv());
  if (How != Carrying::Canonical)
    D->setAttributes(F->getAttributes());
  if (How == Carrying::Library)
    stripTarget(D);
  bool Inlinable = How == Carrying::Library && !F->isDeclaration() &&
                   !F->hasFnAttribute(Attribute::NoInline);
  if (Local || Inlinable)
    Work.push_back({F, D});
  return D;
}

Value *Carrier::variable(GlobalVariable *G) {
  if (G->hasLocalLinkage() && G->isConstant() && G->hasInitializer())
    return constant(G);
  if (G->hasLocalLinkage() && How != Carrying::Canonical) {
    if (Wrong.empty())
      Wrong = ("static variable `" + G->getName() + "` can be written: it would exist twice").str();
    return PoisonValue::get(G->getType());
  }
  hasName(G);
  if (GlobalValue *Known = visible(G->getName()))
    return Known;
  auto *D = new GlobalVariable(Into, G->getValueType(), G->isConstant(),
                               GlobalValue::ExternalLinkage, nullptr, G->getName(), nullptr,
                               G->getThreadLocalMode(), G->getAddressSpace());
  if (How == Carrying::Canonical)
    return D;
  D->copyAttributesFrom(G);
  D->setComdat(nullptr);
  placeOutside(D);
  if (G->isConstant() && G->hasDefinitiveInitializer()) {
    Map[G] = D;
    D->setInitializer(MapValue(G->getInitializer(), Map, RF_None, nullptr, this));
    D->setLinkage(GlobalValue::AvailableExternallyLinkage);
  }
  return D;
}

Value *Carrier::constant(GlobalVariable *G) {
  bool Canonical = How == Carrying::Canonical;
  std::string Name = Canonical ? ("constant." + Twine(Constants++)).str() : localName(G);
  auto *D = new GlobalVariable(Into, G->getValueType(), true, G->getLinkage(), nullptr, Name, nullptr,
                               G->getThreadLocalMode(), G->getAddressSpace());
  D->copyAttributesFrom(G);
  D->setComdat(nullptr);
  Map[G] = D;
  Constant *Content = MapValue(G->getInitializer(), Map, RF_None, nullptr, this);
  GlobalVariable *Known = Canonical ? nullptr : Into.getNamedGlobal(Name);
  if (Known && Known != D && Known->hasLocalLinkage() && Known->isConstant() &&
      Known->getLinkage() == D->getLinkage() && Known->hasInitializer() &&
      Known->getInitializer() == Content) {
    D->replaceAllUsesWith(Known);
    Map[G] = Known;
    D->eraseFromParent();
    return Known;
  }
  D->setInitializer(Content);
  return D;
}

void dropEmptyCompileUnits(Module &M) {
  if (NamedMDNode *Units = M.getNamedMetadata("llvm.dbg.cu"))
    if (Units->getNumOperands() == 0)
      Units->eraseFromParent();
}

} // namespace martlet
