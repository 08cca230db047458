// Pass pipelines, parsed anew for every run: a parsed `default<O1>` and above runs only once.
#include "watcher.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LazyCallGraph.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassInstrumentation.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

// A view of a literal, because thread-local objects may be gone before a thread's modules are.
static thread_local StringRef CurrentPass;

extern "C" const char *martlet_ir_current_pass(size_t *Length) {
  if (CurrentPass.empty())
    return nullptr;
  *Length = CurrentPass.size();
  return CurrentPass.data();
}

// A pass manager or adaptor is not what a reader means by a pass.
static bool isWrapper(StringRef Pass) {
  return Pass.contains("PassManager") || Pass.contains("PassAdaptor") ||
         Pass.contains("WrapperPass") || Pass.contains("RequireAnalysis") ||
         Pass.contains("RepeatedPass");
}

namespace {

// What a pass works on, remembered before it runs, because it may delete what it was given.
struct Unit {
  // Of a module: null.
  SmallVector<const Function *, 4> Functions;
  bool IsOne = false;

  void set(Any &IR) {
    Functions.clear();
    IsOne = true;
    if (const auto *F = any_cast<const Function *>(&IR)) {
      Functions.push_back(*F);
    } else if (const auto *L = any_cast<const Loop *>(&IR)) {
      Functions.push_back((*L)->getHeader()->getParent());
    } else {
      IsOne = false;
      if (const auto *C = any_cast<const LazyCallGraph::SCC *>(&IR))
        for (const LazyCallGraph::Node &N : **C)
          Functions.push_back(&N.getFunction());
      else
        Functions.push_back(nullptr);
    }
  }
};

// Tells the observer which functions a pass may have changed. Passes do not nest, once pass managers
// and the like are looked through.
class Reporter {
  const martlet_ir_observer &Observer;
  Unit Current;

  void tell(martlet_ir_touch Touch) {
    for (const Function *F : Current.Functions)
      Observer.touched(Observer.user, wrap(F), Touch);
  }

  void ended(StringRef Pass) {
    if (!isWrapper(Pass))
      tell(Current.IsOne ? MARTLET_IR_CHANGED : MARTLET_IR_SUSPECT);
  }

public:
  Reporter(const martlet_ir_observer &Observer, PassInstrumentationCallbacks &Callbacks)
      : Observer(Observer) {
    Callbacks.registerBeforeNonSkippedPassCallback([this](StringRef Pass, Any IR) {
      if (isWrapper(Pass))
        return;
      CurrentPass = Pass;
      if (!this->Observer.touched)
        return;
      Current.set(IR);
      if (!Current.IsOne)
        tell(MARTLET_IR_BEFORE);
    });
    if (!Observer.touched)
      return;
    Callbacks.registerAfterPassCallback([this](StringRef Pass, Any, const PreservedAnalyses &Kept) {
      if (!Kept.areAllPreserved())
        ended(Pass);
    });
    Callbacks.registerAfterPassInvalidatedCallback(
        [this](StringRef Pass, const PreservedAnalyses &) { ended(Pass); });
  }
};

} // namespace

extern "C" char *martlet_ir_run_passes(LLVMModuleRef Ref, LLVMTargetMachineRef Machine,
                                       const char *Text, size_t Length,
                                       const martlet_ir_observer *Observer) {
  Module &M = *unwrap(Ref);
  LoopAnalysisManager LAM;
  FunctionAnalysisManager FAM;
  CGSCCAnalysisManager CGAM;
  ModuleAnalysisManager MAM;
  PassInstrumentationCallbacks Callbacks;
  Reporter Reports(*Observer, Callbacks);
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
  Watcher.Tagged = Observer->inlined;
  Watcher.User = Observer->user;
  Passes.run(M, MAM);
  Watcher.Tagged = nullptr;
  Watcher.User = nullptr;
  CurrentPass = StringRef();
  return nullptr;
}
