// Bitcode without the symbol table that linkers want: making that costs as much as all the rest for a
// small module, and no reader of modules looks at it.
#include "martlet_ir.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CBindingWrapping.h"

using namespace llvm;

extern "C" void martlet_ir_bitcode(LLVMModuleRef Module, martlet_ir_bytes Visit, void *User) {
  SmallVector<char, 0> Buffer;
  Buffer.reserve(16 * 1024);
  BitcodeWriter Writer(Buffer);
  Writer.writeModule(*unwrap(Module));
  Writer.writeStrtab();
  Visit(User, Buffer.data(), Buffer.size());
}
