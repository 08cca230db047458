// Collects a context's diagnostics. LLVM's own handler prints errors and then calls exit(1),
// which a process that only wanted something compiled must never meet.
#include "watcher.h"
#include "llvm-c/Core.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CBindingWrapping.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace martlet {

bool Watcher::handleDiagnostics(const DiagnosticInfo &Info) {
  if (const auto *Remark = dyn_cast<OptimizationRemark>(&Info)) {
    if (Tagged)
      inlined(*Remark);
    return true;
  }
  if (Info.getSeverity() != DS_Error)
    return true;
  raw_string_ostream Out(Errors);
  if (!Errors.empty())
    Out << "; ";
  DiagnosticPrinterRawOStream Printer(Out);
  Info.print(Printer);
  return true;
}

std::optional<uint64_t> tagOf(const Function *F) {
  uint64_t Tag = 0;
  if (!F || !F->hasFnAttribute(TagAttribute) ||
      F->getFnAttribute(TagAttribute).getValueAsString().getAsInteger(10, Tag))
    return std::nullopt;
  return Tag;
}

// The inliners name callee and caller in their remark while both still stand in the module.
void Watcher::inlined(const OptimizationRemark &Remark) {
  StringRef Name = Remark.getRemarkName();
  if (Name != "Inlined" && Name != "AlwaysInline")
    return;
  const Module *M = Remark.getFunction().getParent();
  std::optional<uint64_t> Callee, Caller;
  for (const auto &Arg : Remark.getArgs()) {
    if (Arg.Key == "Callee")
      Callee = tagOf(M->getFunction(Arg.Val));
    else if (Arg.Key == "Caller")
      Caller = tagOf(M->getFunction(Arg.Val));
  }
  if (!Callee)
    return;
  martlet_ir_inlining Inlining{*Callee, Caller.value_or(0), !Caller.has_value()};
  Tagged(User, &Inlining);
}

Watcher &watcher(LLVMContext &Context) {
  return *const_cast<Watcher *>(static_cast<const Watcher *>(Context.getDiagHandlerPtr()));
}

char *message(const Twine &Text) { return LLVMCreateMessage(Text.str().c_str()); }

} // namespace martlet

extern "C" void martlet_ir_header_version(unsigned *Major, unsigned *Minor, unsigned *Patch) {
  *Major = LLVM_VERSION_MAJOR;
  *Minor = LLVM_VERSION_MINOR;
  *Patch = LLVM_VERSION_PATCH;
}

extern "C" void martlet_ir_context_watch(LLVMContextRef Context) {
  unwrap(Context)->setDiagnosticHandler(std::make_unique<martlet::Watcher>());
}

extern "C" char *martlet_ir_context_take_errors(LLVMContextRef Context) {
  martlet::Watcher &Watcher = martlet::watcher(*unwrap(Context));
  if (Watcher.Errors.empty())
    return nullptr;
  char *Text = martlet::message(Watcher.Errors);
  Watcher.Errors.clear();
  return Text;
}
