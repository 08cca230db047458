// Hashes that tell whether a pass changed a value. Constants, types, attribute lists and globals
// are unique within a context, so their addresses stand for them; local values are numbered.
#include "martlet_ir.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"

using namespace llvm;

namespace {

class BodyHash {
  DenseMap<const Value *, unsigned> Numbers;
  hash_code State = hash_code(0);

  template <typename... T> void add(const T &...Parts) { State = hash_combine(State, Parts...); }

  void operand(const Value *V) {
    auto Known = Numbers.find(V);
    if (Known != Numbers.end())
      add(1u, Known->second);
    else
      add(2u, static_cast<const void *>(V));
  }

  void instruction(const Instruction &I) {
    add(I.getOpcode(), I.getType(), I.getRawSubclassOptionalData(), I.getNumOperands());
    for (const Value *Op : I.operand_values())
      operand(Op);
    if (const auto *Load = dyn_cast<LoadInst>(&I))
      add(Load->getAlign().value(), Load->isVolatile(), unsigned(Load->getOrdering()));
    else if (const auto *Store = dyn_cast<StoreInst>(&I))
      add(Store->getAlign().value(), Store->isVolatile(), unsigned(Store->getOrdering()));
    else if (const auto *Compare = dyn_cast<CmpInst>(&I))
      add(unsigned(Compare->getPredicate()));
    else if (const auto *Call = dyn_cast<CallBase>(&I))
      add(Call->getAttributes().getRawPointer(), unsigned(Call->getCallingConv()));
    else if (const auto *Element = dyn_cast<GetElementPtrInst>(&I))
      add(Element->getSourceElementType());
    else if (const auto *Slot = dyn_cast<AllocaInst>(&I))
      add(Slot->getAllocatedType(), Slot->getAlign().value());
    else if (const auto *Phi = dyn_cast<PHINode>(&I))
      for (const BasicBlock *Block : Phi->blocks())
        operand(Block);
    else if (const auto *Extract = dyn_cast<ExtractValueInst>(&I))
      add(hash_combine_range(Extract->idx_begin(), Extract->idx_end()));
    else if (const auto *Insert = dyn_cast<InsertValueInst>(&I))
      add(hash_combine_range(Insert->idx_begin(), Insert->idx_end()));
    else if (const auto *Shuffle = dyn_cast<ShuffleVectorInst>(&I))
      for (int Lane : Shuffle->getShuffleMask())
        add(Lane);
  }

  void number(const Value *V) {
    unsigned Next = Numbers.size();
    Numbers[V] = Next;
  }

  void number(const BasicBlock &Block) {
    number(&Block);
    for (const Instruction &I : Block)
      number(&I);
  }

public:
  uint64_t of(const Value *V) {
    if (const auto *F = dyn_cast<Function>(V)) {
      for (const Argument &A : F->args())
        number(&A);
      for (const BasicBlock &Block : *F)
        number(Block);
      for (const BasicBlock &Block : *F)
        for (const Instruction &I : Block)
          instruction(I);
      add(F->isDeclaration(), Numbers.size());
    } else if (const auto *Block = dyn_cast<BasicBlock>(V)) {
      number(*Block);
      for (const Instruction &I : *Block)
        instruction(I);
    } else if (const auto *I = dyn_cast<Instruction>(V)) {
      instruction(*I);
    } else if (const auto *Variable = dyn_cast<GlobalVariable>(V)) {
      if (Variable->hasInitializer())
        operand(Variable->getInitializer());
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
