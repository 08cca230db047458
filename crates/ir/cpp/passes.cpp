// Pass pipelines, parsed anew for every run: a parsed `default<O1>` and above runs only once.
#include "watcher.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

static thread_local std::string CurrentPass;

extern "C" const char *martlet_ir_current_pass(size_t *Length) {
  if (CurrentPass.empty())
    return nullptr;
  *Length = CurrentPass.size();
  return CurrentPass.data();
}

// A pass manager or adaptor is not what a reader means by a pass.
static bool isWrapper(StringRef Pass) {
  return Pass.contains("PassManager") || Pass.contains("PassAdaptor") ||
         Pass.contains("WrapperPass") || Pass.contains("RequireAnalysis");
}

extern "C" char *martlet_ir_run_passes(LLVMModuleRef Ref, LLVMTargetMachineRef Machine,
                                       const char *Text, size_t Length,
                                       martlet_ir_inlined Inlined, void *User) {
  Module &M = *unwrap(Ref);
  LoopAnalysisManager LAM;
  FunctionAnalysisManager FAM;
  CGSCCAnalysisManager CGAM;
  ModuleAnalysisManager MAM;
  PassInstrumentationCallbacks Callbacks;
  Callbacks.registerBeforeNonSkippedPassCallback([](StringRef Pass, Any) {
    if (!isWrapper(Pass))
      CurrentPass.assign(Pass.data(), Pass.size());
  });
  PassBuilder Builder(reinterpret_cast<TargetMachine *>(Machine), PipelineTuningOptions(),
                      std::nullopt, &Callbacks);
  Builder.registerModuleAnalyses(MAM);
  Builder.registerCGSCCAnalyses(CGAM);
  Builder.registerFunctionAnalyses(FAM);
  Builder.registerLoopAnalyses(LAM);
  Builder.crossRegisterProxies(LAM, FAM, CGAM, MAM);
  ModulePassManager Passes;
  if (Error Wrong = Builder.parsePassPipeline(Passes, StringRef(Text, Length)))
    return martlet::message(toString(std::move(Wrong)));
  martlet::Watcher &Watcher = martlet::watcher(M.getContext());
  Watcher.Tagged = Inlined;
  Watcher.User = User;
  Passes.run(M, MAM);
  Watcher.Tagged = nullptr;
  Watcher.User = nullptr;
  CurrentPass.clear();
  return nullptr;
}
