// The diagnostic handler that every context of martlet-ir has, and small things all files share.
#ifndef MARTLET_IR_WATCHER_H
#define MARTLET_IR_WATCHER_H

#include "martlet_ir.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/IR/DiagnosticHandler.h"
#include <optional>
#include <string>

namespace llvm {
class Function;
class LLVMContext;
class OptimizationRemark;
} // namespace llvm

namespace martlet {

// The string attribute that carries a brought function's tag.
constexpr const char *TagAttribute = "martlet-tag";
// The string attribute of functions that nobody owns any more.
constexpr const char *DroppedAttribute = "martlet-dropped";

struct Watcher final : llvm::DiagnosticHandler {
  std::string Errors;
  // Set while a pipeline runs over a module with tags.
  martlet_ir_inlined Tagged = nullptr;
  void *User = nullptr;

  bool handleDiagnostics(const llvm::DiagnosticInfo &Info) override;
  bool isAnalysisRemarkEnabled(llvm::StringRef) const override { return false; }
  bool isMissedOptRemarkEnabled(llvm::StringRef) const override { return false; }
  bool isPassedOptRemarkEnabled(llvm::StringRef Pass) const override {
    return Tagged && Pass == "inline";
  }
  bool isAnyRemarkEnabled() const override { return Tagged; }

private:
  void inlined(const llvm::OptimizationRemark &Remark);
};

Watcher &watcher(llvm::LLVMContext &Context);
std::optional<uint64_t> tagOf(const llvm::Function *F);
char *message(const llvm::Twine &Text);

} // namespace martlet
#endif
