// Carries functions from one module into another of the same context: bodies are cloned, what they
// name is declared, and what has no name outside (static functions, constants) comes along.
#ifndef MARTLET_IR_CARRY_H
#define MARTLET_IR_CARRY_H

#include "watcher.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/ValueMapper.h"
#include <string>
#include <utility>

namespace martlet {

enum class Carrying {
  Unit,      // one function into a unit of its own
  Body,      // one function back into the module that it was taken out of, with statics of its own
  Library,   // helpers into a module that names them
  Canonical, // one function alone, to be printed and compared
};

class Carrier final : public llvm::ValueMaterializer {
public:
  Carrier(llvm::Module &Into, Carrying How, llvm::StringRef Prefix)
      : Into(Into), How(How), Prefix(Prefix) {}

  // Has `To` stand for `Source` in what is carried.
  void put(llvm::Value *Source, llvm::Value *To) { Map[Source] = To; }
  // Gives `To`, a declaration of the same type, the body of `Source`.
  bool body(llvm::Function *Source, llvm::Function *To, llvm::GlobalValue::LinkageTypes Linkage);
  // The bodies that those before them asked for. `Each` hears the names of library functions.
  bool pending(llvm::function_ref<void(llvm::StringRef)> Each);
  // After a failure: takes back the bodies that were given.
  void undo();
  llvm::Value *materialize(llvm::Value *V) override;

  // Empty while all is well.
  std::string Wrong;

private:
  llvm::Value *function(llvm::Function *F);
  llvm::Value *variable(llvm::GlobalVariable *G);
  llvm::Value *constant(llvm::GlobalVariable *G);
  llvm::GlobalValue *visible(llvm::StringRef Name);
  void hasName(const llvm::GlobalValue *G);
  std::string localName(const llvm::GlobalValue *Local) const;

  llvm::Module &Into;
  Carrying How;
  llvm::StringRef Prefix;
  unsigned Constants = 0;
  llvm::ValueToValueMapTy Map;
  llvm::SmallVector<llvm::Function *, 8> Given;
  llvm::SmallVector<std::pair<llvm::Function *, llvm::Function *>, 8> Work;
};

// Cloning between modules leaves an empty list of compile units, which readers warn about.
void dropEmptyCompileUnits(llvm::Module &M);

} // namespace martlet
#endif
