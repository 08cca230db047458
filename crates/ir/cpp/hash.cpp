// Hashes that tell whether a pass changed a value. Everything stands for itself by its address:
// constants, types, attribute lists and globals are unique within a context, and an instruction that
// was replaced by an equal one has changed.
#include "martlet_ir.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace {

class BodyHash {
  uint64_t State = 0;

  void word(uint64_t Word) {
    State = (State ^ Word) * 0x9e3779b97f4a7c15;
    State ^= State >> 29;
  }

  void one(const void *Part) { word(reinterpret_cast<uintptr_t>(Part)); }
  void one(uint64_t Part) { word(Part); }

  template <typename... T> void add(const T &...Parts) { (one(Parts), ...); }

  void instruction(const Instruction &I) {
    uint64_t Shape = I.getOpcode() | uint64_t(I.getRawSubclassOptionalData()) << 16 |
                     uint64_t(I.getNumOperands()) << 32;
    add(&I, Shape, I.getType());
    for (const Use &Operand : I.operands())
      one(Operand.get());
    if (I.hasMetadataOtherThanDebugLoc())
      metadata(I);
    if (const auto *Load = dyn_cast<LoadInst>(&I))
      add(Load->getAlign().value(), Load->isVolatile(), unsigned(Load->getOrdering()));
    else if (const auto *Store = dyn_cast<StoreInst>(&I))
      add(Store->getAlign().value(), Store->isVolatile(), unsigned(Store->getOrdering()));
    else if (const auto *Compare = dyn_cast<CmpInst>(&I))
      add(unsigned(Compare->getPredicate()));
    else if (const auto *Call = dyn_cast<CallBase>(&I))
      call(*Call);
    else if (const auto *Update = dyn_cast<AtomicRMWInst>(&I))
      add(Update->getAlign().value(), Update->isVolatile(), unsigned(Update->getOrdering()),
          unsigned(Update->getOperation()), Update->getSyncScopeID());
    else if (const auto *Exchange = dyn_cast<AtomicCmpXchgInst>(&I))
      add(Exchange->getAlign().value(), Exchange->isVolatile(), Exchange->isWeak(),
          unsigned(Exchange->getSuccessOrdering()), unsigned(Exchange->getFailureOrdering()),
          Exchange->getSyncScopeID());
    else if (const auto *Fence = dyn_cast<FenceInst>(&I))
      add(unsigned(Fence->getOrdering()), Fence->getSyncScopeID());
    else if (const auto *Element = dyn_cast<GetElementPtrInst>(&I))
      add(Element->getSourceElementType());
    else if (const auto *Slot = dyn_cast<AllocaInst>(&I))
      add(Slot->getAllocatedType(), Slot->getAlign().value());
    else if (const auto *Switch = dyn_cast<SwitchInst>(&I))
      for (const auto &Case : Switch->cases())
        add(Case.getCaseValue());
    else if (const auto *Phi = dyn_cast<PHINode>(&I))
      for (const BasicBlock *Block : Phi->blocks())
        add(Block);
    else if (const auto *Extract = dyn_cast<ExtractValueInst>(&I))
      for (unsigned Index : Extract->indices())
        add(Index);
    else if (const auto *Insert = dyn_cast<InsertValueInst>(&I))
      for (unsigned Index : Insert->indices())
        add(Index);
    else if (const auto *Shuffle = dyn_cast<ShuffleVectorInst>(&I))
      for (int Lane : Shuffle->getShuffleMask())
        add(Lane);
  }

  void call(const CallBase &Call) {
    add(Call.getAttributes().getRawPointer(), unsigned(Call.getCallingConv()));
    if (const auto *Plain = dyn_cast<CallInst>(&Call))
      add(unsigned(Plain->getTailCallKind()));
  }

  // What is known of a value beside what it is made of; where an instruction comes from is not.
  template <typename T> void metadata(const T &Of) {
    SmallVector<std::pair<unsigned, MDNode *>, 4> Nodes;
    if constexpr (std::is_base_of_v<Instruction, T>)
      Of.getAllMetadataOtherThanDebugLoc(Nodes);
    else
      Of.getAllMetadata(Nodes);
    for (auto [Kind, Node] : Nodes)
      add(Kind, Node);
  }

  void block(const BasicBlock &Block) {
    add(&Block);
    for (const Instruction &I : Block)
      instruction(I);
  }

public:
  uint64_t of(const Value *V) {
    if (const auto *F = dyn_cast<Function>(V)) {
      add(F->isDeclaration());
      for (const Use &Operand : F->operands())
        one(Operand.get());
      if (F->hasMetadata())
        metadata(*F);
      for (const BasicBlock &Block : *F)
        block(Block);
    } else if (const auto *Block = dyn_cast<BasicBlock>(V)) {
      block(*Block);
    } else if (const auto *I = dyn_cast<Instruction>(V)) {
      instruction(*I);
    } else if (const auto *Variable = dyn_cast<GlobalVariable>(V)) {
      if (Variable->hasInitializer())
        add(Variable->getInitializer());
    }
    return State;
  }
};

} // namespace

extern "C" uint64_t martlet_ir_hash_body(LLVMValueRef Value) { return BodyHash().of(unwrap(Value)); }

extern "C" uint64_t martlet_ir_hash_interface(LLVMValueRef Ref) {
  const Value *V = unwrap(Ref);
  if (const auto *F = dyn_cast<Function>(V))
    return hash_combine(F->getFunctionType(), F->getAttributes().getRawPointer(),
                        unsigned(F->getCallingConv()), unsigned(F->getLinkage()));
  if (const auto *Variable = dyn_cast<GlobalVariable>(V))
    return hash_combine(Variable->getValueType(),
                        DenseMapInfo<AttributeSet>::getHashValue(Variable->getAttributes()),
                        Variable->isConstant(), unsigned(Variable->getThreadLocalMode()),
                        unsigned(Variable->getLinkage()), Variable->hasInitializer());
  return hash_value(V->getType());
}

extern "C" uint64_t martlet_ir_count_instructions(LLVMModuleRef Module) {
  return unwrap(Module)->getInstructionCount();
}
