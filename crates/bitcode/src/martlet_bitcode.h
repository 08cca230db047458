/* martlet_bitcode.h: what C cannot say of a function, said to LLVM.
 *
 * Put these macros in front of a definition. Each becomes an attribute or metadata of LLVM, by which calls may be hoisted
 * out of loops, merged or dropped; the native code is generated with them, too. The build looks at the body and
 * refuses what is not so or cannot be seen to be so. Some things C can say itself: `restrict` for parameters that do
 * not alias, `nonnull` for those that are never NULL, `_Noreturn`.
 */
#ifndef MARTLET_BITCODE_H
#define MARTLET_BITCODE_H

#define BITCODE_DECLARE(text) __attribute__((annotate("martlet_bitcode: " text)))

/* It comes back: no endless loop, no exit. Loops need a bound that LLVM can see. */
#define BITCODE_WILLRETURN BITCODE_DECLARE("willreturn")

/* It does not communicate with other threads: no atomic, no lock, nothing volatile. */
#define BITCODE_NOSYNC BITCODE_DECLARE("nosync")

/* It neither reads nor writes memory: the result depends on the arguments' values alone. */
#define BITCODE_NO_MEMORY BITCODE_DECLARE("memory(none)")

/* It writes no memory. */
#define BITCODE_READS BITCODE_DECLARE("memory(read)")

/* It reads only what its pointer arguments point at, and writes nothing. */
#define BITCODE_READS_ARGUMENTS BITCODE_DECLARE("memory(argmem: read)")

/* It reads and writes only what its pointer arguments point at. */
#define BITCODE_ONLY_ARGUMENTS BITCODE_DECLARE("memory(argmem: readwrite)")

/* The result points at memory that nothing else points at, as malloc's does. Not checked. */
#define BITCODE_NEW BITCODE_DECLARE("ret noalias")

/* The result is never NULL. Not checked. */
#define BITCODE_NONNULL __attribute__((returns_nonnull))

/* The result, an integer, is at least `low` and less than `high`; both are plain numbers. Not checked. */
#define BITCODE_RANGE(low, high) BITCODE_DECLARE("ret range(" #low ", " #high ")")

/* A rare path: stays a call of native code. */
#define BITCODE_COLD __attribute__((cold, noinline))

/* Behind a member of a structure: an access to it does not alias with one to a member of another name. Such members must
 * be accessed in no other way than by their structure. Not checked. */
#define BITCODE_FIELD(name) BITCODE_DECLARE("tbaa " name)

#endif
