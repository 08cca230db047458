// A library of bitcode that stays resident, lazily read, in the context that borrows from it.
#include "carry.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/Function.h"
#include "llvm/Support/CBindingWrapping.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using namespace martlet;

extern "C" LLVMModuleRef martlet_ir_library_open(LLVMContextRef Context, const char *Bytes,
                                                 size_t Length, const char *Name, char **Wrong) {
  auto Buffer = MemoryBuffer::getMemBuffer(StringRef(Bytes, Length), Name, false);
  auto Library = getOwningLazyBitcodeModule(std::move(Buffer), *unwrap(Context));
  if (!Library) {
    *Wrong = message(toString(Library.takeError()));
    return nullptr;
  }
  StripDebugInfo(**Library);
  return wrap(Library->release());
}

static Function *defined(Module &Library, StringRef Name) {
  Function *F = Library.getFunction(Name);
  return F && !F->isDeclaration() && !F->isIntrinsic() ? F : nullptr;
}

extern "C" LLVMValueRef martlet_ir_library_find(LLVMModuleRef Library, const char *Name,
                                                size_t Length) {
  return wrap(defined(*unwrap(Library), StringRef(Name, Length)));
}

extern "C" void martlet_ir_library_names(LLVMModuleRef Library, martlet_ir_named Visit, void *User) {
  for (Function &F : *unwrap(Library))
    if (!F.isDeclaration() && !F.hasLocalLinkage())
      Visit(User, F.getName().data(), F.getName().size());
}

static std::string typesDiffer(const Function *F, const Function *Source) {
  std::string Text;
  raw_string_ostream Out(Text);
  Out << "`" << F->getName() << "` is declared as `" << *F->getFunctionType()
      << "`, but the library defines `" << *Source->getFunctionType() << "`";
  return Text;
}

static char *refuse(Carrier &Carry) {
  Carry.undo();
  return message(Carry.Wrong);
}

// What the library knows of a function, added to what the module says of it.
static void addAttributes(Function *F, const Function *Source) {
  LLVMContext &Context = F->getContext();
  AttributeList Theirs = Source->getAttributes(), All = F->getAttributes();
  for (unsigned Place : Theirs.indexes())
    All = All.addAttributesAtIndex(Context, Place,
                                   AttrBuilder(Context, Theirs.getAttributes(Place)));
  F->setAttributes(All);
  for (const char *Name : {"target-cpu", "target-features", "tune-cpu"})
    F->removeFnAttr(Name);
}

static char *adoptLayout(Module &Into, Module &Library) {
  if (Into.getDataLayoutStr().empty())
    Into.setDataLayout(Library.getDataLayout());
  if (Into.getTargetTriple().empty())
    Into.setTargetTriple(Library.getTargetTriple());
  if (Into.getDataLayout() != Library.getDataLayout())
    return message("the library was built for data layout `" + Library.getDataLayoutStr() +
                   "`, not `" + Into.getDataLayoutStr() + "`");
  return nullptr;
}

extern "C" char *martlet_ir_library_import(LLVMModuleRef IntoRef, LLVMModuleRef LibraryRef,
                                           const char *Prefix, martlet_ir_named Imported,
                                           void *User) {
  Module &Into = *unwrap(IntoRef), &Library = *unwrap(LibraryRef);
  SmallVector<std::pair<Function *, Function *>, 16> Wanted;
  for (Function &F : Into) {
    if (!F.isDeclaration() || F.isIntrinsic())
      continue;
    Function *Source = defined(Library, F.getName());
    if (!Source || Source->hasLocalLinkage())
      continue;
    if (Source->getFunctionType() != F.getFunctionType())
      return message(typesDiffer(&F, Source));
    Wanted.push_back({Source, &F});
  }
  if (Wanted.empty())
    return nullptr;
  if (char *Wrong = adoptLayout(Into, Library))
    return Wrong;
  auto Tell = [&](StringRef Name) { Imported(User, Name.data(), Name.size()); };
  Carrier Carry(Into, Carrying::Library, Prefix);
  for (auto [Source, F] : Wanted) {
    // One that must not inline is as good as a declaration, and costs nothing to compile.
    if (Source->hasFnAttribute(Attribute::NoInline)) {
      addAttributes(F, Source);
      F->setDSOLocal(false);
      continue;
    }
    if (!F->isDeclaration())
      continue;
    if (!Carry.body(Source, F, GlobalValue::AvailableExternallyLinkage))
      return refuse(Carry);
    Tell(F->getName());
  }
  if (!Carry.pending(Tell))
    return refuse(Carry);
  dropEmptyCompileUnits(Into);
  return nullptr;
}

extern "C" char *martlet_ir_library_restore(LLVMModuleRef IntoRef, LLVMModuleRef LibraryRef,
                                            const char *Prefix, LLVMValueRef Ref) {
  Module &Into = *unwrap(IntoRef), &Library = *unwrap(LibraryRef);
  Function *F = unwrap<Function>(Ref);
  StringRef Name = F->getName();
  bool Local = F->hasLocalLinkage() && Name.consume_front(Prefix);
  Function *Source = defined(Library, Name);
  if (!Source)
    return message("`" + Name + "` is not in the library");
  if (Source->getFunctionType() != F->getFunctionType())
    return message(typesDiffer(F, Source));
  F->deleteBody();
  Carrier Carry(Into, Carrying::Library, Prefix);
  if (!Carry.body(Source, F,
                  Local ? GlobalValue::InternalLinkage : GlobalValue::AvailableExternallyLinkage) ||
      !Carry.pending([](StringRef) {}))
    return refuse(Carry);
  dropEmptyCompileUnits(Into);
  return nullptr;
}

extern "C" char *martlet_ir_library_text(LLVMModuleRef LibraryRef, const char *Name, size_t Length,
                                         const char *Prefix, int Local) {
  Module &Library = *unwrap(LibraryRef);
  StringRef Original(Name, Length);
  Function *Source = defined(Library, Original);
  if (!Source || Source->hasLocalLinkage() != bool(Local) ||
      (!Local && Source->hasFnAttribute(Attribute::NoInline)))
    return nullptr;
  Module Scratch("", Library.getContext());
  Function *F = Function::Create(Source->getFunctionType(), GlobalValue::ExternalLinkage,
                                 Source->getAddressSpace(),
                                 (Local ? Prefix : "") + Original, &Scratch);
  Carrier Carry(Scratch, Carrying::Library, Prefix);
  if (!Carry.body(Source, F,
                  Local ? GlobalValue::InternalLinkage : GlobalValue::AvailableExternallyLinkage))
    return nullptr;
  return martlet_ir_canonical_text(wrap(F));
}
