// Static functions, variables and constants that are left behind when what used them goes.
#ifndef MARTLET_IR_STATICS_H
#define MARTLET_IR_STATICS_H

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Function.h"

namespace martlet {

class Statics {
public:
  // Those that a function names. It may be deleted before `erase`.
  void add(const llvm::Function &F);
  // Forgets one that is about to be deleted.
  void forget(llvm::GlobalValue *Static) { Found.erase(Static); }
  // Erases those that nothing else uses any more, and what only they used. Two and more that use each
  // other in a ring stay, for globaldce to find; dropped functions stay, for the next collection.
  size_t erase();

private:
  void operands(const llvm::User &By);

  llvm::SmallPtrSet<llvm::GlobalValue *, 16> Found;
  // In the order in which they were found. What is not in `Found` any more is passed over.
  llvm::SmallVector<llvm::GlobalValue *, 16> Work;
};

} // namespace martlet
#endif
