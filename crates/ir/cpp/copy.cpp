// A module copied from one context into another, without the way by bitcode, which costs a unit more than
// all else. It knows what small functions are made of. Anything else (debug information, landing pads,
// operand bundles, aliases, ...) it refuses, and the module goes by bitcode.
#include "martlet_ir.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Metadata.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Operator.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace llvm;

namespace {

// What is unknown is null, and the copy is given up: see `Fine`.
class Copier {
  Module &From;
  LLVMContext &Context;
  DenseMap<Type *, Type *> Types;
  DenseMap<const void *, AttributeList> Attributes;
  DenseMap<const Metadata *, Metadata *> Nodes;
  DenseMap<const Value *, Value *> Values;
  SmallVector<StringRef, 64> Kinds;
  // Whether a structure's name was another's in the new context.
  bool HasRenamed = false;
  // How deep in things within things this is. The reader of bitcode goes through them one after another;
  // the stack of this ends.
  unsigned Depth = 0;
  static constexpr unsigned Deepest = 200;

  std::nullptr_t refuse() {
    Fine = false;
    return nullptr;
  }

  template <typename List> bool types(const List &Of, SmallVectorImpl<Type *> &Copies) {
    for (Type *T : Of)
      Copies.push_back(type(T));
    return Fine;
  }

  Type *makeType(Type *T) {
    SaveAndRestore Deeper(Depth, Depth + 1);
    if (Depth > Deepest)
      return refuse();
    SmallVector<Type *, 8> Parts;
    switch (T->getTypeID()) {
    case Type::HalfTyID:
    case Type::BFloatTyID:
    case Type::FloatTyID:
    case Type::DoubleTyID:
    case Type::X86_FP80TyID:
    case Type::FP128TyID:
    case Type::PPC_FP128TyID:
    case Type::VoidTyID:
    case Type::LabelTyID:
    case Type::MetadataTyID:
      return Type::getPrimitiveType(Context, T->getTypeID());
    case Type::IntegerTyID:
      return IntegerType::get(Context, T->getIntegerBitWidth());
    case Type::PointerTyID:
      return PointerType::get(Context, T->getPointerAddressSpace());
    case Type::ArrayTyID: {
      Type *Item = type(T->getArrayElementType());
      return Item ? ArrayType::get(Item, T->getArrayNumElements()) : nullptr;
    }
    case Type::FixedVectorTyID:
    case Type::ScalableVectorTyID: {
      Type *Item = type(T->getScalarType());
      return Item ? VectorType::get(Item, cast<VectorType>(T)->getElementCount()) : nullptr;
    }
    case Type::FunctionTyID: {
      auto *F = cast<FunctionType>(T);
      Type *Result = type(F->getReturnType());
      return types(F->params(), Parts) ? FunctionType::get(Result, Parts, F->isVarArg()) : nullptr;
    }
    case Type::StructTyID: {
      auto *S = cast<StructType>(T);
      if (!types(S->elements(), Parts))
        return nullptr;
      if (S->isLiteral())
        return StructType::get(Context, Parts, S->isPacked());
      StructType *Copy = StructType::create(Context, S->getName());
      HasRenamed |= Copy->getName() != S->getName();
      if (!S->isOpaque())
        Copy->setBody(Parts, S->isPacked());
      return Copy;
    }
    default:
      return refuse();
    }
  }

  Type *type(Type *T) {
    if (Type *Known = Types.lookup(T))
      return Known;
    return Types[T] = makeType(T);
  }

  Attribute attribute(Attribute A) {
    if (A.isStringAttribute())
      return Attribute::get(Context, A.getKindAsString(), A.getValueAsString());
    if (A.isTypeAttribute()) {
      Type *T = A.getValueAsType();
      return Attribute::get(Context, A.getKindAsEnum(), T ? type(T) : nullptr);
    }
    if (A.isConstantRangeAttribute())
      return Attribute::get(Context, A.getKindAsEnum(), A.getRange());
    if (A.isConstantRangeListAttribute())
      return Attribute::get(Context, A.getKindAsEnum(), A.getInitializes());
    return Attribute::get(Context, A.getKindAsEnum(), A.isIntAttribute() ? A.getValueAsInt() : 0);
  }

  AttributeList attributes(AttributeList List) {
    if (List.isEmpty())
      return List;
    auto [Place, New] = Attributes.try_emplace(List.getRawPointer());
    if (!New)
      return Place->second;
    AttributeList Copy;
    for (unsigned Index : List.indexes()) {
      AttrBuilder Set(Context);
      for (Attribute A : List.getAttributes(Index))
        Set.addAttribute(attribute(A));
      Copy = Copy.addAttributesAtIndex(Context, Index, Set);
    }
    return Attributes[List.getRawPointer()] = Copy;
  }

  Metadata *metadata(Metadata *M) {
    if (!M)
      return nullptr;
    if (auto *String = dyn_cast<MDString>(M))
      return MDString::get(Context, String->getString());
    if (auto *Held = dyn_cast<ConstantAsMetadata>(M)) {
      Constant *Copy = constant(Held->getValue());
      return Copy ? ConstantAsMetadata::get(Copy) : nullptr;
    }
    auto *Tuple = dyn_cast<MDTuple>(M);
    SaveAndRestore Deeper(Depth, Depth + 1);
    if (!Tuple || !Tuple->isUniqued() || Depth > Deepest)
      return refuse();
    auto [Place, New] = Nodes.try_emplace(M, nullptr);
    // One that is met inside of itself is there, and not made yet.
    if (!New)
      return Place->second ? Place->second : refuse();
    SmallVector<Metadata *, 8> Parts;
    for (const MDOperand &Part : Tuple->operands())
      Parts.push_back(metadata(Part));
    return Fine ? Nodes[M] = MDTuple::get(Context, Parts) : nullptr;
  }

  unsigned kind(unsigned Kind) {
    if (Kinds.empty())
      From.getContext().getMDKindNames(Kinds);
    return Context.getMDKindID(Kinds[Kind]);
  }

  template <typename T> void attach(const T &Of, T &To) {
    SmallVector<std::pair<unsigned, MDNode *>, 4> All;
    Of.getAllMetadata(All);
    for (auto [Kind, Node] : All) {
      Metadata *Copy = metadata(Node);
      if (!Copy)
        return;
      // A function or variable may have several of one kind.
      if constexpr (std::is_base_of_v<GlobalObject, T>)
        To.addMetadata(kind(Kind), *cast<MDNode>(Copy));
      else
        To.setMetadata(kind(Kind), cast<MDNode>(Copy));
    }
  }

  Constant *makeConstant(Constant *C) {
    SaveAndRestore Deeper(Depth, Depth + 1);
    if (Depth > Deepest)
      return refuse();
    Type *T = type(C->getType());
    if (!T)
      return nullptr;
    if (auto *Int = dyn_cast<ConstantInt>(C))
      return T->isIntegerTy() ? ConstantInt::get(Context, Int->getValue()) : refuse();
    if (auto *Float = dyn_cast<ConstantFP>(C))
      return T->isFloatingPointTy() ? ConstantFP::get(Context, Float->getValueAPF()) : refuse();
    if (isa<ConstantPointerNull>(C))
      return ConstantPointerNull::get(cast<PointerType>(T));
    if (isa<PoisonValue>(C))
      return PoisonValue::get(T);
    if (isa<UndefValue>(C))
      return UndefValue::get(T);
    if (isa<ConstantAggregateZero>(C))
      return ConstantAggregateZero::get(T);
    if (auto *Data = dyn_cast<ConstantDataSequential>(C)) {
      StringRef Bytes = Data->getRawDataValues();
      Type *Item = type(Data->getElementType());
      return isa<ConstantDataArray>(C)
                 ? ConstantDataArray::getRaw(Bytes, Data->getNumElements(), Item)
                 : ConstantDataVector::getRaw(Bytes, Data->getNumElements(), Item);
    }
    SmallVector<Constant *, 8> Parts;
    for (const Use &Part : C->operands())
      Parts.push_back(isa<Constant>(Part) ? constant(cast<Constant>(Part)) : refuse());
    if (!Fine)
      return nullptr;
    if (isa<ConstantArray>(C))
      return ConstantArray::get(cast<ArrayType>(T), Parts);
    if (isa<ConstantStruct>(C))
      return ConstantStruct::get(cast<StructType>(T), Parts);
    if (isa<ConstantVector>(C))
      return ConstantVector::get(Parts);
    auto *Expression = dyn_cast<ConstantExpr>(C);
    if (!Expression)
      return refuse();
    auto *Element = dyn_cast<GEPOperator>(Expression);
    Type *Source = Element ? type(Element->getSourceElementType()) : nullptr;
    return Fine ? Expression->getWithOperands(Parts, T, false, Source) : nullptr;
  }

  Constant *constant(Constant *C) {
    if (Value *Known = Values.lookup(C))
      return cast<Constant>(Known);
    Constant *Copy = isa<GlobalValue>(C) ? refuse() : makeConstant(C);
    if (Copy)
      Values[C] = Copy;
    return Copy;
  }

  Value *value(Value *V) {
    if (Value *Known = Values.lookup(V))
      return Known;
    if (auto *C = dyn_cast<Constant>(V))
      return constant(C);
    if (auto *Held = dyn_cast<MetadataAsValue>(V))
      if (Metadata *Copy = metadata(Held->getMetadata()))
        return MetadataAsValue::get(Context, Copy);
    return refuse();
  }

  // What can be told at a glance is told before anything of the module stands in the new context.
  static bool isKnown(const Module &M) {
    return M.alias_empty() && M.ifunc_empty() && M.getModuleInlineAsm().empty() &&
           all_of(M.globals(), [](const GlobalVariable &G) { return isKnown(G); }) &&
           all_of(M.functions(), [](const Function &F) { return isKnown(F); });
  }

  static bool isKnown(const GlobalVariable &G) { return !G.hasComdat() && !G.hasAttributes(); }

  static bool isKnown(const Function &F) {
    if (F.hasComdat() || F.hasPersonalityFn() || F.hasPrefixData() || F.hasPrologueData() ||
        F.getSubprogram())
      return false;
    return all_of(F, [](const BasicBlock &Block) {
      return !Block.hasAddressTaken() &&
             all_of(Block, [](const Instruction &I) { return isKnown(I); });
    });
  }

  // Whether an instruction consists of its type, its operands and what `instruction` copies.
  static bool isKnown(const Instruction &I) {
    // The context has a table of the instructions with these marks, which a clone must not come into: it
    // would be looked for in the other context's when it goes.
    if (I.hasMetadata(LLVMContext::MD_DIAssignID))
      return false;
    // A loop's name is a node of its own that holds itself.
    if (I.getDebugLoc() || I.hasDbgRecords() || I.hasMetadata(LLVMContext::MD_loop))
      return false;
    switch (I.getOpcode()) {
    case Instruction::Ret:
    case Instruction::Br:
    case Instruction::Switch:
    case Instruction::Unreachable:
    case Instruction::Alloca:
    case Instruction::GetElementPtr:
    case Instruction::PHI:
    case Instruction::Select:
    case Instruction::ICmp:
    case Instruction::FCmp:
    case Instruction::VAArg:
    case Instruction::Freeze:
    case Instruction::ExtractElement:
    case Instruction::InsertElement:
    case Instruction::ShuffleVector:
    case Instruction::ExtractValue:
    case Instruction::InsertValue:
      return true;
    case Instruction::Call:
      return !cast<CallInst>(I).hasOperandBundles() && !cast<CallInst>(I).isInlineAsm();
    case Instruction::Load:
    case Instruction::Store:
    case Instruction::Fence:
    case Instruction::AtomicCmpXchg:
    case Instruction::AtomicRMW: {
      // Other scopes are numbered by the context.
      auto Scope = getAtomicSyncScopeID(&I);
      return !Scope || *Scope == SyncScope::System || *Scope == SyncScope::SingleThread;
    }
    default:
      return I.isUnaryOp() || I.isBinaryOp() || I.isCast();
    }
  }

  void instruction(const Instruction &I, BasicBlock *Block) {
    Instruction *Copy = I.clone();
    // Clones of metadata are the old context's, which finds them by the type.
    Copy->dropUnknownNonDebugMetadata();
    Copy->insertInto(Block, Block->end());
    Values[&I] = Copy;
    Type *T = type(I.getType());
    if (!T)
      return;
    Copy->mutateType(T);
    if (auto *Call = dyn_cast<CallInst>(Copy)) {
      if (Type *F = type(Call->getFunctionType()))
        Call->mutateFunctionType(cast<FunctionType>(F));
      Call->setAttributes(attributes(Call->getAttributes()));
    } else if (auto *Slot = dyn_cast<AllocaInst>(Copy)) {
      Slot->setAllocatedType(type(Slot->getAllocatedType()));
    } else if (auto *Element = dyn_cast<GetElementPtrInst>(Copy)) {
      Element->setSourceElementType(type(Element->getSourceElementType()));
      Element->setResultElementType(type(Element->getResultElementType()));
    } else if (auto *Shuffle = dyn_cast<ShuffleVectorInst>(Copy)) {
      SmallVector<int, 16> Mask(Shuffle->getShuffleMask());
      Shuffle->setShuffleMask(Mask);
    }
    Copy->setName(I.getName());
  }

  void connect(const Instruction &I, Instruction &Copy) {
    for (Use &Operand : Copy.operands())
      if (Value *V = value(Operand.get()))
        Operand.set(V);
    // These keep more beside their operands.
    if (auto *Switch = dyn_cast<SwitchInst>(&Copy))
      for (auto Case : Switch->cases())
        if (Constant *C = constant(Case.getCaseValue()))
          Case.setValue(cast<ConstantInt>(C));
    if (auto *Phi = dyn_cast<PHINode>(&Copy))
      for (unsigned K = 0; K != Phi->getNumIncomingValues(); ++K)
        Phi->setIncomingBlock(K, cast<BasicBlock>(Values.lookup(Phi->getIncomingBlock(K))));
    if (I.hasMetadataOtherThanDebugLoc())
      attach(I, Copy);
  }

  void body(const Function &F, Function &Copy) {
    for (const BasicBlock &Block : F)
      Values[&Block] = BasicBlock::Create(Context, Block.getName(), &Copy);
    for (const BasicBlock &Block : F)
      for (const Instruction &I : Block) {
        instruction(I, cast<BasicBlock>(Values.lookup(&Block)));
        if (!Fine)
          return;
      }
    for (const BasicBlock &Block : F)
      for (const Instruction &I : Block)
        connect(I, *cast<Instruction>(Values.lookup(&I)));
  }

  void declare(const Function &F, Module &Into) {
    Type *T = type(F.getFunctionType());
    if (!T)
      return;
    Function *Copy = Function::Create(cast<FunctionType>(T), F.getLinkage(), F.getAddressSpace(),
                                      F.getName(), &Into);
    // LLVM gives its own functions theirs.
    AttributeList List = F.isIntrinsic() ? Copy->getAttributes() : attributes(F.getAttributes());
    Copy->copyAttributesFrom(&F);
    Copy->setAttributes(List);
    Values[&F] = Copy;
    // The names of LLVM's own functions name the types that they are for.
    if (HasRenamed && F.isIntrinsic() && Intrinsic::remangleIntrinsicFunction(Copy))
      return void(refuse());
    auto Param = Copy->arg_begin();
    for (const Argument &A : F.args()) {
      Param->setName(A.getName());
      Values[&A] = &*Param++;
    }
  }

  void declare(const GlobalVariable &G, Module &Into) {
    Type *T = type(G.getValueType());
    if (!T)
      return;
    auto *Copy = new GlobalVariable(Into, T, G.isConstant(), G.getLinkage(), nullptr, G.getName(),
                                    nullptr, G.getThreadLocalMode(), G.getAddressSpace());
    Copy->copyAttributesFrom(&G);
    Values[&G] = Copy;
  }

public:
  // Whether all that was met is known.
  bool Fine = true;

  Copier(Module &From, LLVMContext &Context) : From(From), Context(Context) {}

  std::unique_ptr<Module> copy() {
    if (!isKnown(From))
      return nullptr;
    auto Into = std::make_unique<Module>(From.getModuleIdentifier(), Context);
    Into->setSourceFileName(From.getSourceFileName());
    Into->setDataLayout(From.getDataLayout());
    Into->setTargetTriple(From.getTargetTriple());
    for (const GlobalVariable &G : From.globals())
      declare(G, *Into);
    for (const Function &F : From)
      declare(F, *Into);
    for (const GlobalVariable &G : From.globals()) {
      if (!Fine)
        return nullptr;
      auto *Copy = cast<GlobalVariable>(Values.lookup(&G));
      if (G.hasInitializer())
        Copy->setInitializer(constant(const_cast<Constant *>(G.getInitializer())));
      if (G.hasMetadata())
        attach(G, *Copy);
    }
    for (const Function &F : From) {
      if (!Fine)
        return nullptr;
      auto *Copy = cast<Function>(Values.lookup(&F));
      body(F, *Copy);
      if (F.hasMetadata())
        attach(F, *Copy);
    }
    for (const NamedMDNode &Named : From.named_metadata()) {
      NamedMDNode *Copy = Into->getOrInsertNamedMetadata(Named.getName());
      for (const MDNode *Node : Named.operands())
        if (Metadata *M = metadata(const_cast<MDNode *>(Node)))
          Copy->addOperand(cast<MDNode>(M));
    }
    return Fine ? std::move(Into) : nullptr;
  }

  size_t size() const { return Types.size() + Attributes.size() + Nodes.size() + Values.size(); }
};

} // namespace

extern "C" LLVMModuleRef martlet_ir_copy(LLVMModuleRef From, LLVMContextRef Context, size_t *Size) {
  Copier Copy(*unwrap(From), *unwrap(Context));
  auto Into = Copy.copy();
  *Size = Copy.size();
  return wrap(Into.release());
}
